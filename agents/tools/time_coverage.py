"""Holes in regular series of instants, and tables that end before those they belong to.

*Bounded*: one sort of the distinct instants of at most `MAX_COLUMNS` time columns of each table.

*Guarantees*: nothing here depends on the present time, so the same data gives the same result.
"""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.profile import kind_of

MAX_COLUMNS: Final = 4
MAX_GAPS: Final = 10
"""Shown, longest first."""

GAP_FACTOR: Final = 3.0
"""Times the usual interval past which nothing having come is a hole."""

USUAL_QUANTILE: Final = 0.99
"""What even nights and weekends do not exceed in a series that has them."""

EVEN: Final = 1.5
"""Times the median up to which an interval is of the series' rhythm."""


class TimeGap(Part):
    """Nothing for `seconds` between two instants, in ISO form; `begin` is the first since 1970."""

    after: str
    before: str
    begin: float
    seconds: float


class TimeCoverage(Part):
    """A time column: its distinct `instants` from `first` to `last`, with a `median_interval`.

    `evenness` is the share of intervals up to `EVEN` times the median; `limit` the seconds past
    which one counts as a gap, of which there are `gap_count`.
    """

    name: str
    instants: int
    first: str
    last: str
    first_seconds: float
    last_seconds: float
    median_interval: float
    evenness: float
    limit: float
    gap_count: int
    gap_seconds: float
    gaps: tuple[TimeGap, ...]


class Peer(Part):
    """A time column of another table."""

    table: str
    coverage: TimeCoverage


class TimeCoverages(Part):
    """The time columns of a table, and those of the tables given with it."""

    columns: tuple[TimeCoverage, ...]
    peers: tuple[Peer, ...]


@tool(permission="read_data", timeout=300.0)
async def time_coverage(data: Datasets, table: str) -> TimeCoverages:
    """Measure over which time each time column runs, in which rhythm, and where nothing came."""
    columns = await _of_table(data, table)
    peers = []
    if columns:
        for other, pinned in data.tables.items():
            if other != table and not pinned.is_observation:
                peers += [
                    Peer(table=other, coverage=coverage.model_copy(update={"gaps": ()}))
                    for coverage in await _of_table(data, other)
                ]
    return TimeCoverages(columns=columns, peers=tuple(peers))


async def _of_table(data: Datasets, table: str) -> tuple[TimeCoverage, ...]:
    names = [
        column.name
        for column in data.table(table).columns
        if kind_of(column) == "date" and personal_kind(column.name) is None
    ]
    found = []
    for name in names[:MAX_COLUMNS]:
        coverage = await _coverage(data, table, name)
        if coverage is not None:
            found.append(coverage)
    return tuple(found)


async def _coverage(data: Datasets, table: str, name: str) -> TimeCoverage | None:
    (
        (instants, first, last, begin, end, median, even, limit, gaps, length, longest),
    ) = await data.query(
        f"""
            WITH instants AS (
                SELECT DISTINCT CAST({identifier(name)} AS TIMESTAMP) AS t
                FROM {identifier(table)}
                WHERE {identifier(name)} IS NOT NULL AND isfinite({identifier(name)})
            ),
            steps AS MATERIALIZED (
                SELECT t, lag(t) OVER (ORDER BY t) AS before,
                    epoch(t) - epoch(lag(t) OVER (ORDER BY t)) AS s
                FROM instants
            ),
            usual AS MATERIALIZED (
                SELECT quantile_disc(s, 0.5) AS median,
                    {GAP_FACTOR} * quantile_disc(s, {USUAL_QUANTILE}) AS most
                FROM steps
            )
            SELECT count(*), CAST(min(t) AS VARCHAR), CAST(max(t) AS VARCHAR),
                epoch(min(t)), epoch(max(t)), max(median),
                count(*) FILTER (s <= {EVEN} * median), max(most), count(*) FILTER (s > most),
                coalesce(fsum(s) FILTER (s > most), 0),
                (SELECT list([CAST(before AS VARCHAR), CAST(t AS VARCHAR),
                        CAST(epoch(before) AS VARCHAR), CAST(s AS VARCHAR)] ORDER BY s DESC, t)
                    FROM (SELECT * FROM steps, usual WHERE s > most
                        ORDER BY s DESC, t LIMIT {MAX_GAPS}))
            FROM steps, usual
            """
    )
    if instants < 3 or median is None:
        return None
    return TimeCoverage(
        name=name,
        instants=instants,
        first=first,
        last=last,
        first_seconds=float(begin),
        last_seconds=float(end),
        median_interval=round(float(median), 6),
        evenness=round(even / (instants - 1), 6),
        limit=round(float(limit), 6),
        gap_count=gaps,
        gap_seconds=round(float(length), 6),
        gaps=tuple(
            TimeGap(
                after=after,
                before=before,
                begin=round(float(begins), 6),
                seconds=round(float(seconds), 6),
            )
            for after, before, begins, seconds in longest or ()
        ),
    )
