"""The ends of each column of numbers or dates: its lowest and highest values."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.column_names import personal_kind
from agents.tools.profile import kind_of

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
async def extreme_values(data: Datasets, table: str) -> tuple[ColumnExtremes, ...]:
    """List the lowest and highest distinct values of each column of numbers or dates.

    Columns that are personal by name are left out, but for dates of birth.
    """
    found = []
    for column in data.table(table).columns:
        kind = kind_of(column)
        if kind not in ("number", "date") or personal_kind(column.name) not in (None, "birth date"):
            continue
        name = identifier(column.name)
        number = f"epoch(CAST({name} AS TIMESTAMP)) / 86400" if kind == "date" else name
        ((rows, distinct, median, p01, p99, lowest, highest),) = await data.query(
            f"""
            WITH counted AS MATERIALIZED (
                SELECT v, n, t FROM (
                    SELECT CAST({number} AS DOUBLE) AS v, CAST({name} AS VARCHAR) AS t,
                        count(*) AS n
                    FROM {identifier(table)} WHERE {name} IS NOT NULL GROUP BY ALL
                ) WHERE isfinite(v)
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
        if rows:
            found.append(
                ColumnExtremes(
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
            )
    return within_bounds(found)
