"""Events that stand in a table more than once, equal in every column."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.tool import tool


@tool(permission="read_data", routes={"streaming"})
async def duplicate_events(data: Datasets, table: str) -> int:
    """Count the rows of a table that repeat an earlier row in every column."""
    columns = identifiers(column.name for column in data.table(table).columns)
    ((repeated,),) = await data.query(
        f"SELECT CAST(coalesce(sum(times - 1), 0) AS BIGINT) FROM (SELECT count(*) AS times "
        f"FROM {identifier(table)} GROUP BY {columns} HAVING count(*) > 1)"
    )
    return int(repeated)


def repeated_rows_sql(table: str, columns: tuple[str, ...]) -> str:
    """A SELECT of the rows that repeat an earlier one."""
    return (
        f"SELECT row_id, {identifiers(columns)} FROM {identifier(table)} "
        f"QUALIFY row_number() OVER (PARTITION BY {identifiers(columns)} ORDER BY row_id) > 1 "
        "ORDER BY row_id"
    )
