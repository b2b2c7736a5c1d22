"""A measure by the values of a column: where it is high and where it is low."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked

MAX_SEGMENTS: Final = 100


class Segment(Part):
    """One value, masked where it is personal; `rows` are those that have the measure."""

    value: str
    rows: int
    mean: float


@tool(permission="read_data")
async def segments(
    data: Datasets, table: str, column: str, measure: str, least_rows: int = 1
) -> tuple[Segment, ...]:
    """Mean of a measure by the values of a column that have `least_rows`, the highest first."""
    found = await data.query(segments_sql(table, column, measure, least_rows), limit=MAX_SEGMENTS)
    return tuple(
        Segment(value=masked(str(value), column=column), rows=rows, mean=float(f"{mean:.9g}"))
        for value, rows, mean in found
    )


def segments_sql(table: str, column: str, measure: str, least_rows: int) -> str:
    """A SELECT of the values with rows and mean."""
    value, of = identifier(column), identifier(measure)
    return (
        f"SELECT {value} AS value, count(*) AS rows, fsum({of}) / count(*) AS mean "
        f"FROM {identifier(table)} WHERE {value} IS NOT NULL AND isfinite(CAST({of} AS DOUBLE)) "
        f"GROUP BY ALL HAVING count(*) >= {least_rows} ORDER BY mean DESC, value"
    )
