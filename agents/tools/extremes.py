"""The ends of each column of numbers or dates: its lowest and highest values."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.task import Column
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.profile import kind_of
from agents.tools.side_by_side import side_by_side

ENDS: Final = 6
"""Distinct values shown at either end."""


class EndValue(Part):
    """A distinct value near an end; of dates the day since 1970 and the text in ISO form."""

    value: float
    rows: int
    text: str


class ColumnExtremes(Part):
    """The ends of one column, outermost first; `p01` and `p99` are quantiles of the rows."""

    name: str
    kind: str
    rows: int
    distinct: int
    median: float
    p01: float
    p99: float
    lowest: tuple[EndValue, ...]
    highest: tuple[EndValue, ...]


@tool(permission="read_data", timeout=300.0)
async def extreme_values(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[ColumnExtremes, ...]:
    """List the lowest and highest distinct values of each column of numbers or dates.

    Columns that are personal by name are left out, but for dates of birth.
    """
    measurable = [
        column
        for column in data.table(table).columns
        if kind_of(column) in ("number", "date")
        and personal_kind(column.name) in (None, "birth date")
        and column.name in (columns or (column.name,))
    ]
    found = await side_by_side(lambda column: _extremes(data, table, column), measurable)
    return tuple(each for each in found if each is not None)


async def _extremes(data: Datasets, table: str, column: Column) -> ColumnExtremes | None:
    """The ends of one column; None if it holds no finite value."""
    name, kind = identifier(column.name), kind_of(column)
    number = "epoch(CAST(x AS TIMESTAMP)) / 86400" if kind == "date" else "x"
    # The two zeros are equal but have two texts, of which a group would keep any.
    sign = f", signbit({name})" if column.type in ("FLOAT", "DOUBLE") else ""
    ((rows, distinct, median, p01, p99, lowest, highest),) = await data.query(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT CAST({number} AS DOUBLE) AS v, CAST(x AS VARCHAR) AS t, n
            FROM (SELECT {name} AS x{sign}, count(*) AS n FROM {identifier(table)}
                WHERE {name} IS NOT NULL GROUP BY ALL)
            WHERE isfinite(CAST({number} AS DOUBLE))
        ),
        placed AS (
            SELECT v, n, sum(n) OVER (ORDER BY v) AS upto, sum(n) OVER () AS total FROM counted
        )
        SELECT max(total), count(*),
            min(v) FILTER (upto >= 0.5 * total),
            min(v) FILTER (upto >= 0.01 * total),
            min(v) FILTER (upto >= 0.99 * total),
            (SELECT list({{'value': v, 'rows': n, 'text': t}} ORDER BY v, t)
                FROM (FROM counted ORDER BY v, t LIMIT {ENDS})),
            (SELECT list({{'value': v, 'rows': n, 'text': t}} ORDER BY v DESC, t)
                FROM (FROM counted ORDER BY v DESC, t LIMIT {ENDS}))
        FROM placed
        """
    )
    if not rows:
        return None
    return ColumnExtremes(
        name=column.name,
        kind=kind,
        rows=rows,
        distinct=distinct,
        median=median,
        p01=p01,
        p99=p99,
        lowest=tuple(EndValue(**end) for end in lowest),
        highest=tuple(EndValue(**end) for end in highest),
    )
