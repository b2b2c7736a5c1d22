"""Rows that stand in a table more than once."""

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.profile import profile
from agents.tools.repeated import repeated_rows


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
    profiled = await profile.function(data, table)
    if any(column.distinct == pinned.rows for column in profiled.columns):
        return DuplicateRows(rows=0, groups=0, surplus=0, largest=0)
    names = [column.name for column in pinned.columns]
    repeated = await repeated_rows(data, table, names, with_nulls=True)
    return DuplicateRows(
        rows=repeated.rows,
        groups=repeated.groups,
        surplus=repeated.surplus,
        largest=repeated.largest,
    )
