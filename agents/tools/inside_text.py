"""Personal data inside texts: forms that SQL can look for, and what tells whether they are it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.tools.column_names import PersonalKind
from agents.tools.national_ids import is_social_security_number, national_ids
from agents.tools.personal_values import PHONE_REGIONS, is_iban, is_payment_card, is_valid_phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A form, in the syntax of RE2, which Python shares; `is_valid` is the check it must pass.

    `rows` is in how many rows it must stand, since some stand there by chance.
    """

    pattern: str
    is_valid: Callable[[str], bool]
    rows: int = 1


def _is_phone(found: str) -> bool:
    regions = [None] if found.startswith("+") else PHONE_REGIONS
    return any(is_valid_phone(found, region) for region in regions)


def _is_national_id(found: str) -> bool:
    return is_social_security_number(found) or bool(national_ids([found], is_hinted=False))


INSIDE: Final[Mapping[PersonalKind, Inside]] = {
    "email": Inside(
        pattern=(  # whoever signs in to a URL has no e-mail address there
            r"(?:^|[^\w.%+$/{}*-])[\w.%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2,}"
        ),
        is_valid=bool,
    ),
    "phone": Inside(
        pattern=(
            r"\+\d[\d ().-]{7,17}\d|(?:\(\d{3}\) ?|\b\d{3}[ .-])\d{3}[ .-]\d{4}\b"
            r"|\b0\d{2,4}[ /-]\d{3}[\d -]{2,7}\d\b"
        ),
        is_valid=_is_phone,
        rows=3,
    ),
    "payment card": Inside(
        pattern=(
            r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}\b|\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b"
            r"|\b3\d{3}[ -]?\d{6}[ -]?\d{4}\b"
        ),
        is_valid=is_payment_card,
    ),
    "bank account": Inside(
        pattern=r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", is_valid=is_iban
    ),
    "national id": Inside(
        pattern=(
            r"\b\d{3}-\d{2}-\d{4}\b|\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"
            r"|\b\d{3}\.\d{3}\.\d{3}-\d{2}\b|\b\d{8}[A-Z]\b|\b[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d\b"
        ),
        is_valid=_is_national_id,
    ),
}
"""By the kind of what stands in the text."""

ANY_INSIDE: Final = "|".join(f"(?:{inside.pattern})" for inside in INSIDE.values())

MIN_VALID: Final = 0.5
"""Share of the texts of a form that must pass its check: serial numbers pass some by chance."""


def rows_with(kind: PersonalKind, found: Iterable[tuple[int, str]]) -> int:
    """In how many rows a text of that kind stands; `found` is what has its form, with the row."""
    inside = INSIDE[kind]
    tokens = list(found)
    valid = [row for row, token in tokens if inside.is_valid(_trimmed(token))]
    if not tokens or len(valid) < MIN_VALID * len(tokens):
        return 0
    rows = len(set(valid))
    return rows if rows >= inside.rows else 0


def _trimmed(token: str) -> str:
    return re.sub(r"^[ .-]+|[ .-]+$", "", token)
