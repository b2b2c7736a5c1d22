"""How many row groups a filter on a column has to read: what zone maps can skip.

*Source*: Moerkotte (1998), small materialised aggregates; engines call them zone maps or min/max
pruning.
"""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool

FILTERED: Final = 0.01
"""Share of the rows, in the middle of the column's range, that the filter asks for."""


class Pruning(Part):
    """`read` of `groups` row groups may hold a value from `lowest` to `highest`.

    In a file sorted by the column `ideal` of them would.
    """

    groups: int
    read: int
    ideal: int
    lowest: str
    highest: str


@tool(permission="read_data", routes={"batch"})
async def row_group_pruning(data: Datasets, table: str, column: str) -> Pruning | None:
    """Count the row groups that a filter for a hundredth of the rows would have to read.

    None if the table is no single Parquet file.
    """
    if data.table(table).format != "parquet":
        return None
    ((files, groups),) = await data.query(
        "SELECT count(DISTINCT file_name), count(DISTINCT row_group_id) "
        f"FROM layout.{identifier(table)}"
    )
    if files != 1:
        return None
    low, high = 0.5 - FILTERED / 2, 0.5 + FILTERED / 2
    ((lowest, highest, rows),) = await data.query(
        f"SELECT CAST(quantile_disc({identifier(column)}, {low}) AS VARCHAR), "
        f"CAST(quantile_disc({identifier(column)}, {high}) AS VARCHAR), count(*) "
        f"FROM {identifier(table)}"
    )
    if lowest is None:
        return None
    ((read, wanted),) = await data.query(
        f"SELECT count(*) FILTER (is_read), coalesce(sum(wanted), 0) "
        f"FROM ({groups_sql(table, column, lowest, highest)})"
    )
    size = max(1, rows // groups)
    return Pruning(
        groups=groups,
        read=read,
        ideal=min(groups, int(wanted) // size + 1),
        lowest=lowest,
        highest=highest,
    )


def groups_sql(table: str, column: str, lowest: str, highest: str) -> str:
    """A SELECT of the row groups with their range, and what of them a filter has to read."""
    value = identifier(column)
    within = f"{value} BETWEEN {literal(lowest)} AND {literal(highest)}"
    return (
        "WITH groups AS (SELECT row_group_id, max(row_group_num_rows) AS size "
        f"FROM layout.{identifier(table)} GROUP BY ALL), "
        "placed AS (SELECT row_group_id, "
        "sum(size) OVER (ORDER BY row_group_id) - size AS first_row FROM groups) "
        f"SELECT row_group_id, min({value}) AS lowest, max({value}) AS highest, "
        f"min({value}) <= {literal(highest)} AND max({value}) >= {literal(lowest)} AS is_read, "
        f"count(*) FILTER ({within}) AS wanted "
        f"FROM {identifier(table)} ASOF JOIN placed ON row_id >= first_row "
        "GROUP BY row_group_id ORDER BY row_group_id"
    )
