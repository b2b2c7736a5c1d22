"""How the share of missing values ran over time, where it did not stay the same.

*Bounded*: one count of periods, and one pass over the table for all columns.

*Source*: Pearson (1900) for the test of whether the shares of all periods are one, and Cohen (1988)
for the size of a difference, w.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, Final, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Mark, Part, Series
from agents.domain.series.changes import change_points
from agents.domain.series.drawn import MOST_DRAWN, drawn
from agents.domain.task import PinnedDataset
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.off_loop import off_loop
from agents.tools.periods import UNITS, Unit, smallest_unit, time_sql
from agents.tools.profile import kind_of

MIN_PERIODS: Final = 6
MAX_PERIODS: Final = 120
"""Fewer are no course, more cannot be told apart on a phone."""

MIN_ROWS: Final = 20
"""Rows of a period, on average: the share of fewer is mostly chance."""

MAX_UNTIMED: Final = 0.05
"""Share of the rows that may have no time."""

FULL_ROWS: Final = 10
"""Rows of a period below which its share is not drawn."""

SURE: Final = 4.0
"""Standard deviations by which the shares differ more than chance would have it."""

EFFECT: Final = 0.1
"""Cohen's w from which on a difference is at least a small one."""

MAX_MARKS: Final = 4
"""Changes past which a share wanders, and no stretch stands for anything."""

Counted: TypeAlias = Sequence[tuple[str, int, int]]
"""Start of each period, its rows, and how many of them have no value."""


class MissingCourse(Part):
    """The share of rows without a value by period, in `course`; `effect` is Cohen's w."""

    name: str
    effect: float
    course: Series


class MissingOverTime(Part):
    """Courses by `time`, the one that varies most first; columns that hardly vary are left out."""

    time: str
    unit: Unit
    courses: tuple[MissingCourse, ...]


@tool(permission="read_data", timeout=120.0)
async def missing_over_time(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> MissingOverTime | None:
    """Measure how the share of nulls of columns runs over time; None without a time column.

    Without `columns`, all of the table are looked at.
    """
    dataset = data.table(table)
    names = columns or tuple(column.name for column in dataset.columns)
    time = await _time(data, dataset)
    unit = None if time is None else await _unit(data, dataset, time)
    if time is None or unit is None:
        return None
    nulls = ", ".join(f"count(*) - count({identifier(name)})" for name in names)
    rows = await data.query(
        f"SELECT CAST(date_trunc('{unit}', {time_sql(dataset, (time,))}) AS VARCHAR) AS period, "
        f"count(*), {nulls} FROM {identifier(table)} WHERE {identifier(time)} IS NOT NULL "
        "GROUP BY period ORDER BY period"
    )
    courses = await off_loop(_courses, names, unit, rows)
    ranked = sorted(courses, key=lambda each: (-each.effect, each.name))
    return MissingOverTime(time=time, unit=unit, courses=tuple(ranked[:MOST_DRAWN]))


async def _time(data: Datasets, dataset: PinnedDataset) -> str | None:
    """The first column of dates or instants that nearly every row has."""
    names = [
        column.name
        for column in dataset.columns
        if kind_of(column) == "date" and personal_kind(column.name) is None
    ]
    if not names:
        return None
    counts = ", ".join(f"count({identifier(name)})" for name in names)
    ((*timed,),) = await data.query(f"SELECT {counts} FROM {identifier(dataset.name)}")
    least = (1 - MAX_UNTIMED) * dataset.rows
    return next((name for name, rows in zip(names, timed, strict=True) if rows >= least), None)


async def _unit(data: Datasets, dataset: PinnedDataset, time: str) -> Unit | None:
    """The shortest unit whose periods are few enough, and full enough for a share."""
    units = list(UNITS)[: list(UNITS).index(smallest_unit(dataset, (time,))) + 1]
    counts = ", ".join(f"count(DISTINCT date_trunc('{unit}', t))" for unit in units)
    ((*periods,),) = await data.query(
        f"SELECT {counts} FROM (SELECT {time_sql(dataset, (time,))} AS t "
        f"FROM {identifier(dataset.name)})"
    )
    fitting = [
        unit
        for unit, number in zip(units, periods, strict=True)
        if MIN_PERIODS <= number <= MAX_PERIODS and dataset.rows >= MIN_ROWS * number
    ]
    return fitting[-1] if fitting else None


def _courses(
    columns: Sequence[str], unit: Unit, rows: Sequence[tuple[Any, ...]]
) -> Sequence[MissingCourse]:
    """Of the columns whose share varies, in their order."""
    full = [row for row in rows if row[1] >= FULL_ROWS]
    courses = []
    for place, name in enumerate(columns, start=2):
        counted = [(str(row[0]), int(row[1]), int(row[place])) for row in full]
        effect = _effect(counted)
        if effect >= EFFECT:
            course = drawn(
                unit,
                [start for start, _, _ in counted],
                [missing / number for _, number, missing in counted],
                _marks(counted),
            )
            courses.append(MissingCourse(name=name, effect=_rounded(effect), course=course))
    return courses


def _effect(counted: Counted) -> float:
    """Cohen's w of the shares against one share for all; 0 where chance explains them."""
    rows = sum(number for _, number, _ in counted)
    missing = sum(each for _, _, each in counted)
    if len(counted) < MIN_PERIODS or missing in (0, rows):
        return 0.0
    share = missing / rows
    distance = sum((each - share * number) ** 2 / number for _, number, each in counted)
    chi_squared = distance / (share * (1 - share))
    freedom = len(counted) - 1
    if chi_squared < freedom + SURE * sqrt(2 * freedom):
        return 0.0
    return sqrt(chi_squared / rows)


def _marks(counted: Counted) -> Sequence[Mark]:
    """Each stretch between changes with its share, if there are a few; none otherwise."""
    places = change_points([missing / number for _, number, missing in counted])
    if not 0 < len(places) <= MAX_MARKS:
        return ()
    marks = []
    for begin, end in pairwise((0, *places, len(counted))):
        stretch = counted[begin:end]
        share = sum(each for _, _, each in stretch) / sum(number for _, number, _ in stretch)
        until = counted[min(end, len(counted) - 1)][0]
        marks.append(Mark(since=stretch[0][0], until=until, label=f"{share * 100:.1f} %"))
    return marks


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
