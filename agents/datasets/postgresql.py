"""Tables of a PostgreSQL server: what there is, and their rows on the way into a snapshot.

*Guarantees*: everything happens in one read-only transaction, so that what is copied is one state
of the table; rows are streamed, never all in memory. No error says the password.

*Not here*: where passwords come from (`credentials.py`). The driver, psycopg, is the optional part
`convener[postgres]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from agents.datasets.credentials import password_of
from agents.datasets.interruptible import Interruption
from agents.datasets.location import split_table
from agents.datasets.readers import Reading
from agents.datasets.spool import SpooledColumn, read_spool
from agents.errors import DatasetError, DatasetUnreachableError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

CONNECT_TIMEOUT: Final = 10
"""Seconds."""

STATEMENT_TIMEOUT: Final = 600.0
"""Seconds that the server works on one statement at most."""

DEFAULT_SCHEMA: Final = "public"

_TYPES: Final[Mapping[str, str]] = {
    "int2": "BIGINT",
    "int4": "BIGINT",
    "int8": "BIGINT",
    "oid": "BIGINT",
    "float4": "DOUBLE",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP",
}
"""By name of the server's type; every other one is text, and numbers as `_numeric` says."""

MAX_DECIMAL_DIGITS: Final = 38

_COLUMNS: Final = """
    SELECT a.attname, coalesce(b.typname, t.typname),
        CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""

_PRIMARY_KEY: Final = """
    SELECT a.attname FROM pg_index i
    CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place
