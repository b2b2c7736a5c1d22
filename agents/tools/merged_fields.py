"""Values of one column that carry the value of the neighbour which is empty in the same row.

*Bounded*: only columns with nulls are looked at as emptied, at most `MAX_COLUMNS` of them, against
at most `MAX_COLUMNS` text columns; each pair is one pass over the rows with the null.
"""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.masking import masked
from agents.tools.profile import ColumnProfile, profile

MIN_ROWS: Final = 3
MIN_SHARE: Final = 0.5
"""Share of the rows without the one value whose other value ends or begins with such a one. Ours.
"""

MAX_USUAL: Final = 0.05
"""Share of the other rows in which that may be so, too. Ours."""

MIN_LENGTH: Final = 2
"""Characters of a value below which its being part of another is chance."""

MAX_DISTINCT: Final = 5_000
MAX_COLUMNS: Final = 20


class MergedField(Part):
    """In `rows`, `column` carries a value of `emptied`, of whose `nulls` they are a part."""

    column: str
    emptied: str
    rows: int
    nulls: int
    examples: tuple[str, ...]
    condition: str


@tool(permission="read_data", timeout=300.0)
async def merged_fields(data: Datasets, table: str) -> tuple[MergedField, ...]:
    """Find columns that swallowed the value of another one, which is empty there."""
    profiled = await profile.function(data, table)
    emptied = [c for c in profiled.columns if _may_be_emptied(c, profiled.rows)][:MAX_COLUMNS]
    found = []
    for other in emptied:
        texts = [column for column in profiled.columns if _may_have_swallowed(column, other)]
        for column in texts[:MAX_COLUMNS]:
            merged = await _merged(data, table, column, other)
            if merged is not None:
                found.append(merged)
    return within_bounds(found)


async def _merged(
    data: Datasets, table: str, column: ColumnProfile, other: ColumnProfile
) -> MergedField | None:
    name, empty = identifier(column.name), identifier(other.name)
    known = f"(SELECT {empty} FROM {identifier(table)} WHERE length({empty}) >= {MIN_LENGTH})"
    tail = f"regexp_extract({name}, '[ ,;/|-]([^ ,;/|-]+)$', 1)"
    head = f"regexp_extract({name}, '^([^ ,;/|-]+)[ ,;/|-]', 1)"
    carries = f"({tail} IN {known} OR {head} IN {known})"
    condition = f"{empty} IS NULL AND {name} IS NOT NULL AND {carries}"
    ((rows, examples),) = await data.query(
        f"SELECT count(*), list(DISTINCT {name} ORDER BY {name})[:3] FROM {identifier(table)} "
        f"WHERE {condition}"
    )
    if rows < max(MIN_ROWS, MIN_SHARE * other.nulls):
        return None
    ((elsewhere, filled),) = await data.query(
        f"SELECT count(*) FILTER ({carries}), count(*) FROM {identifier(table)} "
        f"WHERE {empty} IS NOT NULL AND {name} IS NOT NULL"
    )
    if elsewhere > MAX_USUAL * filled:
        return None
    return MergedField(
        column=column.name,
        emptied=other.name,
        rows=rows,
        nulls=other.nulls,
        examples=tuple(masked(value, column=column.name) for value in examples),
        condition=condition,
    )


def _may_be_emptied(column: ColumnProfile, rows: int) -> bool:
    return (
        column.kind == "text"
        and MIN_ROWS <= column.nulls <= rows / 2
        and 2 <= column.distinct <= MAX_DISTINCT
        and column.distinct <= (rows - column.nulls) / 2
    )


def _may_have_swallowed(column: ColumnProfile, other: ColumnProfile) -> bool:
    return (
        column.kind == "text"
        and column.name != other.name
        and (column.longest or 0) > (other.shortest or 0) + 1
    )
