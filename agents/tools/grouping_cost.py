"""Whether grouping Parquet files by a column fits into the memory of an engine."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool


class GroupingCost(Part):
    """`spilled_bytes`, to two digits, went to disk on the way to the number of groups."""

    spilled_bytes: int
    sql: str


@tool(permission="read_data", timeout=300.0, routes={"batch"})
async def grouping_cost(data: Datasets, table: str, column: str) -> GroupingCost | None:
    """Carry out a grouping by a column and measure what of it goes to disk.

    None if the table is not kept as Parquet.
    """
    sql = (
        f"SELECT count(*) AS keys, max(rows) AS most FROM (SELECT {identifier(column)}, "
        f"count(*) AS rows FROM {identifier(table)} GROUP BY ALL)"
    )
    cost = await data.cost(sql, [table])
    if cost is None:
        return None
    return GroupingCost(spilled_bytes=int(float(f"{cost.spilled_bytes:.2g}")), sql=sql)
