"""Codes that stand for a missing value in text columns, such as `N/A` or a blank."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import CLEAR_CODES, MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.profile import ColumnProfile, profile
from agents.tools.side_by_side import side_by_side

MAX_CODES: Final = 8
"""Of one column, most frequent first."""

LONGEST_CODE: Final = max(map(len, MISSING_CODES))


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
async def hidden_missing(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[CodedColumn, ...]:
    """Count the codes for missing values, such as N/A, ? or a blank, in each text column."""
    known = await data.query(
        f"SELECT DISTINCT value FROM reading.{identifier(table)} WHERE problem = 'missing code'"
    )
    clear = CLEAR_CODES | {value.strip().lower() for (value,) in known}
    profiled = await profile.function(data, table)
    texts = [
        column
        for column in profiled.columns
        if column.kind == "text" and column.name in (columns or (column.name,))
    ]

    async def coded(column: ColumnProfile) -> CodedColumn | None:
        rows = await data.query(_sql(table, column.name), limit=MAX_CODES)
        codes = tuple(
            MissingCode(value=value, rows=count, is_clear=value.strip().lower() in clear)
            for value, count in rows
        )
        present = profiled.rows - column.nulls
        return CodedColumn(name=column.name, present=present, codes=codes) if codes else None

    found = await side_by_side(coded, texts)
    return tuple(column for column in found if column is not None)


def _sql(table: str, column: str) -> str:
    """The codes of a column with their rows; short texts only, since all codes are."""
    name = identifier(column)
    return (
        f"SELECT v, n FROM (SELECT {name} AS v, count(*) AS n FROM {identifier(table)} "
        f"WHERE length(trim({name})) <= {LONGEST_CODE} GROUP BY 1) "
        f"WHERE lower(trim(v)) IN ({literals(sorted(MISSING_CODES))}) ORDER BY n DESC, v"
    )
