"""Judging what readers' queries cost on Parquet files: filters, groupings and joins, as measured.

One cause is told once: files can be sorted by one column, so that all filters which read everything
are one finding, and none where the filter on time, or any if there is no time, reads little.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.performance import ROLE
from agents.specialists.performance.layout import MANY_GROUPS
from agents.specialists.wording import counted, figure
from agents.tools.filter_cost import FilterCost
from agents.tools.grouping_cost import GroupingCost
from agents.tools.join_cost import JoinCost

MIN_GROUPS: Final = 4
READ_SHARE: Final = 0.5
TIMES_IDEAL: Final = 3
"""Row groups that a narrow filter reads, of all and over those of a sorted file, when sorting the
file would pay off."""

OFF: Final = 10.0
"""Rows of a join over those that the engine expected, or over those of the larger table where it
was not asked. Fewer than expected have no partner, which is judged with the quality of data."""

MIN_JOINED: Final = 100_000
"""Rows of a join below which a plan for fewer costs nothing."""


def judge_filters(table: str, costs: Sequence[tuple[str, FilterCost]]) -> Iterator[Finding]:
    """0..1 findings about the filters on columns, of which the first is the one that matters most.

    Where that is not a range of time, it takes all of them to say that the files have no order.
    """
    wasteful = [(column, cost) for column, cost in costs if _is_wasteful(cost)]
    if not wasteful or wasteful[0] != costs[0]:
        return
    column, cost = wasteful[0]
    if cost.filter == "value" and len(wasteful) < len(costs):
        return
    what = f"for {'1 % of the rows' if cost.filter == 'range' else 'one value'}"
    yield Finding(
        role=ROLE,
        category="slow_query",
        subject=Subject(table=table, column=column),
        title=f"A filter on {column} {what} reads {figure(cost.read)} of the "
        f"{counted(cost.groups, 'row group')} of {table}; sorted by it, "
        f"{figure(cost.ideal)} would do.",
        severity="medium" if cost.groups >= MANY_GROUPS else "low",
        evidence=tuple(
            Evidence(
                metric=f"share of the row groups read for a filter on {column}, as carried out",
                value=cost.read / cost.groups,
                threshold=READ_SHARE,
                sql=cost.sql,
            )
            for column, cost in wasteful
        ),
        recommendation=f"Sort {table} by {column} when writing it.",
        impact=f"Minimum and maximum of nearly every group span the range of {column}, so that a "
        f"query for {counted(cost.rows, 'row')} costs as much as one for all of them.",
        effort="low",
        confidence=0.9,
    )


def judge_grouping(table: str, column: str, cost: GroupingCost) -> Iterator[Finding]:
    """0..1 findings about a grouping that does not fit into memory."""
    if not cost.spilled_bytes:
        return
    yield Finding(
        role=ROLE,
        category="slow_query",
        subject=Subject(table=table, column=column),
        key="grouping",
        title=f"Grouping {table} by {column} does not fit into memory: "
        f"{figure(round(cost.spilled_bytes / 1e6))} MB go to disk.",
        severity="low",
        evidence=(
            Evidence(
                metric="bytes that went to disk",
                value=cost.spilled_bytes,
                threshold=0,
                sql=cost.sql,
            ),
        ),
        recommendation=f"Keep {table} in parts by a hash of {column}, or keep counts by {column} "
        "beside it, so that no query has to hold every value at once.",
        impact="What goes to disk is written and read once more, and a smaller machine fails.",
        effort="medium",
        confidence=0.8,
    )


def judge_join(
    table: str, column: str, other: str, key: str, rows: int, cost: JoinCost
) -> Iterator[Finding]:
    """0..1 findings about the join of two tables, of which the larger has so many `rows`."""
    expected = max(1, rows if cost.expected is None else cost.expected)
    if cost.rows < MIN_JOINED or cost.rows <= OFF * expected:
        return
    by = "the larger of them has" if cost.expected is None else "the engine planned for"
    yield Finding(
        role=ROLE,
        category="slow_query",
        subject=Subject(table=table, column=column),
        key=f"join {other}",
        title=f"{table} joined with {other} by {column} = {key} has {figure(cost.rows)} rows, "
        f"{cost.rows / expected:,.0f} times as many as {by}.",
        severity="medium",
        evidence=(
            Evidence(
                metric="rows of the join over those expected",
                value=cost.rows / expected,
                threshold=OFF,
                sql=cost.sql,
            ),
        ),
        recommendation=f"Make {key} unique in {other}, or join with one row for each {key}.",
        impact="Rows are counted many times over, and a plan that was made for fewer runs out of "
        "memory or takes the slower way.",
        effort="medium",
        confidence=0.9,
    )


def _is_wasteful(cost: FilterCost) -> bool:
    return (
        cost.groups >= MIN_GROUPS
        and cost.read >= READ_SHARE * cost.groups
        and cost.read >= TIMES_IDEAL * cost.ideal
    )
