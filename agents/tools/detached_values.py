"""Numbers that form a group of their own, far from all others of their column.

*Bounded*: one grouping of each column of numbers, as for its extremes.
"""

from collections.abc import Sequence
from typing import Final, Literal

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import is_coordinate_name, is_identifier_name, personal_kind
from agents.tools.profile import QUANTILES, ColumnProfile, chosen, profile
from agents.tools.side_by_side import side_by_side

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


PRECISION: Final = 1e-8
"""Of the figures in a profile, relative to the largest of them, with some to spare."""


class DetachedGroup(Part):
    """`rows` with `values` distinct values from `nearest` on outwards to `farthest`.

    All other values of the column end at `reach` on that side; on the other one the column ends at
    `opposite`.
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
    opposite: float


@tool(permission="read_data", timeout=300.0)
async def detached_values(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[DetachedGroup, ...]:
    """Find groups of numbers far from all other values of their column."""
    profiled = await profile.function(data, table)
    numbers = [
        column for column in chosen(profiled, columns) if _may_have_any(column, profiled.rows)
    ]
    found = await side_by_side(lambda column: _detached(data, table, column), numbers)
    return tuple(group for groups in found for group in groups)


def _may_have_any(column: ColumnProfile, rows: int) -> bool:
    return (
        column.kind == "number"
        and personal_kind(column.name) is None
        and not is_identifier_name(column.name)
        and not is_coordinate_name(column.name)
        and rows - column.nulls >= MIN_ROWS
        and column.distinct >= MIN_DISTINCT
        and _reaches_far(column)
    )


def _reaches_far(column: ColumnProfile) -> bool:
    """Whether an end lies so far out that a group may be there, going by the profile.

    All other values reach past the body, so the farthest of a group is `DISTANCE` times as far.
    """
    if column.minimum is None or column.maximum is None:
        return False
    quantiles = dict(zip(QUANTILES, column.quantiles, strict=True))
    median, slack = quantiles[0.5], PRECISION * max(-column.minimum, column.maximum)
    above, below = column.maximum - median, median - column.minimum
    usually_above, usually_below = quantiles[BODY[1]] - median, median - quantiles[BODY[0]]
    is_high = above + slack >= DISTANCE * (usually_above - slack)
    is_low = below + slack >= DISTANCE * (usually_below - slack)
    return is_high or is_low


async def _detached(data: Datasets, table: str, column: ColumnProfile) -> Sequence[DetachedGroup]:
    """0..2 groups of one column, one for each side."""
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
                least AS opposite, high - median AS usual
            FROM placed, body WHERE before >= high AND total - upto + n <= {MAX_SHARE} * total
            UNION ALL
            SELECT 'low', upto, place, total, median, after, v, least, most, median - low
            FROM placed, body WHERE after <= low AND upto <= {MAX_SHARE} * total
        )
        SELECT side, max(rows), arg_max(values, rows), any_value(total), any_value(median),
            arg_max(reach, rows), arg_max(nearest, rows), any_value(farthest),
            any_value(opposite)
        FROM steps
        WHERE usual > 0 AND abs(nearest - median) >= {DISTANCE} * abs(reach - median)
            AND abs(reach - median) <= {MAX_TAIL} * usual
        GROUP BY side ORDER BY side
        """
    )
    return [
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
            opposite=float(f"{opposite:.9g}"),
        )
        for side, count, values, total, median, reach, nearest, farthest, opposite in rows
    ]
