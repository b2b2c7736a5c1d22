"""How many events happen per unit of time."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

RECENT_SHARE: Final = 0.25
"""The last part of the time that is compared with what went before."""


class EventRate(Part):
    """Events per `width` seconds; empty stretches count.

    `usual`, `high` and `peak` are the median, the 99th percentile and the largest number per
    stretch, `earlier` and `recent` the medians before and within the last quarter.
    """

    width: float
    stretches: int
    usual: int
    high: int
    peak: int
    peak_from: str
    earlier: int
    recent: int


@tool(permission="read_data", routes={"streaming"})
async def event_rate(data: Datasets, table: str, column: str, width: float) -> EventRate | None:
    """Count events per stretch of `width` seconds: the usual, the peak, and the last quarter."""
    found = await data.query(
        f"""
        WITH stretches AS ({rate_sql(table, column, width)})
        SELECT count(*), quantile_disc(events, 0.5), quantile_disc(events, 0.99), max(events),
            CAST(min(since) FILTER (events = most) AS VARCHAR),
            quantile_disc(events, 0.5) FILTER (place < {1 - RECENT_SHARE} * number),
            quantile_disc(events, 0.5) FILTER (place >= {1 - RECENT_SHARE} * number)
        FROM (SELECT *, max(events) OVER () AS most, count(*) OVER () AS number FROM stretches)
        HAVING count(*) > 1
        """
    )
    if not found:
        return None
    ((stretches, usual, high, peak, since, earlier, recent),) = found
    return EventRate(
        width=width,
        stretches=stretches,
        usual=usual,
        high=high,
        peak=peak,
        peak_from=since,
        earlier=earlier or 0,
        recent=recent or 0,
    )


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
