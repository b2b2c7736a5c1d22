"""Codes that stand for a missing value in text columns, such as `N/A` or a blank."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import CLEAR_CODES, MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds

MAX_CODES: Final = 8
"""Of one column, most frequent first."""


class MissingCode(Part):
    """A text that stands for a missing value.

    `is_clear` if it can mean nothing else, or stands for missing numbers elsewhere in the file.
    """

    value: str
    rows: int
    is_clear: bool


class CodedColumn(Part):
    """A text column with such codes among its `present` values, which are not null."""

    name: str
    present: int
    codes: tuple[MissingCode, ...]


@tool(permission="read_data", timeout=300.0)
async def hidden_missing(data: Datasets, table: str) -> tuple[CodedColumn, ...]:
    """Count the codes for missing values, such as N/A, ? or a blank, in each text column."""
    known = await data.query(
        f"SELECT DISTINCT value FROM reading.{identifier(table)} WHERE problem = 'missing code'"
    )
    clear = CLEAR_CODES | {value.strip().lower() for (value,) in known}
    found = []
    for column in await _suspects(data, table):
        name = identifier(column)
        rows = await data.query(
            f"SELECT {name}, count(*), (SELECT count({name}) FROM {identifier(table)}) "
            f"FROM {identifier(table)} "
            f"WHERE {_is_code(name)} "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            limit=MAX_CODES,
        )
        if rows:
            codes = tuple(
                MissingCode(value=value, rows=count, is_clear=value.strip().lower() in clear)
                for value, count, _ in rows
            )
            found.append(CodedColumn(name=column, present=rows[0][2], codes=codes))
    return within_bounds(found)


async def _suspects(data: Datasets, table: str) -> list[str]:
    """The text columns in which any code stands, found in one pass."""
    names = [column.name for column in data.table(table).columns if column.type == "VARCHAR"]
    if not names:
        return []
    found = ", ".join(f"coalesce(bool_or({_is_code(identifier(name))}), false)" for name in names)
    (flags,) = await data.query(f"SELECT {found} FROM {identifier(table)}")
    return [name for name, flag in zip(names, flags, strict=True) if flag]


def _is_code(value: str) -> str:
    return f"lower(trim({value})) IN ({literals(sorted(MISSING_CODES))})"
