"""Companions: figures that move together, of which one is told and the others are named with it.

What sells more also costs more and fills more rows; three findings would be one fact told thrice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation
from typing import Final

from agents.domain.finding import Finding
from agents.specialists.wording import is_or_are, listed

TOGETHER: Final = 0.9
"""Correlation of two figures, period by period, from which on they tell the same."""

MIN_PERIODS: Final = 6

SHARED: Final = frozenset({"trend", "change_point", "seasonality", "segment_driver"})
"""Categories of what is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its value in each period; `column` is None for the number of rows."""

    name: str
    column: str | None
    values: Mapping[str, float]


def told_once(findings: Sequence[Finding], figures: Sequence[Figure]) -> list[Finding]:
    """The findings without those of figures that move with an earlier one that has the same.

    `figures` are those of one table, the weightiest first.
    """
    by_column = {figure.column: figure for figure in figures}
    place = {figure.column: number for number, figure in enumerate(figures)}
    kept: list[Finding] = []
    named: dict[str, list[str]] = {}
    for finding in sorted(findings, key=lambda each: place.get(each.subject.column, len(place))):
        figure = by_column.get(finding.subject.column)
        lead = next(
            (
                each
                for each in kept
                if figure is not None
                and finding.category in SHARED
                and _tells(each, finding)
                and (other := by_column.get(each.subject.column)) is not None
                and move_together(other, figure)
            ),
            None,
        )
        if lead is None or figure is None:
            kept.append(finding)
        else:
            named.setdefault(lead.id, []).append(figure.name)
    return [_with(finding, named.get(finding.id, ())) for finding in kept]


def move_together(one: Figure, other: Figure) -> bool:
    """Whether they rise and fall together."""
    shared = sorted(one.values.keys() & other.values.keys())
    if one is other or len(shared) < MIN_PERIODS:
        return False
    try:
        found = correlation([one.values[at] for at in shared], [other.values[at] for at in shared])
    except StatisticsError:  # one of them never moves
        return False
    return found >= TOGETHER


def _tells(lead: Finding, finding: Finding) -> bool:
    return lead.category == finding.category and lead.subject.table == finding.subject.table


def _with(finding: Finding, names: Sequence[str]) -> Finding:
    if not names:
        return finding
    verb = "moves" if is_or_are(names) == "is" else "move"
    told = f"{listed(names)} {verb} with it."
    return finding.model_copy(
        update={"impact": f"{finding.impact} {told[0].upper()}{told[1:]}".strip()}
    )
