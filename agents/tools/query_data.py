"""A SELECT of the caller's own over the tables, carried out where it can do no harm.

*Guarantees*: like every other tool, it shows no personal value that can be told by its column or
its form; what a statement makes of a personal column is hidden as the column itself is.
"""

from typing import Final

from pydantic import JsonValue

from agents.dataset import Answer, Datasets
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.masking import fully_masked, masked

TIMEOUT: Final = 60.0
"""Seconds; longer than a statement may take, since it may have to wait for others."""

LONG_NUMBER: Final = 1_000_000
"""From here on a number may be one of a phone, a card or an account."""


class QueryResult(Part):
    """0..200 rows in the order of the statement; `is_cut` if there are more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    is_cut: bool


@tool(permission="execute_queries", timeout=TIMEOUT)
async def query_data(data: Datasets, sql: str) -> QueryResult:
    """Run one SELECT of your own, in DuckDB's dialect, over the tables of this task.

    Every table has a 0-based row_id. At most 200 rows come back, with personal values masked.
    Comments, semicolons and functions that read files are refused.
    """
    return _masked(await data.query_untrusted(sql), sql, data)


def _masked(answer: Answer, sql: str, data: Datasets) -> QueryResult:
    columns = [column.name for each in data.tables.values() for column in each.columns]
    known = {name.casefold() for name in columns}
    personal = {name.casefold() for name in columns if personal_kind(name) is not None}
    # What has a name of its own was computed, perhaps from a column that must not be shown.
    is_computed_from_personal = bool(personal) and bool(_mentioned(sql) & {*personal, "*"})
    hidden = [
        name.casefold() in personal or (is_computed_from_personal and name.casefold() not in known)
        for name in answer.columns
    ]
    return QueryResult(
        columns=answer.columns,
        rows=tuple(
            tuple(
                _shown(value, name, is_hidden=is_hidden)
                for value, name, is_hidden in zip(row, answer.columns, hidden, strict=True)
            )
            for row in answer.rows
        ),
        is_cut=answer.is_cut,
    )


def _mentioned(sql: str) -> set[str]:
    from agents.datasets.sandbox_rules import columns_of  # heavy, and only models have use for it

    return {name.casefold() for name in columns_of(sql)}


def _shown(value: JsonValue, column: str, *, is_hidden: bool) -> JsonValue:
    match value:
        case bool() | None:
            return value
        case str() if is_hidden:
            return fully_masked(value)
        case str():
            return masked(value, column=column)
        case int() | float() if is_hidden and abs(value) >= LONG_NUMBER:
            return fully_masked(str(value))
        case int() | float() if personal_kind(column) is not None:
            return fully_masked(str(value))
        case _:
            return value
