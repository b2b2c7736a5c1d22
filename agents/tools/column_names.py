"""What the name of a column says about its content, whatever language of naming it is in."""

import re
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

_HINTS: Final[tuple[tuple[PersonalKind, str], ...]] = (
    ("email", r"e mail|email( (addr|address))?|mail( addr| address)?"),
    ("phone", r"(tele)?phone( (no|num|number|nr))?|tel( no)?|mobile( (no|num|number|phone))?|cell"
              r"( phone)?|fax( (no|num|number))?|msisdn|handy"),
    ("person name", r"(given|first|middle|last|maiden|family|sur|fore|full|nick) ?name|(customer|"
                    r"client|patient|employee|person|passenger|contact|cardholder|holder|owner|"
                    r"author|driver|tenant|student|teacher|doctor|physician|member|guest|visitor"
                    r"|applicant|beneficiary) name|fname|lname|vorname|nachname|initials"),
    ("birth date", r"date of birth|birth ?(date|day)|dob|born( on| at)?|geburtsdatum|bdate"),
    ("address", r"(street|home|postal|mailing|billing|shipping|residential|residence)? ?addr(ess)?"
                r"( ?(line)? ?\d)?|street( (name|no|num|number|address))?|house (no|num|number)"
                r"|postal code|post ?code|zip( ?code)?|suburb"),
    ("ip address", r"(client|remote|source|src|user|visitor)? ?ip( ?addr(ess)?)?( ?v?[46])?"),
    ("national id", r"ssn|sin|social security( (no|num|number))?|soc sec( (id|no|num|number))?|"
                    r"(national|citizen|personal|tax) ?(id|identity|identification)"
                    r"( (no|num|number))?|nino|passport( (no|num|number))?|driver s? ?licen[cs]e"
                    r"( (no|num|number))?|tin|nhs( (no|num|number))?|bsn|cpf|pesel|steuer ?id"),
    ("payment card", r"(credit|debit|payment|bank)? ?card ?(no|num|number|nr)|credit ?card|cc ?(no|"
                     r"num|number)|pan"),
    ("bank account", r"iban|bic|swift|(bank )?(account|acct) ?(no|num|number|nr)|routing "
                     r"(no|num|number)|sort code"),
    ("password", r"(user )?(password|passwd|pwd|passphrase|pass)( hash)?"),
)

_PATTERNS: Final = tuple((kind, re.compile(pattern)) for kind, pattern in _HINTS)

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
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(spoken) or pattern.fullmatch(bare):
            return kind
    return None


def is_identifier_name(name: str) -> bool:
    """Whether a column of this name would tell rows or things apart."""
    return _IDENTIFIER.fullmatch(words(name)) is not None
