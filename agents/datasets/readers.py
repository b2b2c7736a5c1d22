"""How a source is read into a table, and the SQL by which a fresh shell reads it the same way.

*Guarantees*: the table `data` holds what `Reading.setup_sql` shows, in the order of the file, and
only plain types: truth values, numbers, text, dates, times and timestamps (those with a time zone
are in UTC); everything else is text.
"""

from pathlib import Path
from typing import Final

import duckdb
from pydantic import BaseModel, ConfigDict

from agents.datasets.sources import Format, Source
from agents.datasets.sql import identifier, literal, literals
from agents.domain.task import Column
from agents.errors import DatasetFormatError

INTEGER_TYPES: Final = frozenset(
    f"{sign}{size}"
    for sign in ("", "U")
    for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)
PLAIN_TYPES: Final = INTEGER_TYPES | frozenset(
    ("BOOLEAN", "FLOAT", "DOUBLE", "VARCHAR", "DATE", "TIME", "TIMESTAMP")
)

LAYOUT_SQL: Final = (
    "SELECT file_name, row_group_id, row_group_num_rows, row_group_bytes, "
    'path_in_schema AS "column", type, compression, encodings, total_compressed_size, '
    "total_uncompressed_size, stats_min_value IS NOT NULL AS has_statistics "
    "FROM parquet_metadata({pattern})"
)

ROW_ID: Final = "row_id"

TABLE: Final = "data"
"""Of a snapshot; the same as the name that most views have."""

MISSING_CODE: Final = "missing code"
"""The problem of a remark on a text or number that stood for a missing value and became null."""

MAX_UNREADABLE_SHARE: Final = 0.5
"""Share of lines that cannot be read past which a file is not in its format."""

MAX_REMARKS: Final = 1_000
"""How many unreadable lines are listed one by one."""

STOPS: Final = (duckdb.InterruptException, duckdb.OutOfMemoryException)
"""Errors that say nothing about the file, and end reading it in whatever way."""

META: Final = "meta"
"""The schema of a snapshot for all that is not data."""


class ReadColumn(BaseModel):
    """A column of the view: its plain type and the expression over the reader that gives it."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: str
    expression: str


class Remark(BaseModel):
    """Something that reading the file had to put up with; one row of the view `reading.<name>`."""

    model_config = ConfigDict(frozen=True)

    problem: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    rows: int = 1


class Reading(BaseModel):
    """All that is needed to see the same rows again.

    `relation` has a place for the `{pattern}`; or it is a table of the database file that the
    pattern names, attached under the name `database`.
    """

    model_config = ConfigDict(frozen=True)

    format: Format
    relation: str
    columns: tuple[ReadColumn, ...]
    row_id: str
    rows: int = 0
    remarks: tuple[Remark, ...] = ()
    database: str = ""

    @property
    def schema_columns(self) -> tuple[Column, ...]:
        """The columns as others know them."""
        return tuple(Column(name=column.name, type=column.type) for column in self.columns)

    def of_snapshot(self, database: str) -> "Reading":
        """The same rows read from the snapshot itself, attached under that name.

        It is what a shell is given where it could not read the source as we did.
        """
        return self.model_copy(
            update={
                "database": database,
                "relation": f"{database}.{TABLE}",
                "row_id": ROW_ID,
                "columns": tuple(
                    column.model_copy(update={"expression": identifier(column.name)})
                    for column in self.columns
                ),
            }
        )

    def select(self, pattern: str) -> str:
        """The SELECT over the reader that gives the columns and `row_id`."""
        items = [
            column.expression
            if column.expression == identifier(column.name)
            else f"{column.expression} AS {identifier(column.name)}"
            for column in self.columns
        ]
        items.append(ROW_ID if self.row_id == ROW_ID else f"{self.row_id} AS {ROW_ID}")
        return f"SELECT {', '.join(items)} FROM {self.source(pattern)}"

    def source(self, pattern: str) -> str:
        """The reader's call on the files that `pattern` names, or the table."""
        return self.relation.replace("{pattern}", literal(pattern), 1)

    def setup_sql(self, name: str, pattern: str) -> str:
        """Statements that create the view `name` and what belongs to it, in a fresh shell."""
        view = identifier(name)
        statements = [f"CREATE VIEW {view} AS {self.select(pattern)}"]
        if self.database:
            attached = identifier(self.database)
            statements.insert(0, attach_sql(pattern, attached, if_new=True))
        if self.format == "parquet":
            layout = LAYOUT_SQL.format(pattern=literal(pattern))
            statements.append("CREATE SCHEMA IF NOT EXISTS layout")
            statements.append(f"CREATE VIEW layout.{view} AS {layout}")
        if self.remarks:
            statements.append("CREATE SCHEMA IF NOT EXISTS reading")
            statements.append(f"CREATE VIEW reading.{view} AS {self.remarks_sql()}")
        return ";\n".join(statements) + ";"

    def remarks_sql(self) -> str:
        """A SELECT of the remarks."""
        rows = ", ".join(
            f"({literals((item.problem, item.line, item.column, item.value, item.rows))})"
            for item in self.remarks
        )
        names = 'problem, line, "column", value, rows'
        if rows:
            return f"SELECT * FROM (VALUES {rows}) AS remark({names})"
        empty = "NULL::VARCHAR, NULL::BIGINT, NULL::VARCHAR, NULL::VARCHAR, NULL::BIGINT"
        return f"SELECT * FROM (VALUES ({empty})) AS remark({names}) WHERE problem IS NOT NULL"


