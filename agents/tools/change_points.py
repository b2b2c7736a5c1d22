"""When a measure stopped following one line and began to follow another."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from agents.dataset import Datasets
from agents.domain.finding import Part, Series
from agents.domain.series.changes import change_points as places_of_change
from agents.domain.series.drawn import drawn
from agents.domain.series.seasons import season
from agents.tool import tool
from agents.tools.course import Course, Grain, course_of
from agents.tools.off_loop import off_loop
from agents.tools.seasonality import CYCLES, STRONG, phase_of
from agents.tools.trend import Aggregate, theil_sen

MAX_SLOPE_POINTS: Final = 200
"""Values between whose pairs a slope is taken; of longer stretches every so many."""

SHORTER_THAN_MONTHS: Final = frozenset({"week", "day", "hour"})
"""Grains in which the season of the year would be told as changes; where there is one, months are
taken."""


class Change(Part):
    """A change at the beginning of the period `start`, the `place`-th, 0-based, of the course.

    `level_before` and `level_after` are means of the stretches beside it; `rise_before` and
    `rise_after` are how far the line of each goes from its beginning to its end.
    """

    start: str
    place: int
    level_before: float
    level_after: float
    rise_before: float
    rise_after: float


class Changes(Part):
    """0..10 changes in the order of time, among `periods` periods of a course.

    `level` is the median of the figures. `is_adjusted` says that a season was taken out of them
    first, of `series` as well.
    """

    grain: Grain
    periods: int
    first: str
    last: str
    level: float
    is_adjusted: bool
    changes: tuple[Change, ...]
    series: Series


@tool(permission="read_data")
async def change_points(
    data: Datasets,
    table: str,
    time: tuple[str, ...],
    measure: str | None = None,
    aggregate: Aggregate = "mean",
    in_steps: bool = False,
) -> Changes | None:
    """Find the periods in which the course of a measure breaks off, best lines on both sides."""
    course = await course_of(
        data, table, time, measure, aggregate, grain="step" if in_steps else None
    )
    if course is None or not course.values:
        return None
    values, is_adjusted = _without_season(course)
    if course.grain in SHORTER_THAN_MONTHS:
        by_month = await course_of(data, table, time, measure, aggregate, grain="month")
        if by_month is not None and (adjusted := _without_season(by_month))[1]:
            course, (values, is_adjusted) = by_month, adjusted
    places = await off_loop(places_of_change, values)
    ends = [0, *places, len(values)]
    stretches = [values[begin:end] for begin, end in pairwise(ends)]
    lines = await off_loop(_lines, stretches)
    return Changes(
        grain=course.grain,
        periods=len(values),
        first=course.starts[0],
        last=course.starts[-1],
        level=_rounded(median(course.values)),
        is_adjusted=is_adjusted,
        series=drawn(course.grain, course.starts, values),
        changes=tuple(
            Change(
                start=course.starts[place],
                place=place,
                level_before=_rounded(lines[number][0]),
                level_after=_rounded(lines[number + 1][0]),
                rise_before=_rounded(lines[number][1]),
                rise_after=_rounded(lines[number + 1][1]),
            )
            for number, place in enumerate(places)
        ),
    )


def _without_season(course: Course) -> tuple[list[float], bool]:
    values = list(course.values)
    for grain, period, _ in CYCLES:
        if grain == course.grain:
            phases = [phase_of(start, grain) for start in course.starts]
            found = season(values, phases, period)
            if found is not None and found.strength >= STRONG:
                return [
                    value - found.profile[phase]
                    for value, phase in zip(values, phases, strict=True)
                ], True
    return values, False


def _lines(stretches: Sequence[list[float]]) -> list[tuple[float, float]]:
    """Mean of each stretch, and how far its line goes."""
    return [(fmean(stretch), _slope(stretch) * (len(stretch) - 1)) for stretch in stretches]


def _slope(values: list[float]) -> float:
    step = -(-len(values) // MAX_SLOPE_POINTS)
    points = [(float(place), values[place]) for place in range(0, len(values), step)]
    return theil_sen(points) if len(points) > 1 else 0.0


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
