"""What the name of a column says about its content, whatever language of naming it is in."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

PersonalKind: TypeAlias = Literal[
    "person name",
    "email",
    "phone",
    "address",
    "birth date",
    "ip address",
    "national id",
    "payment card",
    "bank account",
    "password",
]

_NUMBER: Final = r"( (no|nr|num|number))?"

_HINTS: Final[Mapping[PersonalKind, Sequence[str]]] = {
    "email": (r"e mail", r"e? ?mail( addr(ess)?)?"),
    "phone": (
        rf"(tele)?phone{_NUMBER}",
        rf"(tel|fax|mobile|cell|handy|msisdn){_NUMBER}",
        rf"(mobile|cell|home|work|contact) (tele)?phone{_NUMBER}",
    ),
    "person name": (
        r"(given|first|middle|last|maiden|family|full|nick) ?name",
        r"(sur|fore|vor|nach)name",
        r"[fl]name",
        r"(customer|client|patient|employee|person|passenger|contact|cardholder|holder) name",
        r"(owner|author|driver|tenant|student|teacher|doctor|physician|member|guest) name",
        r"(visitor|applicant|beneficiary|recipient) name",
        r"initials",
    ),
    "birth date": (r"date of birth", r"birth ?(date|day)", r"[db]ob", r"b ?date", r"geburtsdatum"),
    "address": (
        r"((street|home|postal|mailing|billing|shipping|residential) )?addr(ess)?( line)?",
        r"street( (name|no|nr|num|number))?",
        r"house (no|nr|num|number)",
        r"(post ?code|postal code|zip( ?codes?)?|suburb)",
    ),
    "ip address": (r"((client|remote|source|src|user|visitor) )?ip( ?addr(ess)?)?( ?v ?[46])?",),
    "national id": (
        r"(ssn|sin|nino|bsn|cpf|pesel|tin)",
        rf"soc(ial)? sec(urity)?( id)?{_NUMBER}",
        rf"(national|citizen|personal|tax) (id|identity|identification){_NUMBER}",
        rf"(passport|nhs|driver s? ?licen[cs]e){_NUMBER}",
    ),
    "payment card": (
        r"((credit|debit|payment|bank) )?card (no|nr|num|number)",
        rf"(credit|debit) card{_NUMBER}",
        r"cc (no|num|number)",
        r"pan",
    ),
    "bank account": (
        r"(iban|bic|swift|sort code)",
        r"((bank )?(account|acct)|routing) (no|nr|num|number)",
        r"bank account",
    ),
    "password": (r"(user )?(password|passwd|pwd|passphrase)( hash)?",),
}

_PATTERNS: Final = {kind: re.compile("|".join(hints)) for kind, hints in _HINTS.items()}

_IDENTIFIER: Final = re.compile(
    r"(.* )?(id|key|code|no|nr|num|number|uuid|guid|sku|ref|reference|hash|serial|isbn|ean|vin)"
)


def words(name: str) -> str:
    """The words of a column name in lower case: `DateOfBirth`, `date_of_birth` → date of birth."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", spaced.lower()).strip()


def personal_kind(name: str) -> PersonalKind | None:
    """The kind of personal data that a column of this name would hold."""
    spoken = words(name)
    bare = re.sub(r" ?\d+$", "", spoken)
    for kind, pattern in _PATTERNS.items():
        if pattern.fullmatch(spoken) or pattern.fullmatch(bare):
            return kind
    return None


def is_identifier_name(name: str) -> bool:
    """Whether a column of this name would tell rows or things apart."""
    return _IDENTIFIER.fullmatch(words(name)) is not None
