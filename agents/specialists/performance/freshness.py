"""Judging whether records still come: how old the last one was when somebody asked.

*Not here*: tables that end before others given with them, see the data quality engineer.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.performance import ROLE
from agents.specialists.performance.stream import duration
from agents.tools.time_coverage import GAP_FACTOR, TimeCoverage

MIN_INSTANTS: Final = 50
"""Instants below which nobody knows when the next one is due."""

TIME_ZONES: Final = 14 * 3600.0
"""Seconds by which a local time may lie behind that of the request."""

ARCHIVED: Final = 365 * 86_400.0
"""Seconds after which nobody waits for more records; nor does anybody who has waited for longer
than records ever came."""

LONG_OVERDUE: Final = 10.0
"""Times the usual interval after which waiting has a cause."""


def judge_freshness(
    table: str, coverage: TimeCoverage, requested_at: datetime | None
) -> Iterator[Finding]:
    """0..1 findings about a table whose next record is overdue."""
    if requested_at is None or coverage.instants < MIN_INSTANTS:
        return
    last = datetime.fromisoformat(coverage.last).replace(tzinfo=UTC)
    age = (requested_at - last).total_seconds()
    span = coverage.last_seconds - coverage.first_seconds
    limit = max(coverage.limit, GAP_FACTOR * coverage.median_interval)
    if not limit + TIME_ZONES < age <= min(span, ARCHIVED):
        return
    name = identifier(coverage.name)
    yield Finding(
        role=ROLE,
        category="stale_data",
        subject=Subject(table=table, column=coverage.name),
        key="now",
        title=f"The last record of {table} is {duration(age)} old ({coverage.last}), although one "
        f"usually comes every {duration(coverage.median_interval)}.",
        severity="medium" if age > LONG_OVERDUE * limit else "low",
        evidence=(
            Evidence(
                metric="seconds from the last record to the request",
                value=age,
                threshold=limit,
                sql=f"SELECT row_id, {name} FROM {identifier(table)} WHERE {name} = (SELECT "
                f"max({name}) FROM {identifier(table)} WHERE isfinite({name})) ORDER BY row_id",
            ),
        ),
        recommendation=f"Check whether {table} is still being written; if it is closed, say so "
        "where it is described.",
        impact="Whoever takes the last figures for those of today decides on old ones. The request "
        f"was made at {requested_at:%Y-%m-%d %H:%M} UTC.",
        effort="low",
        confidence=0.7,
        reason="the rhythm of the records is clear, whether they are to go on is not",
    )