def attach_sql(file: str, name: str, *, if_new: bool = False) -> str:
    """A statement that attaches a database file for reading under the quoted `name`."""
    return f"ATTACH {'IF NOT EXISTS ' if if_new else ''}{literal(file)} AS {name} (READ_ONLY)"


def read_columns(described: list[tuple[str, str]]) -> tuple[ReadColumn, ...]:
    """Columns of the view from the reader's names and types.

    A column of the data that is called `row_id` gets another name, since that one is taken.
    """
    taken = {name.casefold() for name, _ in described}
    columns = []
    for source_name, source_type in described:
        name = source_name
        if name.casefold() == ROW_ID:
            number = 1
            while f"{ROW_ID}_{number}" in taken:
                number += 1
            name = f"{ROW_ID}_{number}"
        expression, plain = _plain(identifier(source_name), source_type)
        columns.append(ReadColumn(name=name, type=plain, expression=expression))
    return tuple(columns)


def create_table(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    pattern: str,
    *,
    at_a_time: int | None = None,
) -> Reading:
    """Fill the table `data` in the order of the file, so many columns at a time; counted."""
    if at_a_time is None or len(reading.columns) <= at_a_time:
        connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS {reading.select(pattern)}")
    else:
        _create_from_slices(connection, reading, pattern, at_a_time)
    counted = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    assert counted is not None
    return reading.model_copy(update={"rows": counted[0]})


def _create_from_slices(
    connection: duckdb.DuckDBPyConnection, reading: Reading, pattern: str, at_a_time: int
) -> None:
    """Read the file once for each slice of its columns, then put the slices side by side."""
    slices = []
    for at in range(0, len(reading.columns), at_a_time):
        columns = reading.columns[at : at + at_a_time]
        select = reading.model_copy(update={"columns": columns}).select(pattern)
        slices.append(f"slice_{at}")
        connection.execute(f"CREATE TABLE {slices[-1]} AS {select}")
    *columns_alone, last = slices
    items = ", ".join((*(f"{each}.* EXCLUDE ({ROW_ID})" for each in columns_alone), f"{last}.*"))
    connection.execute(
        f"CREATE OR REPLACE TABLE {TABLE} AS SELECT {items} FROM {' POSITIONAL JOIN '.join(slices)}"
    )
    for each in slices:
        connection.execute(f"DROP TABLE {each}")


