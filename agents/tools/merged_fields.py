"""Values of one column that carry the value of the neighbour which is empty in the same row.

*Bounded*: only columns with nulls are looked at as emptied, at most `MAX_EMPTIED` of them, against
at most `MAX_COLUMNS` text columns; each pair is one pass over the rows with the null. What is left
out is said.
"""

from collections.abc import Sequence
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.synthesis.wording import listed, raised
from agents.tool import tool
from agents.tools.bounded import Portion
from agents.tools.masking import masked
from agents.tools.profile import ColumnProfile, chosen, profile

MIN_ROWS: Final = 3
MIN_SHARE: Final = 0.5
"""Share of the rows without the one value whose other value ends or begins with such a one. Ours.
"""

MAX_USUAL: Final = 0.05
"""Share of the other rows in which that may be so, too. Ours."""

MIN_LENGTH: Final = 2
"""Characters of a value below which its being part of another is chance."""

MAX_DISTINCT: Final = 5_000
MAX_EMPTIED: Final = 20
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
async def merged_fields(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> Portion[MergedField]:
    """Find columns that swallowed the value of another one, which is empty there.

    Only `columns` are looked at as empty, if any are named.
    """
    profiled = await profile.function(data, table)
    emptied = [each for each in chosen(profiled, columns) if _may_be_emptied(each, profiled.rows)]
    found, cut = [], []
    for other in emptied[:MAX_EMPTIED]:
        texts = [column for column in profiled.columns if _may_have_swallowed(column, other)]
        if len(texts) > MAX_COLUMNS:
            cut.append(other.name)
        for column in texts[:MAX_COLUMNS]:
            merged = await _merged(data, table, column, other)
            if merged is not None:
                found.append(merged)
    return Portion(found=tuple(found), unexamined=_unexamined(cut, emptied[MAX_EMPTIED:]))


def _unexamined(cut: Sequence[str], skipped: Sequence[ColumnProfile]) -> str:
    parts = []
    if cut:
        parts.append(
            f"values of {listed(cut)} were looked for in the first {MAX_COLUMNS} columns of text "
            "and not in the others"
        )
    if skipped:
        names = listed(column.name for column in skipped)
        parts.append(f"values of {names} were not looked for")
    return raised(f"{', and '.join(parts)}.") if parts else ""


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