"""

_STORED: Final = ["r", "p", "m"]
"""Kinds of tables: plain, partitioned, materialized views."""

_COMPUTED: Final = ["v", "f"]
"""Views and foreign tables."""

_TABLES: Final = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY (%(kinds)s) AND NOT c.relispartition
        AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
        AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY n.nspname <> 'public', 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTable:
    """A table of a server by its location, which holds no password; `size_bytes` on its disk."""

    location: str
    size_bytes: int = 0

    @property
    def name(self) -> tuple[str, str]:
        """Schema and table."""
        schema, found, table = split_table(self.location)[1].partition(".")
        return (schema, table) if found else (DEFAULT_SCHEMA, schema)


def tables_of(location: str, interruption: Interruption) -> tuple[str, ...]:
    """The tables that have rows and may be read, as schema.table; views only when named.

    Raises:
        DatasetUnreachableError: the server cannot be reached, or refuses.
    """
    from psycopg import sql

    with read_only(location, interruption) as connection:
        named = connection.execute(_TABLES, {"kinds": _STORED}).fetchall()
        filled = []
        for schema, table in named:
            any_row = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(schema, table))
            if connection.execute(any_row).fetchone() is not None:
                filled.append(f"{schema}.{table}")
        return tuple(filled)


def measured(location: str, interruption: Interruption) -> ServerTable:
    """The table of that location with its size.

    Raises:
        DatasetUnreachableError: the server cannot be reached, or there is no such table.
    """
    table = ServerTable(location=location)
    with read_only(location, interruption) as connection:
        found = connection.execute(
            "SELECT pg_total_relation_size(%s::oid)", [table_oid(connection, table)]
        ).fetchone()
    assert found is not None
    return ServerTable(location=location, size_bytes=int(found[0]))


def copy_table(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    interruption: Interruption,
    *,
    table: ServerTable,
) -> Reading:
    """Fill the table `data` with the rows of `table`, by primary key if it has one.

    Raises:
        DatasetUnreachableError: the server cannot be reached, refuses, or has no such table.
    """
    with read_only(table.location, interruption) as source:
        oid = table_oid(source, table)
        described = source.execute(_COLUMNS, [oid]).fetchall()
        key = [name for (name,) in source.execute(_PRIMARY_KEY, [oid]).fetchall()]
        longest = 0
        with (
            spool.open("wb") as file,
            source.cursor() as cursor,
            cursor.copy(_copy_statement(table, described, key)) as rows,
        ):
            for row in rows:
                interruption.check()
                longest = max(longest, len(row))
                file.write(row)
    columns = [
        SpooledColumn(name=name, type=_numeric(modifier) if kind == "numeric" else _type(kind))
        for name, kind, modifier in described
    ]
    with interruption.of(connection):
        return read_spool(connection, spool, columns, format="postgresql", longest=longest)


def _copy_statement(
    table: ServerTable, columns: Sequence[tuple[Any, ...]], key: Sequence[str]
) -> "Composed":
    from psycopg import sql

    fields = [
        sql.SQL("{} AT TIME ZONE 'UTC'" if kind == "timestamptz" else "{}").format(
            sql.Identifier(name)
        )
        for name, kind, _ in columns
    ]
    order = sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(map(sql.Identifier, key)))
    return sql.SQL("COPY (SELECT 1, {} FROM {}{}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)").format(
        sql.SQL(", ").join(fields), sql.Identifier(*table.name), order if key else sql.SQL("")
    )


def _type(kind: str) -> str:
    return _TYPES.get(kind, "VARCHAR")


def _numeric(modifier: int) -> str:
    """The type of a numeric column; without bounds, or with too many digits, a float."""
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
    if modifier < 4 or precision > MAX_DECIMAL_DIGITS or scale > precision:
        return "DOUBLE"
    return f"DECIMAL({precision},{scale})"


def table_oid(connection: "Connection[Any]", table: ServerTable) -> int:
    """By which the server's catalog knows the table.

    Raises:
        DatasetUnreachableError: there is none; the message lists those there are.
    """
    schema, name = table.name
    found = connection.execute(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        [schema, name],
    ).fetchone()
    if found is None:
        rows = connection.execute(_TABLES, {"kinds": [*_STORED, *_COMPUTED]}).fetchall()
        known = ", ".join(".".join(row) for row in rows) or "none at all"
        raise DatasetUnreachableError(
            f"{table.location}: there is no table {schema}.{name}; there are: {known}."
        )
    return int(found[0])


class _Running:
    """A connection as something that can be interrupted."""

    def __init__(self, connection: "Connection[Any]") -> None:
        self._connection = connection

    def interrupt(self) -> None:
        self._connection.cancel()


@contextmanager
def read_only(location: str, interruption: Interruption) -> Iterator["Connection[Any]"]:
    """A read-only transaction that sees one state of the database, its errors translated."""
    try:
        import psycopg
    except ImportError as error:
        raise DatasetUnreachableError(
            "Reading from PostgreSQL needs a driver: pip install 'convener[postgres]'."
        ) from error
    password = password_of(location)
    try:
        with psycopg.connect(**_parameters(location), password=password) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            timeout = str(round(STATEMENT_TIMEOUT * 1000))
            with interruption.of(_Running(connection)):
                connection.execute(
                    "SELECT set_config('statement_timeout', %s, true), "
                    "set_config('synchronize_seqscans', 'off', true), "
                    "set_config('DateStyle', 'ISO', true), set_config('TimeZone', 'UTC', true), "
                    "set_config('extra_float_digits', '3', true)",
                    [timeout],
                )
                yield connection
    except psycopg.Error as error:
        interruption.check()
        raise _unreachable(location, str(error), password) from None
    except (OSError, ValueError) as error:
        raise _unreachable(location, str(error), password) from None


def _parameters(location: str) -> dict[str, Any]:
    """The connection's parameters, so that the driver has no URL that it could quote in errors."""
    try:
        parts = urlsplit(split_table(location)[0])
        named = {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "dbname": unquote(parts.path.lstrip("/")),
        }
    except ValueError as error:
        raise DatasetUnreachableError(
            f"{location} is no address of a database: write "
            "postgresql://user@host:port/database?table=schema.name."
        ) from error
    given = {name: unquote(str(value)) for name, value in named.items() if value}
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": "convener",
        "client_encoding": "UTF8",
        **given,
        **dict(parse_qsl(parts.query)),
    }


def _unreachable(location: str, reason: str, password: str | None) -> DatasetError:
    said = " ".join(reason.split())
    if password:
        said = said.replace(password, "***")
    return DatasetUnreachableError(f"{location} cannot be read: {said.rstrip('.')}.")
