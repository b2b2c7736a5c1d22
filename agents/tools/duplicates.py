"""Rows that stand in a table more than once."""

from typing import Final

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.profile import profile
from agents.tools.repeated import repeated_rows

MAX_BY_CHANCE: Final = 0.1
"""Share of surplus rows past which it is not asked whether they are chance."""

LEFT_OUT: Final = 2
"""Columns that are left out in turn to see how many rows agree in all others: the finest."""


class DuplicateRows(Part):
    """`rows` stand in more than one copy, in `groups` of equals; `surplus` of them could go.

    `expected` of them chance would give, going by the rows that agree in all columns but one.
    """

    rows: int
    groups: int
    surplus: int
    largest: int
    expected: float = 0.0


@tool(permission="read_data", timeout=300.0)
async def duplicate_rows(data: Datasets, table: str) -> DuplicateRows:
    """Count rows that are equal in every column."""
    pinned = data.table(table)
    profiled = await profile.function(data, table)
    if any(column.distinct == pinned.rows for column in profiled.columns):
        return DuplicateRows(rows=0, groups=0, surplus=0, largest=0)
    names = [column.name for column in pinned.columns]
    repeated = await repeated_rows(data, table, names, with_nulls=True)
    expected = 0.0
    if 0 < repeated.surplus <= MAX_BY_CHANCE * pinned.rows:
        finest = sorted(profiled.columns, key=lambda column: column.repetition)[:LEFT_OUT]
        for column in finest if len(names) > LEFT_OUT else ():
            others = [name for name in names if name != column.name]
            alike = await repeated_rows(data, table, others, with_nulls=True)
            odds = column.repetition / max(1e-9, 1 - column.repetition)
            expected = max(expected, (alike.surplus - repeated.surplus) * odds)
    return DuplicateRows(
        rows=repeated.rows,
        groups=repeated.groups,
        surplus=repeated.surplus,
        largest=repeated.largest,
        expected=round(expected, 3),
    )
