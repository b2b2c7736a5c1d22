"""How unevenly the rows of a table fall on the values of a column."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked


class KeySkew(Part):
    """`rows` with a value, over `keys` distinct values; `largest` is masked where personal."""

    keys: int
    rows: int
    largest: str
    largest_rows: int
    median_rows: int


@tool(permission="read_data", routes={"batch"})
async def key_skew(data: Datasets, table: str, column: str) -> KeySkew | None:
    """Measure how many rows the most frequent and the median value of a column have."""
    found = await data.query(
        f"""
        WITH counted AS ({rows_by_key_sql(table, column)})
        SELECT count(*), CAST(sum(rows) AS BIGINT), CAST(max_by(key, (rows, -place)) AS VARCHAR),
            max(rows), quantile_disc(rows, 0.5)
        FROM (SELECT *, row_number() OVER () AS place FROM counted)
        HAVING count(*) > 0
        """
    )
    if not found:
        return None
    ((keys, rows, largest, largest_rows, median_rows),) = found
    return KeySkew(
        keys=keys,
        rows=rows,
        largest=masked(largest, column=column),
        largest_rows=largest_rows,
        median_rows=median_rows,
    )


def rows_by_key_sql(table: str, column: str) -> str:
    """A SELECT of the values of a column with their number of rows, the most frequent first."""
    key = identifier(column)
    return (
        f"SELECT {key} AS key, count(*) AS rows FROM {identifier(table)} "
        f"WHERE {key} IS NOT NULL GROUP BY ALL ORDER BY rows DESC, key"
    )
