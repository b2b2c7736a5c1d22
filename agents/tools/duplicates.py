"""Rows that stand in a table more than once."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.profile import profile


class DuplicateRows(Part):
    """`rows` stand in more than one copy, in `groups` of equals; `surplus` of them could go."""

    rows: int
    groups: int
    surplus: int
    largest: int


@tool(permission="read_data", timeout=300.0)
async def duplicate_rows(data: Datasets, table: str) -> DuplicateRows:
    """Count rows that are equal in every column."""
    pinned = data.table(table)
    none = DuplicateRows(rows=0, groups=0, surplus=0, largest=0)
    profiled = await profile.function(data, table)
    if any(column.distinct == pinned.rows for column in profiled.columns):
        return none
    columns = identifiers(column.name for column in pinned.columns)
    view = identifier(table)
    # A hash finds the few rows that may be equal, in little memory; then they are compared.
    ((groups, rows, largest),) = await data.query(
        f"""
        WITH suspects AS MATERIALIZED (
            SELECT hash({columns}) AS h FROM {view} GROUP BY 1 HAVING count(*) > 1
        ),
        copies AS (
            SELECT {columns}, count(*) AS copies__ FROM {view}
            WHERE hash({columns}) IN (FROM suspects) GROUP BY {columns} HAVING count(*) > 1
        )
        SELECT count(*), coalesce(sum(copies__), 0), coalesce(max(copies__), 0) FROM copies
        """
    )
    if not groups:
        return none
    return DuplicateRows(rows=rows, groups=groups, surplus=rows - groups, largest=largest)
