"""A copy of a recorded stream in a file, so that it can be asked like the log of a bus file.

The file remembers up to which offset it has the stream, in the same transaction as the records. Any
number of processes may bring it up to date at once: what one has added the others skip.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import TypeAlias

from bus.domain.envelope import Envelope
from bus.domain.history_marked import HistoryMarked
from bus.sealing.encryption import KEY_HEADER, legible_part
from bus.sqlite import message_log

Offset: TypeAlias = int


def prepare(connection: Connection) -> None:
    """Make room for the offset, once."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS stream_index (next_offset INTEGER NOT NULL) STRICT"
    )
    connection.execute(
        "INSERT INTO stream_index SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM stream_index)"
    )


def next_offset(connection: Connection) -> Offset:
    """Where to go on reading."""
    (offset,) = connection.execute("SELECT next_offset FROM stream_index").fetchone()
    return int(offset)


def add(connection: Connection, records: Sequence[tuple[Offset, Envelope]], *, now: float) -> int:
    """Add those of `records` that are not there yet; how many that were."""
    expected = next_offset(connection)
    fresh = [(offset, envelope) for offset, envelope in records if offset >= expected]
    for _, envelope in fresh:
        is_recorded = envelope.message_type != HistoryMarked.message_type
        message_log.append(
            connection,
            envelope,
            now=now,
            is_recorded=is_recorded,
            attributes=legible_part(envelope),
            encrypted_for=envelope.headers.get(KEY_HEADER),
        )
    if fresh:
        connection.execute("UPDATE stream_index SET next_offset = ?", (fresh[-1][0] + 1,))
    return len(fresh)
