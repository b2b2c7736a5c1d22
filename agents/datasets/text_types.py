"""Which texts are numbers or dates, as SQL conditions over an expression."""

from typing import Final

INTEGER_PATTERN: Final = r"[+-]?(?:0|[1-9]\d{0,17})"
"""No leading zeros: what has them is a code."""

DECIMAL_PATTERN: Final = r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
DATE_PATTERN: Final = r"\d{4}-\d{2}-\d{2}"
TIMESTAMP_PATTERN: Final = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?"


def is_integer(value: str) -> str:
    """Whether the expression `value` is the text of a whole number."""
    return f"regexp_full_match({value}, '{INTEGER_PATTERN}')"


def is_number(value: str) -> str:
    """Whether the expression `value` is the text of a number."""
    return f"regexp_full_match({value}, '{DECIMAL_PATTERN}')"


def is_number_or_code(value: str) -> str:
    """The same, or a code of digits with leading zeros."""
    return f"({is_number(value)} OR regexp_full_match({value}, '[0-9]+'))"


def is_date(value: str) -> str:
    """Whether the expression `value` is the text of a date in ISO form."""
    return (
        f"(regexp_full_match({value}, '{DATE_PATTERN}') AND TRY_CAST({value} AS DATE) IS NOT NULL)"
    )


def is_timestamp(value: str) -> str:
    """Whether the expression `value` is the text of a date with a time, in ISO form."""
    return (
        f"(regexp_full_match({value}, '{TIMESTAMP_PATTERN}') "
        f"AND TRY_CAST({value} AS TIMESTAMP) IS NOT NULL)"
    )
