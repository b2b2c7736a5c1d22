"""Telling personal data by its values: formats, checksums, words; pure, and too slow for the loop.

`phonenumbers` and `stdnum` are imported where they are used, since most data needs neither.
"""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from agents.tools.column_names import PersonalKind

_EMAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}")
_PHONE: Final = re.compile(r"\+?\(?\d[\d\s()./-]{5,20}\d")
_NAME: Final = re.compile(r"[^\W\d_]+(?:[ .'-]+[^\W\d_]+){0,4}\.?")
_BIRTH_DATE: Final = re.compile(
    r"(?:19|20)\d\d-?[01]\d-?[0-3]\d(?:[ T].*)?|[0-3]?\d[./-][0-3]?\d[./-](?:(?:19|20)\d\d|\d\d)"
)
_STREET: Final = re.compile(
    r"\b(street|road|avenue|lane|drive|court|place|crescent|close|boulevard|circuit|terrace|parade"
    r"|grove|highway|str(aße|asse)?|st|rd|ave|ln|dr|ct|pl|cres|blvd|hwy|weg|platz|rue|calle|via)\b",
    re.IGNORECASE,
)
_POSTAL: Final = re.compile(r"[A-Z]{0,2}\d[\dA-Z -]{2,9}|\d{1,5}[a-zA-Z]?", re.IGNORECASE)

PHONE_REGIONS: Final = ("US", "GB", "DE", "FR", "AU", "IN", "ES", "IT", "NL", "BR")
"""Countries whose numbering plan is tried for a number without a country code."""

CHECKSUMMED: Final[Mapping[str, str]] = {
    "Belgian national number": "be.nn",
    "Brazilian CPF": "br.cpf",
    "Canadian SIN": "ca.sin",
    "Chinese resident identity": "cn.ric",
    "Danish CPR": "dk.cpr",
    "Dutch BSN": "nl.bsn",
    "Finnish HETU": "fi.hetu",
    "French NIR": "fr.nir",
    "German tax id": "de.idnr",
    "Indian Aadhaar": "in_.aadhaar",
    "Italian codice fiscale": "it.codicefiscale",
    "NHS number": "gb.nhs",
    "Norwegian birth number": "no.fodselsnummer",
    "Polish PESEL": "pl.pesel",
    "Spanish DNI": "es.dni",
    "Swedish personal number": "se.personnummer",
    "Swiss AHV number": "ch.ssn",
}
"""National identifiers with a checksum, and the module of `stdnum` that knows it."""

UNCHECKED: Final[Mapping[str, str]] = {"US social security number": "us.ssn"}
"""Those whose form alone can be tested, so that the column's name must say it, too."""


def share_of(values: Sequence[str], test: Callable[[str], bool]) -> float:
    """The share of values that pass, from 0 to 1."""
    return sum(map(test, values)) / len(values) if values else 0.0


def recognised(values: Sequence[str], hint: PersonalKind | None) -> dict[str, float]:
    """What share of `values` is of which personal form, those with any; `hint` is by name.

    A form is an email, phone, ip address, payment card, bank account, or the name of a national
    identifier; with the hint that asks for it, also a person name, address or birth date.
    """
    forms: dict[str, float] = {
        "email": share_of(values, lambda value: _EMAIL.fullmatch(value) is not None),
        "ip address": share_of(values, _is_ip_address),
        "phone": _phones(values, is_hinted=hint == "phone"),
        "payment card": share_of(values, _is_payment_card),
        "bank account": share_of(values, _is_iban),
        "street": share_of(values, lambda value: _STREET.search(value) is not None),
    }
    forms |= _national_ids(values, is_hinted=hint == "national id")
    match hint:
        case "person name":
            forms[hint] = share_of(values, lambda value: _NAME.fullmatch(value) is not None)
        case "birth date":
            forms[hint] = share_of(values, lambda value: _BIRTH_DATE.fullmatch(value) is not None)
        case "address":
            forms[hint] = share_of(values, _is_part_of_address)
        case _:
            pass
    return {form: round(share, 4) for form, share in forms.items() if share}


def _is_ip_address(value: str) -> bool:
    if value.count(".") != 3 and value.count(":") < 2:
        return False
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _phones(values: Sequence[str], *, is_hinted: bool) -> float:
    """The share of valid numbers; without a hint they must be written as people write them."""
    suspects = [
        value
        for value in values
        if _PHONE.fullmatch(value)
        and (is_hinted or value.startswith("+") or re.search(r"\d[\s()./-]+\d", value))
        and not _BIRTH_DATE.fullmatch(value)
        and 7 <= sum(map(str.isdigit, value)) <= 15
    ]
    if not suspects:
        return 0.0
    import phonenumbers

    def is_valid(value: str, region: str | None) -> bool:
        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
        except phonenumbers.NumberParseException:
            return False

    international = sum(is_valid(value, None) for value in suspects if value.startswith("+"))
    local = [value for value in suspects if not value.startswith("+")]
    best = max((sum(is_valid(v, region) for v in local) for region in PHONE_REGIONS), default=0)
    return (international + best) / len(values)


def _is_payment_card(value: str) -> bool:
    digits = re.sub(r"[ -]", "", value)
    if not digits.isdecimal() or not 13 <= len(digits) <= 19 or digits[0] not in "3456":
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_iban(value: str) -> bool:
    compact = value.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _national_ids(values: Sequence[str], *, is_hinted: bool) -> dict[str, float]:
    suspects = [value for value in values if re.fullmatch(r"[A-Z\d][A-Z\d ./-]{7,20}", value)]
    suspects = [value for value in suspects if sum(map(str.isdigit, value)) >= 6]
    if not suspects:
        return {}
    formats = {**CHECKSUMMED, **(UNCHECKED if is_hinted else {})}
    found = {}
    for name, module in formats.items():
        is_valid = importlib.import_module(f"stdnum.{module}").is_valid
        found[name] = sum(map(is_valid, suspects)) / len(values)
    return found


def _is_part_of_address(value: str) -> bool:
    """Whether it is a street, a postal code or house number, or the name of a place."""
    return bool(_STREET.search(value) or _POSTAL.fullmatch(value) or _NAME.fullmatch(value))
