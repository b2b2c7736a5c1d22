"""Text columns of sources that have no type for dates, and yet hold nothing else."""

from typing import Final

import duckdb

from agents.datasets.readers import TABLE, Reading
from agents.datasets.sql import identifier
from agents.datasets.text_types import is_date, is_timestamp

SAMPLE_ROWS: Final = 5_000


def with_dates(connection: duckdb.DuckDBPyConnection, reading: Reading) -> Reading:
    """The reading, and the table `data`, with such columns as `DATE` or `TIMESTAMP`."""
    columns = []
    for column in reading.columns:
        name = identifier(column.name)
        kind = _date_type(connection, name) if column.type == "VARCHAR" else None
        if kind is None:
            columns.append(column)
            continue
        connection.execute(f"ALTER TABLE {TABLE} ALTER {name} TYPE {kind}")
        expression = f"CAST({column.expression} AS {kind})"
        columns.append(column.model_copy(update={"type": kind, "expression": expression}))
    return reading.model_copy(update={"columns": tuple(columns)})


def _date_type(connection: duckdb.DuckDBPyConnection, column: str) -> str | None:
    """The type that all values have; a sample decides most cases."""
    for rows in (f"(FROM {TABLE} LIMIT {SAMPLE_ROWS})", TABLE):
        found = connection.execute(
            f"SELECT bool_and({is_date(column)}), bool_and({is_timestamp(column)}) FROM {rows} "
            f"WHERE {column} IS NOT NULL"
        ).fetchone()
        assert found is not None
        is_day, is_moment = found
        if not is_day and not is_moment:
            return None
    return "DATE" if is_day else "TIMESTAMP"
