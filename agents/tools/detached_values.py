"""Numbers that form a group of their own, far from all others of their column.

*Bounded*: one grouping of each column of numbers, as for its extremes.
"""

from typing import Final, Literal

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.column_names import personal_kind
from agents.tools.profile import profile

MIN_ROWS: Final = 100
MIN_DISTINCT: Final = 30
"""Below either, groups of values are no surprise."""

DISTANCE: Final = 5.0
"""How many times as far from the median as all other values the group lies at least. Ours."""

MAX_SHARE: Final = 0.03
"""Share of rows up to which a group is an exception, and not one of two kinds of row. Ours."""

BODY: Final = (0.05, 0.95)
"""Quantiles between which the column's ordinary values lie, whatever stands at its ends."""

MAX_TAIL: Final = 4.0
"""How far the other values reach past that quantile, as a multiple of its distance from the median;
past that the column has a long tail, and a hole in it is chance. Ours."""


class DetachedGroup(Part):
    """`rows` with `values` distinct values from `nearest` on outwards to `farthest`.

    All other values of the column end at `reach` on that side.
    """

    name: str
    side: Literal["low", "high"]
    rows: int
    values: int
    present: int
    median: float
    reach: float
    nearest: float
    farthest: float


@tool(permission="read_data", timeout=300.0)
async def detached_values(data: Datasets, table: str) -> tuple[DetachedGroup, ...]:
    """Find groups of numbers far from all other values of their column."""
    profiled = await profile.function(data, table)
    found = []
    for column in profiled.columns:
        if column.kind != "number" or personal_kind(column.name) is not None:
            continue
        if profiled.rows - column.nulls < MIN_ROWS or column.distinct < MIN_DISTINCT:
            continue
        name = identifier(column.name)
        rows = await data.query(
            f"""
            WITH counted AS MATERIALIZED (
                SELECT CAST({name} AS DOUBLE) AS v, CAST(count(*) AS BIGINT) AS n
                FROM {identifier(table)}
                WHERE {name} IS NOT NULL AND isfinite(CAST({name} AS DOUBLE)) GROUP BY 1
            ),
            placed AS MATERIALIZED (
                SELECT v, n, CAST(sum(n) OVER (ORDER BY v) AS BIGINT) AS upto,
                    CAST(sum(n) OVER () AS BIGINT) AS total,
                    lag(v) OVER (ORDER BY v) AS before, lead(v) OVER (ORDER BY v) AS after,
                    count(*) OVER (ORDER BY v) AS place, count(*) OVER () AS kinds
                FROM counted
            ),
            body AS (
                SELECT min(v) FILTER (upto >= 0.5 * total) AS median,
                    min(v) FILTER (upto >= {BODY[0]} * total) AS low,
                    min(v) FILTER (upto >= {BODY[1]} * total) AS high,
                    min(v) AS least, max(v) AS most
                FROM placed
            ),
            steps AS (
                SELECT 'high' AS side, total - upto + n AS rows, kinds - place + 1 AS values,
                    total, median, before AS reach, v AS nearest, most AS farthest,
                    high - median AS usual
                FROM placed, body WHERE before >= high AND total - upto + n <= {MAX_SHARE} * total
                UNION ALL
                SELECT 'low', upto, place, total, median, after, v, least, median - low
                FROM placed, body WHERE after <= low AND upto <= {MAX_SHARE} * total
            )
            SELECT side, max(rows), arg_max(values, rows), any_value(total), any_value(median),
                arg_max(reach, rows), arg_max(nearest, rows), any_value(farthest)
            FROM steps
            WHERE usual > 0 AND abs(nearest - median) >= {DISTANCE} * abs(reach - median)
                AND abs(reach - median) <= {MAX_TAIL} * usual
            GROUP BY side ORDER BY side
            """
        )
        found += [
            DetachedGroup(
                name=column.name,
                side=side,
                rows=count,
                values=values,
                present=total,
                median=float(f"{median:.9g}"),
                reach=float(f"{reach:.9g}"),
                nearest=float(f"{nearest:.17g}"),
                farthest=float(f"{farthest:.9g}"),
            )
            for side, count, values, total, median, reach, nearest, farthest in rows
        ]
    return within_bounds(found)
