"""How many events happen per unit of time."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.series.changes import change_points
from agents.tool import tool

MOST_STRETCHES: Final = 400
"""Stretches, or sums of as many neighbouring ones each, among which a change is looked for."""

USUALLY: Final = 0.1
"""Share of the stretches on either side that a change may leave out of account: a rate that goes up
and down with the day has been low before."""


class EventRate(Part):
    """Events per `width` seconds; empty stretches count.

    `usual`, `high` and `peak` are the median, the 99th percentile and the largest number per
    stretch. From `changed_at` on, if ever, it is a different one: `earlier` and `recent` are the
    medians before and after.
    """

    width: float
    stretches: int
    usual: int
    high: int
    peak: int
    peak_from: str
    changed_at: str | None
    earlier: float
    recent: float


@tool(permission="read_data", routes={"streaming"})
async def event_rate(data: Datasets, table: str, column: str, width: float) -> EventRate | None:
    """Count events per stretch of `width` seconds: the usual, the peak, and the last change."""
    counted = rate_sql(table, column, width)
    found = await data.query(
        f"""
        SELECT count(*), quantile_disc(events, 0.5), quantile_disc(events, 0.99), max(events),
            CAST(min(since) FILTER (events = most) AS VARCHAR)
        FROM (SELECT *, max(events) OVER () AS most FROM ({counted})) HAVING count(*) > 1
        """
    )
    if not found:
        return None
    ((stretches, usual, high, peak, since),) = found
    together = -(-stretches // MOST_STRETCHES)
    rows = await data.query(
        f"SELECT CAST(min(since) AS VARCHAR), sum(events) / {together} FROM ({counted}) "
        f"GROUP BY place // {together} HAVING count(*) = {together} ORDER BY min(place)"
    )
    changed_at, earlier, recent = _last_change([(str(at), float(events)) for at, events in rows])
    return EventRate(
        width=width,
        stretches=stretches,
        usual=usual,
        high=high,
        peak=peak,
        peak_from=since,
        changed_at=changed_at,
        earlier=earlier,
        recent=recent,
    )


def _last_change(rates: Sequence[tuple[str, float]]) -> tuple[str | None, float, float]:
    """Since when the rate is one that it hardly ever was before, and the medians on both sides."""
    values = [value for _, value in rates]
    for place in reversed(change_points(values)):
        before, after = sorted(values[:place]), sorted(values[place:])
        if _at(after, USUALLY) > _at(before, 1 - USUALLY) or _at(after, 1 - USUALLY) < _at(
            before, USUALLY
        ):
            return rates[place][0], median(before), median(after)
    usual = median(values) if values else 0.0
    return None, usual, usual


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]


def rate_sql(table: str, column: str, width: float) -> str:
    """A SELECT of the stretches in order, with their beginning and number of events.

    The last stretch is left out, since it may not be over.
    """
    at, step = f"epoch_us(CAST({identifier(column)} AS TIMESTAMP))", max(1, round(width * 1e6))
    return (
        f"WITH counted AS (SELECT {at} // {step} AS stretch, count(*) AS events "
        f"FROM {identifier(table)} WHERE {identifier(column)} IS NOT NULL GROUP BY ALL), "
        "ends AS (SELECT min(stretch) AS first, max(stretch) AS last FROM counted) "
        f"SELECT place, make_timestamp((first + place) * {step}) AS since, "
        "coalesce(events, 0) AS events "
        "FROM (SELECT first, unnest(range(last - first)) AS place FROM ends) "
        "LEFT JOIN counted ON stretch = first + place ORDER BY place"
    )
