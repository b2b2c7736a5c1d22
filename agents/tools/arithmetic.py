"""Columns that are the sum or the product of two others, and the rows that do not add up.

*Bounded*: at most `MAX_COLUMNS` columns of numbers are combined on about `SAMPLE_ROWS` rows; of
what holds there, at most `MAX_FOUND` rules are counted in all rows, one pass each.
"""

from collections.abc import Sequence
from typing import Final, Literal

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import is_identifier_name, personal_kind
from agents.tools.fresh_name import fresh_name
from agents.tools.profile import ColumnProfile, TableProfile, profile

MAX_COLUMNS: Final = 12
"""Combined, those with most values first."""

SAMPLE_ROWS: Final = 500
MIN_ROWS: Final = 50
"""Rows with three numbers that say something, below which a rule may be chance."""

MIN_HOLDS: Final = 0.9
"""Share of rows in which a rule must hold for the others to be mistakes."""

MIN_DISTINCT: Final = 3
MIN_RESULTS: Final = 10
"""Values of a result, below which sums of small numbers meet by chance."""

MAX_TOP_SHARE: Final = 0.9
"""Share of one value past which a column says too little."""

ROUNDING: Final = "greatest(0.011, 0.000001 * abs({value}))"
"""How far a result may be off for having been rounded to cents."""

LEAST: Final = 0.22
"""Results, and what is added up, below which rounding to cents hides whether a rule holds. Ours."""

MIN_EXPLAINED: Final = 0.8
"""Share of the exceptions whose difference a third column holds, for it to be part of the rule."""

MAX_THIRDS: Final = 40
MAX_FOUND: Final = 5


class BrokenSum(Part):
    """`result` is `first` `operator` `second` in all but `rows` of the `counted` ones."""

    first: str
    operator: Literal["+", "*"]
    second: str
    result: str
    counted: int
    rows: int
    sql: str


@tool(permission="read_data", timeout=300.0)
async def arithmetic(data: Datasets, table: str) -> tuple[BrokenSum, ...]:
    """Find columns that are the sum or product of two others, and the rows that break it."""
    profiled = await profile.function(data, table)
    columns = sorted(
        (column for column in profiled.columns if _is_quantity(column, profiled.rows)),
        key=lambda column: -column.distinct,
    )[:MAX_COLUMNS]
    if len(columns) < 3:
        return ()
    found = []
    for first, second, result, operator in await _rules(data, profiled, columns):
        broken = await _broken(data, profiled, first, operator, second, result)
        if broken is not None:
            found.append(broken)
    return tuple(found)


async def _rules(
    data: Datasets, profiled: TableProfile, columns: Sequence[ColumnProfile]
) -> Sequence[tuple[ColumnProfile, ColumnProfile, ColumnProfile, Literal["+", "*"]]]:
    """The rules that hold on a sample, those without exceptions there first."""
    numbers = ", ".join(f"CAST({identifier(column.name)} AS DOUBLE)" for column in columns)
    every = -(-profiled.rows // SAMPLE_ROWS)
    places = f"range(1, {len(columns) + 1})"
    rounding = ROUNDING.format(value="v[k]")
    rows = await data.query(
        f"""
        WITH sample AS MATERIALIZED (
            SELECT [{numbers}] AS v FROM {identifier(profiled.table)}
            WHERE hash(row_id) % {every} = 0
        ),
        combined AS (
            SELECT a.i, b.j, c.k FROM {places} AS a(i), {places} AS b(j), {places} AS c(k)
            WHERE i < j AND k <> i AND k <> j
        ),
        measured AS (
            SELECT i, j, k, '+' AS o, count(*) AS n,
                count(*) FILTER (abs(v[i] + v[j] - v[k]) <= {rounding}) AS holds
            FROM sample, combined
            WHERE least(abs(v[i]), abs(v[j]), abs(v[k])) >= {LEAST} GROUP BY ALL
            UNION ALL
            SELECT i, j, k, '*', count(*),
                count(*) FILTER (abs(v[i] * v[j] - v[k]) <= {rounding})
            FROM sample, combined
            WHERE abs(v[i]) NOT IN (0, 1) AND abs(v[j]) NOT IN (0, 1) AND abs(v[k]) >= {LEAST}
            GROUP BY ALL
        )
        SELECT i, j, k, o FROM measured WHERE n >= {MIN_ROWS} AND holds >= {MIN_HOLDS} * n
        ORDER BY holds / n DESC, k, i, j, o
        """,
        limit=MAX_FOUND,
    )
    return [
        (columns[i - 1], columns[j - 1], columns[k - 1], operator)
        for i, j, k, operator in rows
        if columns[k - 1].distinct >= MIN_RESULTS
    ]


async def _broken(
    data: Datasets,
    profiled: TableProfile,
    first: ColumnProfile,
    operator: Literal["+", "*"],
    second: ColumnProfile,
    result: ColumnProfile,
) -> BrokenSum | None:
    """The rows that break a rule; None if none does, many do, or a third column explains them."""
    a, b, c = (f"CAST({identifier(each.name)} AS DOUBLE)" for each in (first, second, result))
    view = identifier(profiled.table)
    computed = f"{a} {operator} {b}"
    is_broken = f"abs({computed} - {c}) > {ROUNDING.format(value=c)}"
    thirds = [
        column
        for column in profiled.columns
        if column.kind == "number" and column not in (first, second, result)
    ]
    explained = "".join(
        f", count(*) FILTER ({is_broken} AND abs({c} - ({computed}) - "
        f"CAST({identifier(third.name)} AS DOUBLE)) <= {ROUNDING.format(value=c)})"
        for third in thirds[:MAX_THIRDS]
    )
    ((counted, rows, *by_third),) = await data.query(
        f"SELECT count({computed} - {c}), count(*) FILTER ({is_broken}){explained} FROM {view}"
    )
    if (
        not rows
        or rows > (1 - MIN_HOLDS) * counted
        or max(by_third, default=0) > (MIN_EXPLAINED * rows)
    ):
        return None
    expected = identifier(fresh_name("expected", (column.name for column in profiled.columns)))
    return BrokenSum(
        first=first.name,
        operator=operator,
        second=second.name,
        result=result.name,
        counted=counted,
        rows=rows,
        sql=(
            f"SELECT row_id, {identifier(result.name)}, round({computed}, 6) AS {expected} "
            f"FROM {view} WHERE {is_broken} ORDER BY row_id"
        ),
    )


def _is_quantity(column: ColumnProfile, rows: int) -> bool:
    present = rows - column.nulls
    return (
        column.kind == "number"
        and not is_identifier_name(column.name)
        and personal_kind(column.name) is None
        and column.distinct >= MIN_DISTINCT
        and 2 * present >= rows
        and column.top[0].rows <= MAX_TOP_SHARE * present
    )
