"""The copy of a tool's call that goes into the history: its shape and figures, not its secrets.

*Guarantees*: what `masking` hides of a text is hidden in every text, and in columns that are
personal by name, told by a field `name` or `column`, by a key, or by the header of rows, every
value; numbers keep their magnitude. Arrays and objects stay as they are, and masking again changes
nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from agents.datasets.missing_codes import MISSING_CODES
from agents.tools.column_names import personal_kind
from agents.tools.masking import fully_masked, without_personal
from agents.tools.personal_values import is_payment_card

LONG_NUMBER: Final = 1_000_000
"""From here on a number in a personal column may be one of a phone, a card or an account."""

TOO_LONG: Final = 10**19
"""From here on it is none of them."""

_VALUES: Final = frozenset(
    {"value", "values", "example", "examples", "top", "earliest", "latest", "minimum", "maximum"}
)
"""Fields of a measured column that hold values of it."""


def masked_record(value: JsonValue) -> JsonValue:
    """`value` as it may be kept.

    >>> masked_record({"name": "surname", "type": "VARCHAR", "top": [{"value": "Ames", "rows": 2}]})
    {'name': 'surname', 'type': 'VARCHAR', 'top': [{'value': 'A***', 'rows': 2}]}
    """
    return _masked(value, is_personal=False)


def _masked(value: JsonValue, *, is_personal: bool) -> JsonValue:
    match value:
        case str():
            return without_personal(value)
        case list():
            return [_masked(each, is_personal=is_personal) for each in value]
        case dict():
            return masked_object(value, is_personal=is_personal)
        case int() | float() if _is_card(value):
            return _rounded(value)
        case _:
            return value


def masked_object(
    value: Mapping[str, JsonValue], *, is_personal: bool = False
) -> dict[str, JsonValue]:
    """The same of an object; with `is_personal` it says something about a personal column."""
    named = value.get("name", value.get("column"))
    if isinstance(named, str):
        is_personal = personal_kind(named) is not None
    header = value.get("columns")
    shown: dict[str, JsonValue] = {}
    for key, each in value.items():
        kept: JsonValue
        if personal_kind(key) is not None or (is_personal and key in _VALUES):
            kept = _hidden(each)
        elif key == "rows" and isinstance(header, list) and isinstance(each, list):
            kept = [_masked_row(row, header) for row in each]
        else:
            kept = _masked(each, is_personal=is_personal)
        shown[_distinct(without_personal(key), shown)] = kept
    return shown


def _masked_row(row: JsonValue, header: Sequence[JsonValue]) -> JsonValue:
    if not isinstance(row, list) or len(row) != len(header):
        return _masked(row, is_personal=False)
    return [
        _hidden(each)
        if isinstance(name, str) and personal_kind(name) is not None
        else _masked(each, is_personal=False)
        for each, name in zip(row, header, strict=True)
    ]


def _hidden(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return value if value.strip().lower() in MISSING_CODES else fully_masked(value)
        case list():
            return [_hidden(each) for each in value]
        case dict():
            return {key: _hidden(each) for key, each in masked_object(value).items()}
        case bool() | None:
            return value
        case int() | float() if LONG_NUMBER <= abs(value) < TOO_LONG:
            return _rounded(value)
        case _:
            return value


def _is_card(value: float) -> bool:
    return 1e12 <= value < TOO_LONG and value == int(value) and is_payment_card(str(int(value)))


def _rounded(value: float) -> float:
    """The number with zeros after its first digit, of the type it had."""
    digits = str(abs(int(value)))
    rounded = int(digits[0] + "0" * (len(digits) - 1)) * (1 if value > 0 else -1)
    return type(value)(rounded)


def _distinct(key: str, taken: Mapping[str, JsonValue]) -> str:
    """`key`, numbered if it is taken: two keys may look alike once they are masked."""
    number, given = 1, key
    while key in taken:
        number += 1
        key = f"{given} {number}"
    return key
