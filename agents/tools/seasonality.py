"""Whether a measure repeats itself by time of day, weekday or month."""

from datetime import datetime
from statistics import median
from typing import Final

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.domain.series.seasons import season
from agents.domain.task import PinnedDataset
from agents.tool import tool
from agents.tools.course import Grain, course_of
from agents.tools.periods import UNITS, Unit, series_sql, smallest_unit
from agents.tools.trend import Aggregate

STRONG: Final = 0.6
"""Share of the movement around the course that a season explains, from which on it is one."""

CYCLES: Final[tuple[tuple[Unit, int, str], ...]] = (
    ("month", 12, "year"),
    ("quarter", 4, "year"),
    ("day", 7, "week"),
    ("hour", 24, "day"),
)
"""Unit, units in a cycle, and the cycle's name."""


class Seasonality(Part):
    """How strongly the `unit`s of a `cycle` differ, from 0 to 1, over `periods` of them.

    `level` is the median of the figures.

    `profile` is the usual distance from the course by phase, beginning with January, Monday or
    midnight.
    """

    unit: Unit
    cycle: str
    periods: int
    level: float
    strength: float
    profile: tuple[float, ...]


@tool(permission="read_data")
async def seasonality(
    data: Datasets,
    table: str,
    time: tuple[str, ...],
    measure: str | None = None,
    aggregate: Aggregate = "mean",
) -> tuple[Seasonality, ...]:
    """Measure how far a measure repeats itself within the day, the week and the year."""
    smallest = list(UNITS).index(smallest_unit(data.table(table), time))
    found: list[Seasonality] = []
    for unit, period, cycle in CYCLES:
        if list(UNITS).index(unit) > smallest or any(each.cycle == cycle for each in found):
            continue
        course = await course_of(data, table, time, measure, aggregate, grain=unit)
        if course is None:
            continue
        phases = [phase_of(start, unit) for start in course.starts]
        measured = season(course.values, phases, period)
        if measured is not None:
            found.append(
                Seasonality(
                    unit=unit,
                    cycle=cycle,
                    periods=len(course.values),
                    level=_rounded(median(course.values)),
                    strength=_rounded(measured.strength),
                    profile=tuple(map(_rounded, measured.profile)),
                )
            )
    return tuple(found)


def phase_of(start: str, unit: Grain) -> int:
    """The place of a period within its cycle, 0-based.

    >>> phase_of("2024-03-04 05:00:00", "month"), phase_of("2024-03-04 05:00:00", "hour")
    (2, 5)
    """
    moment = datetime.fromisoformat(start)
    match unit:
        case "month":
            return moment.month - 1
        case "quarter":
            return (moment.month - 1) // 3
        case "day":
            return moment.weekday()
        case "hour":
            return moment.hour
        case _:
            return 0


def profile_sql(
    dataset: PinnedDataset,
    time: tuple[str, ...],
    measure: str | None,
    aggregate: Aggregate,
    unit: Unit,
) -> str:
    """A SELECT of the median figure by phase of the cycle."""
    part = {"month": "month", "quarter": "quarter", "day": "isodow", "hour": "hour"}[unit]
    return (
        f"SELECT date_part('{part}', period) AS phase, "
        f"quantile_cont({aggregate}, 0.5) AS median, count(*) AS periods "
        f"FROM ({series_sql(dataset, time, measure, unit)}) GROUP BY phase ORDER BY phase"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
