"""How unevenly the rows of a table fall on the values of a column."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked

LEADING: Final = 5
"""The most frequent values that are named."""


class LargeKey(Part):
    """A value with its number of rows; `label` is masked where it is personal."""

    label: str
    rows: int


class KeySkew(Part):
    """`rows` with a value, over `keys` distinct values.

    `largest` is the first of `leading`, the largest five, all masked where they are personal.
    """

    keys: int
    rows: int
    largest: str
    largest_rows: int
    median_rows: int
    leading: tuple[LargeKey, ...] = ()


@tool(permission="read_data", routes={"batch"})
async def key_skew(data: Datasets, table: str, column: str) -> KeySkew | None:
    """Measure how many rows the most frequent and the median value of a column have."""
    found = await data.query(
        f"""
        WITH counted AS ({rows_by_key_sql(table, column)})
        SELECT count(*), CAST(sum(rows) AS BIGINT), quantile_disc(rows, 0.5),
            list([CAST(key AS VARCHAR), CAST(rows AS VARCHAR)] ORDER BY place)
                FILTER (place <= {LEADING})
        FROM (SELECT *, row_number() OVER () AS place FROM counted)
        HAVING count(*) > 0
        """
    )
    if not found:
        return None
    ((keys, rows, median_rows, leading),) = found
    largest = tuple(
        LargeKey(label=masked(key, column=column), rows=int(count)) for key, count in leading
    )
    return KeySkew(
        keys=keys,
        rows=rows,
        largest=largest[0].label,
        largest_rows=largest[0].rows,
        median_rows=median_rows,
        leading=largest,
    )


def rows_by_key_sql(table: str, column: str) -> str:
    """A SELECT of the values of a column with their number of rows, the most frequent first."""
    key = identifier(column)
    return (
        f"SELECT {key} AS key, count(*) AS rows FROM {identifier(table)} "
        f"WHERE {key} IS NOT NULL GROUP BY ALL ORDER BY rows DESC, key"
    )
