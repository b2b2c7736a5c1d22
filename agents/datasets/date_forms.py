"""The ways in which people write dates, as SQL conditions over an expression.

*Not here*: which texts the readers take for dates: `text_types`.
"""

from collections.abc import Mapping
from typing import Final

_TIME: Final = (
    r"(?:[ T,]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
    r"(?:Z| ?UTC|[+-]\d{2}:?\d{2})?)?"
)
_YEAR: Final = r"(?:1[5-9]|2[01])\d{2}"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_LATE_DAY: Final = r"(?:1[3-9]|2\d|3[01])"
"""A day that cannot be a month."""
_NAME: Final = r"\p{L}{3,10}\.?"

DATE_FORMS: Final[Mapping[str, str]] = {
    "year-month-day": rf"{_YEAR}-{_MONTH}-{_DAY}",
    "year/month/day": rf"{_YEAR}/{_MONTH}/{_DAY}",
    "year.month.day": rf"{_YEAR}\.{_MONTH}\.{_DAY}",
    **{
        form: pattern
        for sign, escaped in (("/", "/"), ("-", "-"), (".", r"\."))
        for length, year in (("year", _YEAR), ("yy", r"\d{2}"))
        for form, pattern in (
            (f"day{sign}month{sign}{length}", f"{_LATE_DAY}{escaped}{_MONTH}{escaped}{year}"),
            (f"month{sign}day{sign}{length}", f"{_MONTH}{escaped}{_LATE_DAY}{escaped}{year}"),
            (f"either{sign}or{sign}{length}", f"{_MONTH}{escaped}{_MONTH}{escaped}{year}"),
        )
    },
    "day name year": rf"{_DAY}(?:st|nd|rd|th|\.)?[ -]{_NAME},?[ -](?:{_YEAR}|\d{{2}})",
    "name day year": rf"{_NAME}[ -]{_DAY}(?:st|nd|rd|th)?,?[ -]{_YEAR}",
}
"""Regular expressions by form. Of a form with `either` day and month may be the other way round."""


def form_of(value: str) -> str:
    """The name of the form that the text of the expression has, null if it is no date, as SQL."""
    cases = " ".join(
        f"WHEN regexp_full_match({value}, '{pattern}{_TIME}') THEN '{form}'"
        for form, pattern in DATE_FORMS.items()
    )
    return f"CASE {cases} END"


def is_any_date(value: str) -> str:
    """Whether the expression `value` is the text of a date in one of the forms."""
    patterns = "|".join(f"(?:{pattern})" for pattern in DATE_FORMS.values())
    return f"regexp_full_match({value}, '(?:{patterns}){_TIME}')"
