"""How many rows come of a join, and how many the engine expected when it planned it."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

MAX_JOINED: Final = 50_000_000
"""Rows up to which a join is carried out to see what the engine expected of it."""


class JoinCost(Part):
    """Of `rows` rows that join, `expected` were foreseen; none where it was not carried out."""

    rows: int
    expected: int | None
    spilled_bytes: int = 0
    sql: str


@tool(permission="read_data", timeout=300.0, routes={"batch"})
async def join_cost(
    data: Datasets, table: str, column: str, other: str, key: str
) -> JoinCost | None:
    """Carry out the join of two tables and compare its size with what the engine expected.

    None unless both tables are kept as Parquet.
    """
    if any(data.table(name).format != "parquet" for name in (table, other)):
        return None
    left, right = identifier(column), identifier(key)
    ((rows,),) = await data.query(
        f"SELECT CAST(coalesce(sum(a.n * b.n), 0) AS BIGINT) FROM (SELECT {left} AS v, "
        f"count(*) AS n FROM {identifier(table)} GROUP BY 1) AS a JOIN (SELECT {right} AS v, "
        f"count(*) AS n FROM {identifier(other)} GROUP BY 1) AS b USING (v)"
    )
    sql = (
        f"SELECT count(*) AS rows FROM {identifier(table)} AS a "
        f"JOIN {identifier(other)} AS b ON a.{left} = b.{right}"
    )
    if rows > MAX_JOINED:
        return JoinCost(rows=rows, expected=None, sql=sql)
    cost = await data.cost(sql, [table, other])
    if cost is None:
        return None
    return JoinCost(rows=rows, expected=cost.estimated, spilled_bytes=cost.spilled_bytes, sql=sql)
