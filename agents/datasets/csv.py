"""Reading CSV: strictly if the file allows it, else as much as can be read, with what was lost.

*Guarantees*: no line is left out silently: each one that could not be read is a remark.
"""

from dataclasses import dataclass
from typing import Any, Final

import duckdb

from agents.datasets.csv_dialect import HEAD_BYTES, Dialect, guess, has_unnamed_index
from agents.datasets.encoding import head, is_utf8
from agents.datasets.missing_codes import MISSING_NUMBER_CODES
from agents.datasets.readers import (
    MAX_REMARKS,
    MAX_UNREADABLE_SHARE,
    MISSING_CODE,
    STOPS,
    TABLE,
    ReadColumn,
    Reading,
    Remark,
    create_table,
    read_columns,
    unreadable,
)
from agents.datasets.sources import Source
from agents.datasets.sql import identifier, literal, literals
from agents.datasets.text_types import is_date, is_integer, is_number, is_timestamp
from agents.errors import DatasetFormatError

TOLERABLE_SHARE: Final = 0.1
"""Share of lines up to which the first way that reads the file is taken."""

RETYPE_SAMPLE_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to read a file; `flags` go to the sniffer and to the reader."""

    flags: str = ""
    quote: str = '"'
    is_partial: bool = False


_STRICT = _Way()
_STRICT_TYPED_BY_WHOLE_FILE = _Way(flags=", sample_size=-1")
_PARTIAL: tuple[_Way, ...] = tuple(
    _Way(flags=f", sample_size=-1, ignore_errors=true{more}", quote=quote, is_partial=True)
    for more, quote in (("", '"'), (", strict_mode=false", '"'), (", strict_mode=false", ""))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    reading: Reading
    unreadable_lines: int

    @property
    def unreadable_share(self) -> float:
        return self.unreadable_lines / max(1, self.reading.rows + self.unreadable_lines)


def read_csv(connection: duckdb.DuckDBPyConnection, source: Source) -> Reading:
    """Read a CSV file into the table `data`.

    Text columns that hold numbers or dates but for codes such as `NA` become numbers or dates;
    the codes become nulls and remarks.

    Raises:
        DatasetFormatError: the file is no CSV, or holds no rows.
    """
    dialect = guess(head(source.path, HEAD_BYTES), str(source.path))
    if dialect.encoding == "utf-8" and not is_utf8(source.path):
        dialect = Dialect(
            encoding="latin-1",
            delimiter=dialect.delimiter,
            escape=dialect.escape,
            decimal=dialect.decimal,
        )
    reading = _read(connection, source, dialect)
    if reading.rows == 0:
        raise DatasetFormatError(f"{source.path} has a header but no rows.")
    return _retyped(connection, reading)


def _read(connection: duckdb.DuckDBPyConnection, source: Source, dialect: Dialect) -> Reading:
    for way in (_STRICT, _STRICT_TYPED_BY_WHOLE_FILE):
        try:
            return _attempt(connection, source, dialect, way).reading
        except STOPS:
            raise
        except duckdb.ConversionException:
            continue  # the sample's types do not hold for the whole file
        except duckdb.Error as error:
            failure = error
            break
    else:
        raise DatasetFormatError(f"{source.path} cannot be read: its columns have no fixed types.")
    best: tuple[float, _Way] | None = None
    for way in _PARTIAL:
        try:
            outcome = _attempt(connection, source, dialect, way)
        except STOPS:
            raise
        except duckdb.Error as error:
            failure = error
            continue
        share = outcome.unreadable_share
        if share <= TOLERABLE_SHARE:
            return outcome.reading
        if best is None or share < best[0]:
            best = (share, way)
    if best is None:
        raise unreadable(source.path, failure) from failure
    if best[0] > MAX_UNREADABLE_SHARE:
        raise DatasetFormatError(
            f"{source.path} is no CSV that makes sense: {best[0]:.0%} of its lines do not fit."
        )
    return _attempt(connection, source, dialect, best[1]).reading


def _attempt(
    connection: duckdb.DuckDBPyConnection, source: Source, dialect: Dialect, way: _Way
) -> _Outcome:
    pattern = str(source.path)
    common = (
        f"delim={literal(dialect.delimiter)}, quote={literal(way.quote)}, "
        f"escape={literal(dialect.escape if way.quote else '')}, "
        f"encoding={literal(dialect.encoding)}, decimal_separator={literal(dialect.decimal)}"
    )
    sniffed = _sniffed(connection, pattern, f"{common}{way.flags}")
    if not sniffed[1] and has_unnamed_index(head(source.path, HEAD_BYTES), dialect.delimiter):
        sniffed = _sniffed(connection, pattern, f"{common}{way.flags}, header=true")
    columns, has_header, skipped, comment, date_format, timestamp_format = sniffed
    types = ", ".join(f"{literal(item['name'])}: {literal(item['type'])}" for item in columns)
    options = (
        f"{common}, auto_detect=false, header={literal(has_header)}, skip={skipped}, "
        f"comment={literal('' if comment == '(empty)' else comment)}, columns={{{types}}}"
    )
    if date_format:
        options += f", dateformat={literal(date_format)}"
    if timestamp_format:
        options += f", timestampformat={literal(timestamp_format)}"
    kept = way.flags.replace(", sample_size=-1", "")
    reading = Reading(
        format="csv",
        relation=f"read_csv({{pattern}}, {options}{kept})",
        columns=read_columns([(item["name"], item["type"]) for item in columns]),
        row_id="row_number() OVER () - 1",
    )
    if not way.is_partial:
        return _Outcome(reading=create_table(connection, reading, pattern), unreadable_lines=0)
    connection.execute("DROP TABLE IF EXISTS rejects; DROP TABLE IF EXISTS reject_scan")
    rejecting = reading.model_copy(
        update={
            "relation": f"{reading.relation[:-1]}, store_rejects=true, "
            f"rejects_table='rejects', rejects_scan='reject_scan')"
        }
    )
    rows = create_table(connection, rejecting, pattern).rows
    remarks, lines = _remarks(connection)
    reading = reading.model_copy(update={"rows": rows, "remarks": remarks})
    return _Outcome(reading=reading, unreadable_lines=lines)


def _sniffed(connection: duckdb.DuckDBPyConnection, pattern: str, options: str) -> tuple[Any, ...]:
    """Columns, whether they are named, lines before them, comment, forms of dates and instants."""
    sniffed = connection.execute(
        "SELECT Columns, HasHeader, SkipRows, Comment, DateFormat, TimestampFormat "
        f"FROM sniff_csv({literal(pattern)}, {options})"
    ).fetchone()
    assert sniffed is not None
    return tuple(sniffed)


def _remarks(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[Remark, ...], int]:
    """What could not be read, and how many lines that is.

    An unclosed quote swallows the lines after it into one.
    """
    rejected: list[tuple[Any, ...]] = connection.execute(
        "SELECT line, lower(replace(any_value(CAST(error_type AS VARCHAR) ORDER BY error_type), "
        "'_', ' ')), 1 + max(length(regexp_replace(csv_line, '[^\n]', '', 'g'))) "
        "FROM rejects GROUP BY line ORDER BY line"
    ).fetchall()
    lines = sum(swallowed for *_, swallowed in rejected)
    if not rejected:
        return (Remark(problem="irregular"),), 0
    listed = [
        Remark(problem=problem, line=line, rows=swallowed)
        for line, problem, swallowed in rejected[:MAX_REMARKS]
    ]
    rest = lines - sum(remark.rows for remark in listed)
    if rest:
        listed.append(Remark(problem="further lines", rows=rest))
    return tuple(listed), lines


def _retyped(connection: duckdb.DuckDBPyConnection, reading: Reading) -> Reading:
    columns, remarks = list(reading.columns), list(reading.remarks)
    for number, column in enumerate(columns):
        name = identifier(column.name)
        if column.type != "VARCHAR" or column.expression != name:
            continue
        kind = _hidden_type(connection, name)
        if kind is None:
            continue
        codes = connection.execute(
            f"SELECT {name}, count(*) FROM {TABLE} "
            f"WHERE lower(trim({name})) IN ({literals(sorted(MISSING_NUMBER_CODES))}) "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        if not codes:
            continue
        written = literals(code for code, _ in codes)
        expression = f"CAST(CASE WHEN {name} NOT IN ({written}) THEN {name} END AS {kind})"
        connection.execute(f"ALTER TABLE {TABLE} ALTER {name} TYPE {kind} USING {expression}")
        columns[number] = ReadColumn(name=column.name, type=kind, expression=expression)
        remarks += [
            Remark(problem=MISSING_CODE, column=column.name, value=code, rows=count)
            for code, count in codes
        ]
    return reading.model_copy(update={"columns": tuple(columns), "remarks": tuple(remarks)})


def _hidden_type(connection: duckdb.DuckDBPyConnection, column: str) -> str | None:
    """The type that all values but the codes of missing ones have; a sample decides most cases."""
    for rows in (f"(FROM {TABLE} LIMIT {RETYPE_SAMPLE_ROWS})", TABLE):
        found = connection.execute(
            f"""
            SELECT count(*), bool_and({is_integer("v")}), bool_and({is_number("v")}),
                bool_and({is_date("v")}), bool_and({is_timestamp("v")})
            FROM (SELECT {column} AS v FROM {rows}
                WHERE lower(trim({column})) NOT IN ({literals(sorted(MISSING_NUMBER_CODES))}))
            """
        ).fetchone()
        assert found is not None
        count, *fits = found
        if count and not any(fits):
            return None
    kinds = ("BIGINT", "DOUBLE", "DATE", "TIMESTAMP")
    return next((kind for kind, fit in zip(kinds, fits, strict=True) if fit), None)
