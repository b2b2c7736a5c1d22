"""How many columns a file has, told before it is read.

*Not here*: what they are (`readers.py`, `csv.py`).
"""

from pathlib import Path

import duckdb

from agents.datasets.csv_dialect import COMMON_DELIMITERS, HEAD_BYTES
from agents.datasets.encoding import head
from agents.datasets.sources import Source
from agents.datasets.sql import literal


def estimated_width(source: Source) -> int:
    """The columns of a Parquet or CSV file, roughly; 0 of what cannot be told at a glance.

    Raises:
        OSError: the file cannot be read.
    """
    first = source.files[0]
    match source.format:
        case "parquet":
            return _schema_length(first)
        case "csv":
            line = head(first, HEAD_BYTES).partition(b"\n")[0]
            return 1 + max(line.count(each.encode()) for each in COMMON_DELIMITERS)
        case _:
            return 0


def _schema_length(file: Path) -> int:
    with duckdb.connect(":memory:") as connection:
        try:
            counted = connection.execute(
                f"SELECT count(*) FROM parquet_schema({literal(str(file))})"
            ).fetchone()
        except duckdb.Error:
            return 0  # its reader says what is wrong with it
    return counted[0] if counted else 0
