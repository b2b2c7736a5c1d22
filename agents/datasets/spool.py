"""Rows of a database on their way into a snapshot: a CSV file that is deleted once it is read.

It is CSV because both SQLite and PostgreSQL can be made to write it as fast as they read, and
because it takes no memory however many rows there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from agents.datasets.readers import ROW_ID, TABLE, ReadColumn, Reading
from agents.datasets.sources import Format
from agents.datasets.sql import identifier, literal

MARK: Final = "1"
"""The first field of every row, so that a row of nothing but nulls is no blank line."""

LEAST_BUFFER: Final = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledColumn:
    """A column of the database, and the type that its texts are to be read as."""

    name: str
    type: str


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names, numbered where DuckDB could not tell them apart, or from `row_id`.

    >>> distinct_names(["id", "ID", "Row_Id"])
    ('id', 'ID_1', 'Row_Id_1')
    """
    taken = {ROW_ID, *(name.casefold() for name in names)}
    given: set[str] = {ROW_ID}
    distinct = []
    for name in names:
        candidate, number = name, 0
        while candidate.casefold() in given or (number and candidate.casefold() in taken):
            number += 1
            candidate = f"{name}_{number}"
        given.add(candidate.casefold())
        distinct.append(candidate)
    return tuple(distinct)


def write_spool(spool: Path, rows: Iterable[Sequence[str | None]]) -> int:
    """Write the texts of rows; the length of the longest line in bytes."""
    longest = 0
    with spool.open("wb") as file:
        for row in rows:
            fields = ("" if text is None else '"' + text.replace('"', '""') + '"' for text in row)
            line = f"{MARK},{','.join(fields)}\n".encode("utf-8", "replace")
            longest = max(longest, len(line))
            file.write(line)
    return longest


def read_spool(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    columns: Sequence[SpooledColumn],
    *,
    format: Format,
    longest: int,
) -> Reading:
    """Fill the table `data` from lines of `MARK` and one field for each column.

    Text is quoted, a null is nothing at all. A column whose values do not all have its type is
    text. `longest` is the length in bytes of the longest line.
    """
    names = distinct_names([column.name for column in columns])
    fields = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(columns)))
    source = (
        f"read_csv({literal(str(spool))}, auto_detect=false, header=false, delim=',', quote='\"', "
        "escape='\"', nullstr='', allow_quoted_nulls=false, new_line='\\n', parallel=false, "
        f"max_line_size={max(LEAST_BUFFER, longest + 1)}, "
        f"columns={{'mark': 'VARCHAR', {fields}}})"
    )
    types = [column.type for column in columns]
    try:
        _create(connection, source, names, types)
    except duckdb.ConversionException:
        _create(connection, source, names, _types_that_hold(connection, source, types))
    described = connection.execute(f"DESCRIBE {TABLE}").fetchall()
    counted = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    assert counted is not None
    return Reading(
        format=format,
        relation="",
        columns=tuple(
            ReadColumn(name=name, type=kind, expression=identifier(name))
            for name, kind, *_ in described
            if name != ROW_ID
        ),
        row_id=ROW_ID,
        rows=counted[0],
    )


def _create(
    connection: duckdb.DuckDBPyConnection, source: str, names: Sequence[str], types: Sequence[str]
) -> None:
    items = ", ".join(
        f"CAST(c{number} AS {kind}) AS {identifier(name)}"
        for number, (name, kind) in enumerate(zip(names, types, strict=True))
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {TABLE} AS "
        f"SELECT {items}, row_number() OVER () - 1 AS {ROW_ID} FROM {source}"
    )


def _types_that_hold(
    connection: duckdb.DuckDBPyConnection, source: str, types: Sequence[str]
) -> list[str]:
    failures = ", ".join(
        f"count(*) FILTER (c{number} IS NOT NULL AND TRY_CAST(c{number} AS {kind}) IS NULL)"
        for number, kind in enumerate(types)
    )
    found = connection.execute(f"SELECT {failures} FROM {source}").fetchone()
    assert found is not None
    return ["VARCHAR" if failed else kind for failed, kind in zip(found, types, strict=True)]
