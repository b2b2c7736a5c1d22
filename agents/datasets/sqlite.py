"""Tables of SQLite files: what there is, and their rows on the way into a snapshot.

*Guarantees*: the file is opened for reading only and read in one transaction, so that what is
copied is one state of the table; rows pass through in batches, never all in memory. Nothing that
the file holds, such as a view, can write, reach another file or go on after an interruption.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import duckdb

from agents.datasets.dates import with_dates
from agents.datasets.interruptible import Interruption
from agents.datasets.readers import Reading
from agents.datasets.spool import MARK, SpooledColumn, read_spool
from agents.datasets.sql import identifier
from agents.errors import DatasetFormatError, DatasetUnreachableError

BATCH: Final = 5_000
COLUMNS_AT_A_TIME: Final = 200
"""Whose storage classes are counted in one statement; SQLite allows 2,000 result columns."""

MAX_VALUE_BYTES: Final = 256 << 20
PROGRESS_STEPS: Final = 20_000
"""Instructions of SQLite's machine between looks at the interruption."""

BUSY_TIMEOUT: Final = 10.0

_READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)


def tables_of(file: Path, interruption: Interruption) -> tuple[str, ...]:
    """The tables that have rows, by name; views are read only when they are named.

    Raises:
        DatasetUnreachableError, DatasetFormatError: the file cannot be read.
    """
    with _opened(file, interruption) as connection:
        named = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
        ).fetchall()
        return tuple(
            name
            for (name,) in named
            if connection.execute(f"SELECT 1 FROM {identifier(name)} LIMIT 1").fetchone()
        )


def copy_table(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    interruption: Interruption,
    *,
    file: Path,
    table: str,
) -> Reading:
    """Fill the table `data` with the rows of `table`.

    A column has the type of the values that it really holds, and is text where these differ.

    Raises:
        DatasetUnreachableError: there is no such table, or the file cannot be read.
        DatasetFormatError: it is no SQLite file.
    """
    with _opened(file, interruption) as source:
        columns = _columns(source, file, table)
        longest = _write(source, spool, table, columns)
    with interruption.of(connection):
        reading = read_spool(connection, spool, columns, format="sqlite", longest=longest)
        return with_dates(connection, reading)


@contextmanager
def _opened(file: Path, interruption: Interruption) -> Iterator[sqlite3.Connection]:
    """A connection in a read transaction, its errors translated."""
    try:
        with (
            closing(
                sqlite3.connect(
                    f"file:{quote(str(file))}?mode=ro",
                    uri=True,
                    timeout=BUSY_TIMEOUT,
                    isolation_level=None,
                    check_same_thread=False,  # interrupted from another thread
                )
            ) as connection,
            interruption.of(connection),
        ):
            connection.text_factory = partial(str, encoding="utf-8", errors="replace")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("BEGIN")
            connection.set_authorizer(_authorize)
            connection.set_progress_handler(partial(_is_asked, interruption), PROGRESS_STEPS)
            yield connection
    except sqlite3.Error as error:
        interruption.check()
        if isinstance(error, sqlite3.OperationalError):
            raise DatasetUnreachableError(f"{file} cannot be read: {error}.") from error
        raise DatasetFormatError(f"{file} is no sound SQLite file: {error}.") from error


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_PRAGMA and first == "table_xinfo":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "fts3_tokenizer"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _is_asked(interruption: Interruption) -> int:
    try:
        interruption.check()
    except duckdb.InterruptException:
        return 1
    return 0


def _columns(source: sqlite3.Connection, file: Path, table: str) -> tuple[SpooledColumn, ...]:
    described = source.execute(f"PRAGMA table_xinfo({identifier(table)})").fetchall()
    if not described:
        known = source.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
        ).fetchall()
        names = ", ".join(name for (name,) in known) or "none at all"
        raise DatasetUnreachableError(f"{file} has no table {table!r}; it has: {names}.")
    declared = [(row[1], str(row[2])) for row in described if row[6] != 1]  # 1 is a hidden column
    columns: list[SpooledColumn] = []
    for start in range(0, len(declared), COLUMNS_AT_A_TIME):
        columns += _typed(source, table, declared[start : start + COLUMNS_AT_A_TIME])
    return tuple(columns)


def _typed(
    source: sqlite3.Connection, table: str, declared: Sequence[tuple[str, str]]
) -> Iterator[SpooledColumn]:
    counts = ", ".join(
        f"count({name}), total(typeof({name}) = 'integer'), total(typeof({name}) = 'real'), "
        f"total(typeof({name}) = 'integer' AND {name} IN (0, 1))"
        for name, _ in ((identifier(name), kind) for name, kind in declared)
    )
    found = source.execute(f"SELECT {counts} FROM {identifier(table)}").fetchone()
    for number, (name, declaration) in enumerate(declared):
        present, whole, real, binary = found[4 * number : 4 * number + 4]
        kind = "VARCHAR"
        if present and whole == present:
            is_boolean = "BOOL" in declaration.upper() and binary == present
            kind = "BOOLEAN" if is_boolean else "BIGINT"
        elif present and whole + real == present:
            kind = "DOUBLE"
        yield SpooledColumn(name=name, type=kind)


def _write(
    source: sqlite3.Connection, spool: Path, table: str, columns: Sequence[SpooledColumn]
) -> int:
    """Write the rows; the length of the longest line in bytes."""
    fields = ", ".join(_field(identifier(column.name), column.type) for column in columns)
    rows = source.execute(f"SELECT {fields} FROM {identifier(table)}")
    longest = 0
    with spool.open("w", encoding="utf-8", newline="") as file:
        while batch := rows.fetchmany(BATCH):
            lines = [f"{MARK},{','.join(row)}\n" for row in batch]
            longest = max(longest, 4 * max(map(len, lines)))
            file.writelines(lines)
    return longest


def _field(name: str, kind: str) -> str:
    """The expression of a value as a field of CSV; seventeen digits tell all floats apart."""
    number = f"CAST({name} AS TEXT)" if kind == "VARCHAR" else f"printf('%!.17g', {name})"
    return (
        f"CASE typeof({name}) WHEN 'null' THEN '' WHEN 'integer' THEN CAST({name} AS TEXT) "
        f"WHEN 'real' THEN {number} WHEN 'blob' THEN '\"' || hex({name}) || '\"' "
        f"ELSE '\"' || replace({name}, '\"', '\"\"') || '\"' END"
    )
