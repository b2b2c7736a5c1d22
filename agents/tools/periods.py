"""A measure, or the number of rows, by period: the figures one puts into a chart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.task import PinnedDataset
from agents.tool import tool

Unit: TypeAlias = Literal["year", "quarter", "month", "week", "day", "hour"]

UNITS: Final[dict[Unit, tuple[str, float]]] = {
    "year": ("month", 365.25 * 86_400),
    "quarter": ("month", 91.3 * 86_400),
    "month": ("day", 30.4 * 86_400),
    "week": ("day", 7 * 86_400),
    "day": ("hour", 86_400),
    "hour": ("minute", 3_600),
}
"""Longest first: the unit in which one sees whether a period is whole, and seconds."""

MIN_PERIODS: Final = 10
"""Of the units that give so many periods, the longest is taken."""

MAX_PERIODS: Final = 500
COVERED: Final = 0.8
"""A first or last period is whole if it has so much of what the median period covers."""

_DATED: Final = ("DATE", "TIMESTAMP")


class Period(Part):
    """`start` is ISO 8601; `values` are the rows that have one, of which are `total` and `mean`."""

    start: str
    rows: int
    values: int
    total: float | None
    mean: float | None


class Series(Part):
    """Periods in order, without those at the ends that are not whole."""

    unit: Unit
    periods: tuple[Period, ...]


@tool(permission="read_data")
async def periods(
    data: Datasets, table: str, time: tuple[str, ...], measure: str | None = None
) -> Series | None:
    """Total and mean of a measure by period, or without one just the number of rows.

    `time` is a column of dates, instants or months written as 2024-01, or those of year, month
    and day.
    """
    dataset = data.table(table)
    happened = time_sql(dataset, time)
    ((span,),) = await data.query(
        f"SELECT epoch(max(t)) - epoch(min(t)) FROM (SELECT {happened} AS t "
        f"FROM {identifier(table)})"
    )
    unit = _unit(float(span or 0.0), smallest_unit(dataset, time))
    rows = await data.query(series_sql(dataset, time, measure, unit), limit=MAX_PERIODS + 1)
    if not rows or len(rows) > MAX_PERIODS:
        return None
    return Series(
        unit=unit,
        periods=tuple(
            Period(
                start=str(start),
                rows=number,
                values=values,
                total=_rounded(total),
                mean=_rounded(mean),
            )
            for start, number, values, total, mean, _ in without_torn_ends(rows)
        ),
    )


def series_sql(dataset: PinnedDataset, time: Sequence[str], measure: str | None, unit: Unit) -> str:
    """A SELECT of the periods in order: rows, values, total, mean and what each covers."""
    value = "NULL::DOUBLE" if measure is None else identifier(measure)
    floating = measure is not None and _type(dataset, measure) in {"FLOAT", "DOUBLE"}
    total = "fsum(v) FILTER (isfinite(v))" if floating else "sum(v)"
    return (
        f"SELECT date_trunc('{unit}', t) AS period, count(*) AS rows, count(v) AS values, "
        f"CAST({total} AS DOUBLE) AS total, total / nullif(count(v), 0) AS mean, "
        f"count(DISTINCT date_trunc('{UNITS[unit][0]}', t)) AS covered "
        f"FROM (SELECT {time_sql(dataset, time)} AS t, {value} AS v "
        f"FROM {identifier(dataset.name)}) WHERE t IS NOT NULL GROUP BY period ORDER BY period"
    )


def time_sql(dataset: PinnedDataset, time: Sequence[str]) -> str:
    """The instant of a row as an expression."""
    if _type(dataset, time[0]) in _DATED:
        return f"CAST({identifier(time[0])} AS TIMESTAMP)"
    if _type(dataset, time[0]) == "VARCHAR":
        return f"TRY_CAST({identifier(time[0])} || '-01' AS TIMESTAMP)"
    parts = [f"CAST({identifier(part)} AS INTEGER)" for part in time[:3]] + ["1", "1"]
    return f"CAST(TRY(make_date({', '.join(parts[:3])})) AS TIMESTAMP)"


def label(period: Period, unit: Unit) -> str:
    """A period as people name it.

    >>> label(Period(start="2013-12-01 00:00:00", rows=1, values=1, total=1, mean=1), "quarter")
    '2013 Q4'
    """
    start = datetime.fromisoformat(period.start)
    match unit:
        case "year":
            return f"{start:%Y}"
        case "quarter":
            return f"{start:%Y} Q{(start.month + 2) // 3}"
        case "month":
            return f"{start:%Y-%m}"
        case "week":
            return f"the week of {start:%Y-%m-%d}"
        case "day":
            return f"{start:%Y-%m-%d}"
        case "hour":
            return f"{start:%Y-%m-%d %H:%M}"


def _type(dataset: PinnedDataset, column: str) -> str:
    return next((each.type for each in dataset.columns if each.name == column), "")


def smallest_unit(dataset: PinnedDataset, time: Sequence[str]) -> Unit:
    """The shortest period that the columns can tell apart."""
    of_parts: Sequence[Unit] = ("year", "month", "day")
    match _type(dataset, time[0]):
        case "TIMESTAMP":
            return "hour"
        case "DATE":
            return "day"
        case "VARCHAR":
            return "month"
        case _:
            return of_parts[min(len(time), 3) - 1]


def _unit(span: float, smallest: Unit) -> Unit:
    for unit, (_, seconds) in UNITS.items():
        if unit == smallest or span >= MIN_PERIODS * seconds:
            return unit
    return smallest


def without_torn_ends(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """1..n rows of `series_sql` without the first and the last if those are not whole."""
    covered = [row[-1] for row in rows]
    enough = COVERED * sorted(covered)[len(covered) // 2]
    first = 0 if covered[0] >= enough else 1
    return rows[first : len(rows) if covered[-1] >= enough else len(rows) - 1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")
