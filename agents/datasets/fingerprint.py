"""The version of a table that came from a database: a digest of what was read.

*Guarantees*: the same rows under the same column names in the same order give the same digest,
whatever else the database holds, and no two different tables are known to share one.
"""

from hashlib import blake2b
from typing import Final

import duckdb

from agents.datasets.readers import TABLE, Reading
from agents.datasets.sql import identifier

BATCH: Final = 10_000


def table_digest(connection: duckdb.DuckDBPyConnection, reading: Reading) -> str:
    """The digest of the table `data`, 32 hexadecimal digits."""
    digest = blake2b(digest_size=16)
    for column in reading.columns:
        digest.update(f"{len(column.name)}:{column.name} {column.type}\n".encode())
    # Lengths stand before values, so that no two rows are written the same way.
    fields = ", ".join(
        f"coalesce(length({text}) || ':' || {text}, '-')"
        for text in (f"CAST({identifier(column.name)} AS VARCHAR)" for column in reading.columns)
    )
    rows = connection.execute(f"SELECT sha256(concat({fields})) FROM {TABLE}")
    while batch := rows.fetchmany(BATCH):
        digest.update("".join(row for (row,) in batch).encode())
    return digest.hexdigest()
