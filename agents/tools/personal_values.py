"""Telling personal data by its values: formats, checksums, words; pure, and too slow for the loop.

*Not here*: national identifiers (`national_ids.py`), names of persons and of organisations
(`proper_names.py`). `phonenumbers` is imported where it is used, since most data needs it not.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

from agents.tools.column_names import PersonalKind
from agents.tools.national_ids import national_ids
from agents.tools.proper_names import is_full_name, is_like_a_name

MONTHS: Final = (
    r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"  # English, German
)

_EMAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}")
_ROLE_MAILBOX: Final = re.compile(
    r"(info|contact|kontakt|office|mail|post|hello|support|service|sales|admin|help|enquir(y|ies)"
    r"|inquir(y|ies)|reservations?|bookings?|orders?|shop|team|press|marketing|reception|general"
    r"|customer[._-]?(service|care)|webmaster|postmaster|no-?reply|billing|jobs|hr)@.*",
    re.IGNORECASE,
)
_PHONE: Final = re.compile(r"\+?\(?\d[\d\s()./-]{5,20}\d")
_DECIMAL: Final = re.compile(r"\d{1,3}\.\d+")
_YEAR: Final = r"(?:18|19|20)\d\d"
_BIRTH_DATE: Final = re.compile(
    rf"{_YEAR}[-/.]?[01]\d[-/.]?[0-3]\d(?:[ T].*)?"
    rf"|[0-3]?\d[./-][0-3]?\d[./-](?:{_YEAR}|\d\d)"
    rf"|[0-3]?\d(?:st|nd|rd|th|\.)?[ -]{MONTHS}[ -](?:{_YEAR}|\d\d)"
    rf"|{MONTHS} [0-3]?\d(?:st|nd|rd|th)?,? {_YEAR}",
    re.IGNORECASE,
)
_STREET: Final = re.compile(
    r"\b(street|road|avenue|lane|drive|court|place|crescent|close|boulevard|circuit|terrace|parade"
    r"|grove|highway|st|rd|ave|ln|dr|ct|pl|cres|blvd|hwy|weg|platz|allee|gasse|rue|chemin|calle"
    r"|avenida|paseo|via|viale|piazza|rua)\b|str(aße|asse|\.)|\Bstr\b|\Bweg\b|\Bplatz\b|\Ballee\b",
    re.IGNORECASE,
)
_POSTAL: Final = re.compile(r"[A-Z]{0,2}\d[\dA-Z -]{2,9}|\d{1,5}[a-zA-Z]?", re.IGNORECASE)
_MAC: Final = re.compile(
    r"[0-9A-F]{2}([:-])(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}|(?:[0-9A-F]{4}\.){2}[0-9A-F]{4}",
    re.IGNORECASE,
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_POSITION: Final = re.compile(r"\(?-?\d{1,2}\.\d{3,}[,; ] ?-?\d{1,3}\.\d{3,}\)?")
_CARD_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01]|720)\d{12,13}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
"""Ranges of numbers that are given to issuers of cards."""

PHONE_REGIONS: Final = ("US", "GB", "DE", "FR", "AU", "IN", "ES", "IT", "NL", "BR")
"""Countries whose numbering plan is tried for a number without a country code."""


def share_of(values: Sequence[str], test: Callable[[str], bool]) -> float:
    """The share of values that pass, from 0 to 1."""
    return sum(map(test, values)) / len(values) if values else 0.0


def recognised(values: Sequence[str], hint: PersonalKind | None) -> dict[str, float]:
    """What share of `values` is of which personal form, those with any; `hint` is by name.

    A form is an email, phone, ip address, device id, payment card, bank account, street, full name,
    position, or the name of a national identifier; with the hint that asks for it, also a person
    name, address or birth date. Of the e-mail addresses, `role mailbox` are those of no person.
    """
    forms: dict[str, float] = {
        "email": share_of(values, lambda value: _EMAIL.fullmatch(value) is not None),
        "role mailbox": share_of(values, lambda value: _ROLE_MAILBOX.fullmatch(value) is not None),
        "ip address": share_of(values, _is_ip_address),
        "device id": share_of(values, lambda value: is_device_id(value, is_hinted=hint is not None))
        if hint in (None, "device id")
        else 0.0,
        "phone": _phones(values, is_hinted=hint == "phone"),
        "payment card": share_of(values, is_payment_card),
        "bank account": share_of(values, is_iban),
        "street": share_of(values, lambda value: _STREET.search(value) is not None),
        "full name": share_of(values, is_full_name),
        "position": share_of(values, lambda value: _POSITION.fullmatch(value) is not None),
    }
    forms |= national_ids(values, is_hinted=hint == "national id")
    match hint:
        case "person name":
            forms[hint] = share_of(values, is_like_a_name)
        case "birth date":
            forms[hint] = share_of(values, lambda value: _BIRTH_DATE.fullmatch(value) is not None)
        case "address":
            forms[hint] = share_of(values, _is_part_of_address)
        case _:
            pass
    return {form: round(share, 4) for form, share in forms.items() if share}


def is_payment_card(value: str) -> bool:
    """Whether it is the number of a card: of an issuer's range, with the right check digit."""
    digits = re.sub(r"[ -]", "", value)
    return _CARD_ISSUERS.fullmatch(digits) is not None and has_luhn_digit(digits)


def has_luhn_digit(digits: str) -> bool:
    """Whether the last of the digits checks the others (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def is_iban(value: str) -> bool:
    """Whether it is the number of a bank account, by the checksum of ISO 13616."""
    compact = value.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def is_device_id(value: str, *, is_hinted: bool) -> bool:
    """Whether it is the address of a network card; with a hint, also an IMEI or a UUID."""
    if _MAC.fullmatch(value):
        return True
    if not is_hinted:
        return False
    is_imei = len(value) == 15 and value.isdecimal() and has_luhn_digit(value)
    return is_imei or _UUID.fullmatch(value) is not None


def is_valid_phone(value: str, region: str | None) -> bool:
    """Whether the numbering plan has that number; `region` is of one without a country code."""
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False


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
        and not _DECIMAL.fullmatch(value)
        and 7 <= sum(map(str.isdigit, value)) <= 15
    ]
    if not suspects:
        return 0.0
    international = sum(is_valid_phone(value, None) for value in suspects if value.startswith("+"))
    local = [value for value in suspects if not value.startswith("+")]
    best = max(sum(is_valid_phone(v, region) for v in local) for region in PHONE_REGIONS)
    return (international + best) / len(values)


def _is_part_of_address(value: str) -> bool:
    """Whether it is a street, a postal code or house number, or the name of a place."""
    return bool(_STREET.search(value) or _POSTAL.fullmatch(value) or is_like_a_name(value))
