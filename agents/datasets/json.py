"""Reading JSON: objects line by line, one after another, or in one array.

*Guarantees*: no object is left out silently: each line that holds none is a remark. What is nested
below the first level is kept as JSON text.
"""

from collections.abc import Mapping
from json import loads
from typing import Any, Final

import duckdb

from agents.datasets.dates import with_dates
from agents.datasets.encoding import is_utf8
from agents.datasets.readers import (
    MAX_REMARKS,
    MAX_UNREADABLE_SHARE,
    STOPS,
    ReadColumn,
    Reading,
    Remark,
    create_table,
    read_columns,
    unreadable,
)
from agents.datasets.sources import Source
from agents.datasets.spool import distinct_names
from agents.datasets.sql import identifier, literal
from agents.errors import DatasetFormatError

DEPTH: Final = 2
"""Levels whose types are told apart: the objects, and what their keys hold."""

MAX_LINE_BYTES: Final = 32 << 20
"""Of a file that has to be read line by line."""

_SCALARS: Final[Mapping[str, str]] = {
    "BIGINT": "BIGINT",
    "UBIGINT": "HUGEINT",  # what has no sign may yet be small, or past the range of BIGINT
    "HUGEINT": "HUGEINT",
    "DOUBLE": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
}
"""By the type that the engine sees in a key's values."""

_HOLDS_OBJECT: Final = "CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END"


def read_json(connection: duckdb.DuckDBPyConnection, source: Source) -> Reading:
    """Read a JSON file into the table `data`; each object is a row, each of its keys a column.

    Raises:
        DatasetFormatError: the file is no JSON, or holds no objects.
    """
    try:
        reading = _whole(connection, source)
    except STOPS:
        raise
    except duckdb.Error as error:
        reading = _by_line(connection, source, error)
    if reading.rows == 0:
        raise DatasetFormatError(f"{source.path} holds no objects.")
    return reading


def _whole(connection: duckdb.DuckDBPyConnection, source: Source) -> Reading:
    """Read a file in which everything is as it should be."""
    relation = f"read_json({{pattern}}, records=true, sample_size=-1, maximum_depth={DEPTH})"
    described = connection.execute(
        f"DESCRIBE SELECT * FROM {relation.replace('{pattern}', literal(source.pattern), 1)}"
    ).fetchall()
    names = [(name, kind) for name, kind, *_ in described]
    reading = Reading(
        format="json",
        relation=relation,
        columns=tuple(map(_flat, read_columns(names), names)),
        row_id="row_number() OVER () - 1",
    )
    return create_table(connection, reading, source.pattern)


def _flat(column: ReadColumn, read: tuple[str, str]) -> ReadColumn:
    """The column with nested values as JSON text, and mixed ones as the text that was written."""
    name, kind = identifier(read[0]), read[1]
    if kind == "JSON":
        return column.model_copy(update={"expression": f"{name} ->> '$'"})
    if kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(")):
        return column.model_copy(update={"expression": f"CAST(to_json({name}) AS VARCHAR)"})
    return column


def _by_line(
    connection: duckdb.DuckDBPyConnection, source: Source, failure: duckdb.Error
) -> Reading:
    """Read the lines that hold an object, if they are most."""
    encoding = "utf-8" if is_utf8(source.path) else "latin-1"
    lines = (
        "read_csv({pattern}, auto_detect=false, header=false, delim='', quote='', escape='', "
        f"encoding={literal(encoding)}, max_line_size={MAX_LINE_BYTES}, "
        "columns={'line': 'VARCHAR'})"
    )
    here = lines.replace("{pattern}", literal(source.pattern), 1)
    try:
        found = connection.execute(
            "SELECT CAST(json_group_structure(CAST(line AS JSON)) AS VARCHAR), count(*) "
            f"FROM {here} WHERE {_HOLDS_OBJECT}"
        ).fetchone()
        assert found is not None
        structure, count = found
        remarks, lost = _remarks(connection, here)
    except STOPS:
        raise
    except duckdb.Error as error:
        raise unreadable(source.path, error) from error
    if not count or lost / (count + lost) > MAX_UNREADABLE_SHARE:
        raise unreadable(source.path, failure) from failure
    kinds = loads(structure)
    if not isinstance(kinds, dict):  # objects without a key between them
        raise unreadable(source.path, failure) from failure
    reading = Reading(
        format="json",
        relation=f"(SELECT line FROM {lines} WHERE {_HOLDS_OBJECT})",
        columns=_keys(kinds),
        row_id="row_number() OVER () - 1",
        remarks=remarks,
    )
    return with_dates(connection, create_table(connection, reading, source.pattern))


def _keys(kinds: Mapping[str, Any]) -> tuple[ReadColumn, ...]:
    columns = []
    for name, (key, kind) in zip(distinct_names(list(kinds)), kinds.items(), strict=True):
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        value = f"json_extract_string(line, {literal(pointer)})"
        plain = _SCALARS.get(kind) if isinstance(kind, str) else None
        expression = value if plain is None else f"CAST({value} AS {plain})"
        columns.append(ReadColumn(name=name, type=plain or "VARCHAR", expression=expression))
    return tuple(columns)


def _remarks(connection: duckdb.DuckDBPyConnection, lines: str) -> tuple[tuple[Remark, ...], int]:
    """The lines that hold something else than an object, and how many they are."""
    rejected = (
        "SELECT number, CASE WHEN json_valid(line) THEN 'no object' ELSE 'broken JSON' END "
        f"FROM (SELECT row_number() OVER () AS number, line FROM {lines}) "
        f"WHERE trim(line) <> '' AND NOT {_HOLDS_OBJECT}"
    )
    counted = connection.execute(f"SELECT count(*) FROM ({rejected})").fetchone()
    assert counted is not None
    (lost,) = counted
    listed = [
        Remark(problem=problem, line=number)
        for number, problem in connection.execute(rejected).fetchmany(MAX_REMARKS)
    ]
    if lost > len(listed):
        listed.append(Remark(problem="further lines", rows=lost - len(listed)))
    return tuple(listed), lost
