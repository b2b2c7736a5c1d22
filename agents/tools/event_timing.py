"""How the events of a stream follow one another: intervals, silences, order."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

GAP_FACTOR: Final = 5
"""A silence is a gap from so many median intervals on."""

TAIL_FACTOR: Final = 3
"""And only if it is also so many times the interval that 99 % of the events keep to: irregular
streams have long intervals by nature."""


class EventTiming(Part):
    """Intervals between events ordered by time, and disorder in the order of the file.

    Durations are seconds, instants ISO 8601. `gaps` are silences longer than `gap_limit`, `late`
    events stand after one that happened later, by `worst_lateness` at most.
    """

    events: int
    first: str
    last: str
    span: float
    median_interval: float
    gap_limit: float
    gaps: int
    gap_seconds: float
    longest_gap: float
    longest_gap_from: str | None
    late: int
    worst_lateness: float


@tool(permission="read_data", routes={"streaming"})
async def event_timing(data: Datasets, table: str, column: str) -> EventTiming | None:
    """Measure intervals, gaps and disorder of the events that a time column puts in order."""
    found = await data.query(
        f"""
        WITH intervals AS ({_intervals_sql(table, column)}), limits AS ({_LIMIT_SQL})
        SELECT count(*), CAST(min(happened) AS VARCHAR), CAST(max(happened) AS VARCHAR),
            epoch_us(max(happened)) - epoch_us(min(happened)), max(median), max(gap_limit),
            count(*) FILTER (length > gap_limit),
            coalesce(sum(length) FILTER (length > gap_limit), 0),
            coalesce(max(length), 0), CAST(min(before) FILTER (length = longest) AS VARCHAR),
            count(*) FILTER (happened < latest),
            coalesce(max(epoch_us(latest) - epoch_us(happened)) FILTER (happened < latest), 0)
        FROM (SELECT *, max(length) OVER () AS longest FROM intervals), limits
        HAVING count(*) > 1 AND max(median) > 0
        """
    )
    if not found:
        return None
    ((events, first, last, span, median, limit, gaps, silent, longest, since, late, worst),) = found
    return EventTiming(
        events=events,
        first=first,
        last=last,
        span=span / 1e6,
        median_interval=median / 1e6,
        gap_limit=limit / 1e6,
        gaps=gaps,
        gap_seconds=float(silent) / 1e6,
        longest_gap=longest / 1e6,
        longest_gap_from=since,
        late=late,
        worst_lateness=worst / 1e6,
    )


def gaps_sql(table: str, column: str) -> str:
    """A SELECT of the events that end a gap, the longest first, with its length in seconds."""
    return (
        f"WITH intervals AS ({_intervals_sql(table, column)}), limits AS ({_LIMIT_SQL}) "
        "SELECT row_id, before AS silent_from, happened AS silent_until, length / 1e6 AS seconds "
        "FROM intervals, limits WHERE length > gap_limit ORDER BY length DESC, row_id"
    )


def late_sql(table: str, column: str) -> str:
    """A SELECT of the events that stand after a later one, the latest first, with their delay."""
    return (
        "SELECT row_id, happened, latest, "
        "(epoch_us(latest) - epoch_us(happened)) / 1e6 AS seconds_late "
        f"FROM ({_intervals_sql(table, column)}) WHERE happened < latest "
        "ORDER BY seconds_late DESC, row_id"
    )


def _intervals_sql(table: str, column: str) -> str:
    return (
        "SELECT row_id, happened, before, latest, "
        "epoch_us(happened) - epoch_us(before) AS length FROM ("
        "SELECT row_id, happened, lag(happened) OVER (ORDER BY happened, row_id) AS before, "
        "max(happened) OVER (ORDER BY row_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) "
        "AS latest "
        f"FROM (SELECT row_id, CAST({identifier(column)} AS TIMESTAMP) AS happened "
        f"FROM {identifier(table)} WHERE {identifier(column)} IS NOT NULL))"
    )


_LIMIT_SQL: Final = (
    "SELECT quantile_disc(length, 0.5) AS median, "
    f"greatest({GAP_FACTOR} * quantile_disc(length, 0.5), "
    f"{TAIL_FACTOR} * quantile_disc(length, 0.99)) AS gap_limit FROM intervals WHERE length > 0"
)
