"""A series as it is drawn: few enough points to be told apart, what stands out among them."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from agents.domain.finding import (
    MAX_SERIES_POINTS,
    Finding,
    Mark,
    Series,
    SeriesPoint,
    severity_rank,
)

MOST_DRAWN: Final = 12
"""Series of one specialist that go into a report, so that it stays small whatever is analysed."""


def drawn(
    unit: str, starts: Sequence[str], values: Sequence[float], marks: Iterable[Mark] = ()
) -> Series:
    """At most 200 points; of neighbours that share one, the farthest from the usual is kept.

    >>> drawn("day", ["a", "b"], [1.0, 2.0]).points[1].value
    2.0
    """
    together = -(-len(values) // MAX_SERIES_POINTS)
    usual = median(values) if values else 0.0
    kept = [
        max(
            range(first, min(first + together, len(values))), key=lambda at: abs(values[at] - usual)
        )
        for first in range(0, len(values), max(1, together))
    ]
    return Series(
        unit=unit,
        points=tuple(
            SeriesPoint(at=starts[place], value=float(f"{values[place]:.6g}")) for place in kept
        ),
        marks=tuple(marks),
    )


def with_few_drawn(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, with the series of the twelve most severe alone."""
    having = [each for each in findings if any(item.series for item in each.evidence)]
    having.sort(key=lambda each: severity_rank(each.severity))
    bare = {each.id for each in having[MOST_DRAWN:]}
    return [
        each.model_copy(
            update={
                "evidence": tuple(
                    item.model_copy(update={"series": None}) for item in each.evidence
                )
            }
        )
        if each.id in bare
        else each
        for each in findings
    ]
