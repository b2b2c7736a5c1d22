"""Numbers that are years, months or times of day, going by the name and what they mostly are."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from agents.tools.column_names import words
from agents.tools.profile import ColumnProfile

PartOfTime: TypeAlias = Literal["year", "month", "time of day"]

_NAMES: Final[Mapping[PartOfTime, re.Pattern[str]]] = {
    "year": re.compile(r"(.* )?(year|yr|jahr|annee|anno|ano|built|baujahr)( .*)?"),
    "month": re.compile(r"(.* )?(month|mo|monat|mois|mes)( .*)?"),
    "time of day": re.compile(r"(.* )?(time|uhrzeit|heure|hora)( (24 ?(h|hr|hrs)|hhmm|of day))?"),
}
_USUAL: Final[Mapping[PartOfTime, tuple[float, float]]] = {
    "year": (1500, 2200),
    "month": (1, 12),
    "time of day": (0, 2400),
}
"""Between which 98 % of the values lie."""

_LEAST_CLOCK: Final = 1000
"""What the larger half of times written as hours and minutes exceeds; smaller ones are spans."""


def part_of_time(column: ColumnProfile) -> PartOfTime | None:
    """Which part of a date or time the numbers of a column are, if any."""
    if column.kind != "number" or column.type in ("FLOAT", "DOUBLE") or not column.quantiles:
        return None
    lowest, *_, median, _, _, highest = column.quantiles
    name = words(column.name)
    for part, pattern in _NAMES.items():
        low, high = _USUAL[part]
        if pattern.fullmatch(name) and low <= lowest and highest <= high:
            return part if part != "time of day" or median >= _LEAST_CLOCK else None
    return None
