"""How long events are under way: from when they happened to when they arrived."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

LATE_FACTOR: Final = 10
LEAST_LATE: Final = 60.0
"""An event is late that was under way ten times as long as the median one, and over a minute."""


class EventLateness(Part):
    """Seconds from happening to arriving of `events` events that have both instants.

    `late` took longer than `limit`; `early` arrived before they happened.
    """

    events: int
    median: float
    tail: float
    longest: float
    limit: float
    late: int
    early: int


@tool(permission="read_data", routes={"streaming"})
async def event_lateness(
    data: Datasets, table: str, happened: str, arrived: str
) -> EventLateness | None:
    """Measure how long events took to arrive, and how many took much longer than usual."""
    found = await data.query(
        f"""
        WITH ways AS ({_ways_sql(table, happened, arrived)}), limits AS ({_LIMIT_SQL})
        SELECT count(*), max(median), quantile_disc(seconds, 0.99), max(seconds), max(late_after),
            count(*) FILTER (seconds > late_after), count(*) FILTER (seconds < 0)
        FROM ways, limits HAVING count(*) > 0
        """
    )
    if not found:
        return None
    ((events, median, tail, longest, limit, late, early),) = found
    return EventLateness(
        events=events,
        median=median,
        tail=tail,
        longest=longest,
        limit=limit,
        late=late,
        early=early,
    )


def late_arrivals_sql(table: str, happened: str, arrived: str) -> str:
    """A SELECT of the late events, those first that were under way longest."""
    return (
        f"WITH ways AS ({_ways_sql(table, happened, arrived)}), limits AS ({_LIMIT_SQL}) "
        "SELECT row_id, happened, arrived, seconds FROM ways, limits "
        "WHERE seconds > late_after ORDER BY seconds DESC, row_id"
    )


def _ways_sql(table: str, happened: str, arrived: str) -> str:
    return (
        "SELECT row_id, happened, arrived, (epoch_us(arrived) - epoch_us(happened)) / 1e6 "
        f"AS seconds FROM (SELECT row_id, CAST({identifier(happened)} AS TIMESTAMP) AS happened, "
        f"CAST({identifier(arrived)} AS TIMESTAMP) AS arrived FROM {identifier(table)}) "
        "WHERE happened IS NOT NULL AND arrived IS NOT NULL"
    )


_LIMIT_SQL: Final = (
    "SELECT quantile_disc(seconds, 0.5) AS median, "
    f"greatest({LATE_FACTOR} * quantile_disc(seconds, 0.5), {LEAST_LATE}) AS late_after FROM ways"
)
