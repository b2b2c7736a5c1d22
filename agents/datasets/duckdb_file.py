"""Tables of DuckDB files: what there is, and how they become a snapshot.

*Guarantees*: the file is attached for reading only; views, which could read other files, are not
looked at.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Final

import duckdb

from agents.datasets.interruptible import Interruption
from agents.datasets.readers import (
    STOPS,
    Reading,
    attach_sql,
    create_table,
    read_columns,
    unreadable,
)
from agents.datasets.sql import identifier
from agents.errors import DatasetUnreachableError

MAIN: Final = "main"
"""The schema whose name may be left out."""


def tables_of(file: Path, interruption: Interruption) -> tuple[str, ...]:
    """The tables that have rows, by name, with their schema unless it is `main`.

    Raises:
        DatasetFormatError: the file cannot be read.
    """
    try:
        with duckdb.connect(":memory:") as connection, interruption.of(connection):
            connection.execute(attach_sql(str(file), "source"))
            tables = _tables(connection, "source")
            return tuple(
                name
                for name, (schema, table) in tables.items()
                if connection.execute(
                    f"SELECT 1 FROM source.{identifier(schema)}.{identifier(table)} LIMIT 1"
                ).fetchone()
            )
    except STOPS:
        raise
    except duckdb.Error as error:
        raise unreadable(file, error) from error


def copy_table(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    interruption: Interruption,
    *,
    file: Path,
    table: str,
) -> Reading:
    """Fill the table `data` with the rows of `table`.

    Raises:
        DatasetUnreachableError: there is no such table.
        DatasetFormatError: the file cannot be read.
    """
    name = f"file_{blake2b(str(file).encode(), digest_size=4).hexdigest()}"
    try:
        connection.execute(attach_sql(str(file), name))
        tables = _tables(connection, name)
        if table not in tables:
            known = ", ".join(tables) or "none at all"
            raise DatasetUnreachableError(f"{file} has no table {table!r}; it has: {known}.")
        schema, plain = tables[table]
        relation = f"{name}.{identifier(schema)}.{identifier(plain)}"
        described = connection.execute(f"DESCRIBE {relation}").fetchall()
        reading = Reading(
            format="duckdb",
            relation=relation,
            columns=read_columns([(column, kind) for column, kind, *_ in described]),
            row_id="row_number() OVER () - 1",
            database=name,
        )
        reading = create_table(connection, reading, str(file))
        connection.execute(f"DETACH {name}")
    except STOPS:
        raise
    except duckdb.Error as error:
        raise unreadable(file, error) from error
    return reading


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, tuple[str, str]]:
    found = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? "
        "AND NOT internal ORDER BY schema_name <> 'main', 1, 2",
        [database],
    ).fetchall()
    return {
        table if schema == MAIN else f"{schema}.{table}": (schema, table) for schema, table in found
    }