def nan_as_null(connection: duckdb.DuckDBPyConnection, reading: Reading) -> Reading:
    """Make nulls of floats that are not a number, in the table and in the reading."""
    floats = [column for column in reading.columns if column.type in ("FLOAT", "DOUBLE")]
    if not floats:
        return reading
    counts = ", ".join(f"count(*) FILTER (isnan({identifier(item.name)}))" for item in floats)
    found = connection.execute(f"SELECT {counts} FROM {TABLE}").fetchone()
    assert found is not None
    rows = {item.name: count for item, count in zip(floats, found, strict=True) if count}
    columns = []
    for column in reading.columns:
        if column.name in rows:
            name, nan = identifier(column.name), f"'NaN'::{column.type}"
            connection.execute(
                f"ALTER TABLE {TABLE} ALTER {name} TYPE {column.type} USING nullif({name}, {nan})"
            )
            expression = f"nullif({column.expression}, {nan})"
            columns.append(column.model_copy(update={"expression": expression}))
        else:
            columns.append(column)
    remarks = [
        Remark(problem=MISSING_CODE, column=name, value="NaN", rows=count)
        for name, count in rows.items()
    ]
    return reading.model_copy(
        update={"columns": tuple(columns), "remarks": (*reading.remarks, *remarks)}
    )


def read_parquet(
    connection: duckdb.DuckDBPyConnection, source: Source, *, at_a_time: int | None = None
) -> Reading:
    """Read Parquet files into the table `data`, and their layout into `meta.layout`.

    With `at_a_time`, no more columns than that are read at once: each takes memory for a page.

    Raises:
        DatasetFormatError: they cannot be read, or hold no rows.
    """
    options = ", union_by_name=true" if source.is_folder else ", file_row_number=true"
    options += f", hive_partitioning={str(is_partitioned(source)).lower()}"
    relation = f"read_parquet({{pattern}}{options})"
    pattern = source.pattern
    try:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM {relation.replace('{pattern}', literal(pattern), 1)}"
        ).fetchall()
        hidden = () if source.is_folder else ("file_row_number",)
        names = [(name, kind) for name, kind, *_ in described if name not in hidden]
        reading = Reading(
            format="parquet",
            relation=relation,
            columns=read_columns(names),
            row_id="row_number() OVER () - 1" if source.is_folder else "file_row_number",
        )
        reading = create_table(connection, reading, pattern, at_a_time=at_a_time)
        layout = LAYOUT_SQL.format(pattern=literal(pattern))
        connection.execute(f"CREATE OR REPLACE TABLE {META}.layout AS {layout}")
    except STOPS:
        raise
    except duckdb.Error as error:
        raise unreadable(source.path, error) from error
    if reading.rows == 0:
        raise DatasetFormatError(f"{source.path} has columns but no rows.")
    return reading


def is_partitioned(source: Source) -> bool:
    """Whether every file lies below folders such as `year=2024`, of the same keys."""
    keys = {
        tuple(
            part.partition("=")[0]
            for part in file.relative_to(source.path).parts[:-1]
            if not part.startswith("=") and "=" in part
        )
        for file in source.files
        if source.is_folder
    }
    return len(keys) == 1 and keys != {()}


def unreadable(path: Path, error: duckdb.Error) -> DatasetFormatError:
    """What to tell the user when the engine cannot read a file."""
    reason = str(error).strip().splitlines()[0].rstrip(" .").removeprefix("Invalid Input Error: ")
    return DatasetFormatError(f"{path} cannot be read: {reason}.")


def _plain(expression: str, kind: str) -> tuple[str, str]:
    if kind in PLAIN_TYPES or kind.startswith("DECIMAL("):
        return expression, kind
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({expression}))", "TIMESTAMP"
    if kind.startswith("TIMESTAMP"):
        return f"CAST({expression} AS TIMESTAMP)", "TIMESTAMP"
    return f"CAST({expression} AS VARCHAR)", "VARCHAR"
