"""Judging numbers that stand as text with their units."""

import re
from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier, literal, literals
from agents.datasets.text_types import is_number_or_code
from agents.domain.finding import Finding
from agents.specialists.data_quality.values import about_values
from agents.specialists.wording import listed
from agents.tools.profile import TableProfile
from agents.tools.text_shapes import MAX_SHAPES, UNIT_PATTERN, Shape, TextShapes, unit_of

MIN_TYPED: Final = 0.95
"""Share of numbers, with a unit or without, from which on the other values are exceptions."""

MIN_UNIT_SHARE: Final = 0.3
"""Share that the most frequent unit has at least; otherwise it is a word after a number. Ours."""

MIN_PREVAILING: Final = 0.8
"""Share of the most frequent way of writing a unit from which on the others are the exceptions;
below it no way is the right one, and what is wrong is that the column holds no numbers. Ours."""

MIN_ESTABLISHED: Final = 0.1
"""Share of rows from which on a unit of a kind of its own belongs to the column. Ours."""

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on exceptions are more than slips. Ours."""

DIMENSIONS: Final = {
    "mass": "mg g gr gram grams gramm kg kilo kilos kilogram kilograms t lb lbs pound pounds",
    "volume": "ml cl dl l ltr liter liters litre litres gal gallon gallons pt pint fl.oz fl oz",
    "length": "mm cm m km meter metre meters metres in inch inches ft foot feet yd mi mile miles",
    "time": "ms s sec secs second seconds min mins minute minutes h hr hrs hour hours d days weeks",
    "pieces": "pc pcs piece pieces pack packs ct count st stk stück x each ea",
}
"""Units that measure the same kind of thing, so that one column needs only one of them."""

_ORDINAL: Final = re.compile(r"(nd|rd|th)\b")
"""What follows the number of a place in an order, as in 2nd or 3rd class."""

_DIMENSION: Final = {unit: kind for kind, units in DIMENSIONS.items() for unit in units.split()}


def judge_units(profile: TableProfile, column: TextShapes) -> Finding | None:
    """Numbers followed by differing units, or by one unit in all rows but a few."""
    with_unit = sum(unit.rows for unit in column.units)
    if not with_unit or len(column.units) >= MAX_SHAPES:
        return None
    if (with_unit + column.numbers) / column.rows < MIN_TYPED:
        return None
    first = column.units[0]
    if first.rows < MIN_UNIT_SHARE * with_unit or _is_label(first.text):
        return None
    if any(_ORDINAL.match(unit.text.casefold()) for unit in column.units):
        return None
    others = column.rows - with_unit - column.numbers
    if len(column.units) + (column.numbers > 0) + (others > 0) == 1:
        return None
    accepted = _established(column)
    forms = [(unit.text, unit.rows) for unit in column.units]
    if column.numbers:
        forms.append(("no unit", column.numbers))
    forms.sort(key=lambda form: -form[1])
    usual, usual_rows = forms[0]
    name = identifier(column.name)
    metric = f"values of {column.name} not written in the most frequent way"
    condition = f"NOT {is_number_or_code(name)}"
    rows = column.rows - usual_rows
    if accepted:
        rows = column.rows - sum(unit.rows for unit in accepted)
        if not rows:
            return None
        condition = _is_not_in(name, [unit.text for unit in accepted])
    elif usual != "no unit" and usual_rows < MIN_PREVAILING * column.rows:
        rows = column.rows - column.numbers
        metric = f"values of {column.name} that are no plain number"
    elif usual != "no unit":
        condition = _is_not_in(name, [usual])
    shown = [f"{text} ({count:,})" for text, count in forms]
    if others:
        shown.append(f"no number ({others:,})")
    return about_values(
        profile,
        column,
        category="unit_mix",
        title=f"{column.name} writes its unit in {len(shown)} ways: {listed(shown)}.",
        rows=rows,
        severity="medium" if rows >= NOTABLE_RATE * column.rows else "low",
        metric=metric,
        condition=condition,
        recommendation=f"Store a number in {column.name} and the unit in its name or beside it.",
        impact="The column cannot be computed with, and values in different units look alike.",
        confidence=0.9,
        reason="nearly all values are a number with a unit, and the units differ",
    )


def _is_label(text: str) -> bool:
    """Whether a single letter after a number tells things apart, as in 12a and 12b."""
    return len(text) == 1 and text.isalpha() and text.casefold() not in _DIMENSION


def _established(column: TextShapes) -> Sequence[Shape]:
    """The frequent units, if they are several and each measures a kind of thing of its own."""
    frequent = [unit for unit in column.units if unit.rows >= MIN_ESTABLISHED * column.rows]
    kinds = {_DIMENSION.get(unit.text.casefold().rstrip(".")) for unit in frequent}
    is_apart = len(kinds) == len(frequent) > 1 and None not in kinds
    return frequent if is_apart and not column.numbers else ()


def _is_not_in(name: str, units: Sequence[str]) -> str:
    written = f"regexp_full_match({name}, {literal(UNIT_PATTERN)})"
    return f"NOT ({written} AND {unit_of(name)} IN ({literals(sorted(units))}))"
