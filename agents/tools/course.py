"""The course of a measure: its figures in order, as finely as the table tells them.

*Not here*: the few periods that one puts into a chart, see `periods`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.task import PinnedDataset
from agents.tools.periods import UNITS, Unit, series_sql, smallest_unit, time_sql, without_torn_ends
from agents.tools.trend import Aggregate

Grain: TypeAlias = Unit | Literal["step"]

MOST_RECORDED: Final = 1_000
"""Periods up to which each is taken if the table has hardly more than one row for it."""

MOST_SUMMED: Final = 400
"""Periods up to which rows are summed up, which are smoother the fewer there are."""

RECORDED: Final = 0.95
"""Share of the instants that have a period to themselves if periods are what was recorded."""

_COLUMN_OF: Final[dict[Aggregate, int]] = {"rows": 1, "total": 3, "mean": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """`values` in order, each with the ISO start of its period, or its step."""

    grain: Grain
    starts: tuple[str, ...]
    values: tuple[float, ...]


async def course_of(
    data: Datasets,
    table: str,
    time: Sequence[str],
    measure: str | None,
    aggregate: Aggregate,
    *,
    grain: Grain | None = None,
) -> Course | None:
    """The figures by `grain`, or by the one that fits; None if they are too many or none.

    With the grain "step", `time` is one column of numbers that put the rows in order.
    """
    dataset = data.table(table)
    chosen = grain or await _grain(data, dataset, time)
    if chosen is None:
        return None
    sql = course_sql(dataset, time, measure, chosen)
    rows = await data.query(sql, limit=MOST_RECORDED + 1)
    if not rows or len(rows) > MOST_RECORDED:
        return None
    whole: Sequence[tuple[Any, ...]] = rows if chosen == "step" else without_torn_ends(rows)
    shown = [row for row in whole if row[_COLUMN_OF[aggregate]] is not None]
    return Course(
        grain=chosen,
        starts=tuple(str(row[0]) for row in shown),
        values=tuple(float(row[_COLUMN_OF[aggregate]]) for row in shown),
    )


def course_sql(
    dataset: PinnedDataset, time: Sequence[str], measure: str | None, grain: Grain
) -> str:
    """A SELECT of the periods in order, as `series_sql` gives it."""
    if grain != "step":
        return series_sql(dataset, time, measure, grain)
    step, value = identifier(time[0]), "NULL" if measure is None else identifier(measure)
    total = f"fsum(CAST({value} AS DOUBLE))"
    return (
        f"SELECT {step} AS step, count(*) AS rows, count({value}) AS values, "
        f"CAST({total} AS DOUBLE) AS total, {total} / nullif(count({value}), 0) AS mean "
        f"FROM {identifier(dataset.name)} WHERE {step} IS NOT NULL GROUP BY step ORDER BY step"
    )


def rows_of_period_sql(
    dataset: PinnedDataset, time: Sequence[str], measure: str | None, grain: Grain, start: str
) -> str:
    """A SELECT of the rows of one period, in the order of the file."""
    shown = ", ".join(map(identifier, [*time, *([] if measure is None else [measure])]))
    if grain == "step":
        condition = f"{identifier(time[0])} = {start}"
    else:
        happened = time_sql(dataset, time)
        condition = f"date_trunc('{grain}', {happened}) = CAST({literal(start)} AS TIMESTAMP)"
    return (
        f"SELECT row_id, {shown} FROM {identifier(dataset.name)} WHERE {condition} ORDER BY row_id"
    )


async def _grain(data: Datasets, dataset: PinnedDataset, time: Sequence[str]) -> Unit | None:
    smallest = smallest_unit(dataset, time)
    units = list(UNITS)[: list(UNITS).index(smallest) + 1]
    counts = ", ".join(f"count(DISTINCT date_trunc('{unit}', t))" for unit in units)
    ((instants, *periods),) = await data.query(
        f"SELECT count(DISTINCT t), {counts} FROM (SELECT {time_sql(dataset, time)} AS t "
        f"FROM {identifier(dataset.name)})"
    )
    counted = list(zip(units, periods, strict=True))
    for unit, number in counted:
        if number >= RECORDED * instants and number <= MOST_RECORDED:
            return unit
    fitting = [unit for unit, number in counted if number <= MOST_SUMMED]
    return fitting[-1] if fitting else None
