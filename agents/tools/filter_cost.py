"""How much of a Parquet file a narrow filter reads: what its row groups let the engine skip.

*Source*: Moerkotte (1998), small materialised aggregates; engines call them zone maps or min/max
pruning.
"""

from typing import Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool

Filter: TypeAlias = Literal["range", "value"]
"""A hundredth of the rows in the middle of the column's order, or all with the value there."""

FILTERED: Final = 0.01
"""Share of the rows that a range asks for."""


class FilterCost(Part):
    """`read` of `groups` row groups were read for `rows` rows, as the engine measured.

    In files sorted by the column `ideal` of them would. `sql` is the query; it names the ends of a
    range, but no value, which may be personal.
    """

    filter: Filter
    groups: int
    read: int
    ideal: int
    rows: int
    sql: str


@tool(permission="read_data", timeout=120.0, routes={"batch"})
async def filter_cost(
    data: Datasets, table: str, column: str, filter: Filter = "range"
) -> FilterCost | None:
    """Carry out a query with a narrow filter on a column and count the row groups that it reads.

    None if the table is not kept as Parquet, or the column has no values.
    """
    dataset = data.table(table)
    if dataset.format != "parquet":
        return None
    name, view = identifier(column), identifier(table)
    reach = FILTERED / 2 if filter == "range" else 0.0
    ((lowest, highest),) = await data.query(
        f"SELECT CAST(quantile_disc({name}, {0.5 - reach}) AS VARCHAR), "
        f"CAST(quantile_disc({name}, {0.5 + reach}) AS VARCHAR) FROM {view}"
    )
    if lowest is None:
        return None
    asked = f"SELECT count(*) AS rows FROM {view} WHERE {name} "
    ((rows,),) = await data.query(asked + _condition(lowest, highest))
    is_instant = any(each.name == column and each.type == "TIMESTAMP" for each in dataset.columns)
    zone = "+00" if is_instant else ""  # in the file it may be one with a time zone
    cost = await data.cost(asked + _condition(lowest + zone, highest + zone), [table])
    if cost is None:
        return None
    size = max(1, dataset.rows // max(1, cost.row_groups))
    return FilterCost(
        filter=filter,
        groups=cost.row_groups,
        read=cost.row_groups_read,
        ideal=min(cost.row_groups, rows // size + 1),
        rows=rows,
        sql=asked + _condition(lowest, highest)
        if filter == "range"
        else f"{asked}= (SELECT quantile_disc({name}, 0.5) FROM {view})",
    )


def _condition(lowest: str, highest: str) -> str:
    if lowest == highest:
        return f"= {literal(lowest)}"
    return f"BETWEEN {literal(lowest)} AND {literal(highest)}"
