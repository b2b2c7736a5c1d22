"""Whether a measure rises or falls over time, and how sure that is.

*Source*: Theil (1950) and Sen (1968) for the slope; Mann (1945) and Kendall (1975) for the test,
with the normal approximation and the correction for ties.
"""

from collections import Counter
from collections.abc import Sequence
from math import erfc, sqrt
from statistics import median
from typing import Literal, TypeAlias

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.domain.finding import Series as Drawn
from agents.domain.series.drawn import drawn
from agents.domain.task import PinnedDataset
from agents.tool import tool
from agents.tools.off_loop import off_loop
from agents.tools.periods import Period, Unit, periods, series_sql

Aggregate: TypeAlias = Literal["rows", "total", "mean"]


class Trend(Part):
    """`slope` per `unit`; `level` is the median of the `periods` values from `first` to `last`."""

    unit: Unit
    periods: int
    first: str
    last: str
    slope: float
    level: float
    change: float
    tau: float
    p_value: float
    series: Drawn


@tool(permission="read_data")
async def trend(
    data: Datasets,
    table: str,
    time: tuple[str, ...],
    measure: str | None = None,
    aggregate: Aggregate = "mean",
) -> Trend | None:
    """Measure the trend of a measure by period: robust slope, and Kendall's test for it."""
    series = await periods.function(data, table, time, measure)
    if series is None:
        return None
    points = [
        (place, value)
        for place, period in enumerate(series.periods)
        if (value := value_of(period, aggregate)) is not None
    ]
    if len(points) < 3:
        return None
    values = [value for _, value in points]
    slope = await off_loop(theil_sen, points)
    tau, p_value = await off_loop(kendall, values)
    return Trend(
        unit=series.unit,
        periods=len(points),
        first=series.periods[points[0][0]].start,
        last=series.periods[points[-1][0]].start,
        slope=_rounded(slope),
        level=_rounded(median(values)),
        change=_rounded(slope * (points[-1][0] - points[0][0])),
        tau=_rounded(tau),
        p_value=_rounded(p_value),
        series=drawn(series.unit, [series.periods[place].start for place, _ in points], values),
    )


def value_of(period: Period, aggregate: Aggregate) -> float | None:
    """What a period counts as."""
    match aggregate:
        case "rows":
            return float(period.rows)
        case "total":
            return period.total
        case "mean":
            return period.mean


def slope_sql(
    dataset: PinnedDataset,
    time: Sequence[str],
    measure: str | None,
    aggregate: Aggregate,
    found: Trend,
) -> str:
    """A SELECT of the slope per period: the median over all pairs of periods."""
    series = series_sql(dataset, time, measure, found.unit)
    return (
        f"WITH series AS ({series}), "
        "whole AS (SELECT row_number() OVER (ORDER BY period) AS place, "
        f"{aggregate} AS value FROM series WHERE {aggregate} IS NOT NULL "
        f"AND period BETWEEN '{found.first}' AND '{found.last}') "
        "SELECT quantile_cont((b.value - a.value) / (b.place - a.place), 0.5) AS slope "
        "FROM whole AS a JOIN whole AS b ON a.place < b.place"
    )


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """The median slope over all pairs of 2..n points with different places."""
    return median(
        (after[1] - before[1]) / (after[0] - before[0])
        for number, before in enumerate(points)
        for after in points[number + 1 :]
    )


def kendall(values: Sequence[float]) -> tuple[float, float]:
    """Kendall's tau of 2..n values against their order, from -1 to 1, and its two-sided p.

    >>> kendall([1.0, 2.0, 3.0, 4.0])[0]
    1.0
    """
    number = len(values)
    score = sum(
        (after > before) - (after < before)
        for place, before in enumerate(values)
        for after in values[place + 1 :]
    )
    pairs = number * (number - 1) / 2
    ties = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    variance = (number * (number - 1) * (2 * number + 5) - ties) / 18
    if variance <= 0:
        return 0.0, 1.0
    distance = max(0, abs(score) - 1) / sqrt(variance)
    return score / pairs, erfc(distance / sqrt(2))


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
