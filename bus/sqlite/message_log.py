"""The log of messages: appending to it."""

from sqlite3 import Connection

from bus.domain.envelope import Envelope
from bus.sqlite.queries import QUERIES

_INSERT = QUERIES["insert_message"]


def append(connection: Connection, envelope: Envelope, *, now: float, is_recorded: bool) -> int:
    """Its position in the log. A message whose id is recorded already makes no second record."""
    body = envelope.body
    inserted = connection.execute(
        _INSERT,
        (
            envelope.id,
            envelope.message_type,
            envelope.topic,
            envelope.correlation_id,
            envelope.reply_to,
            envelope.direct,
            now,
            is_recorded,
            body,
            _as_text(body),
        ),
    ).lastrowid
    assert inserted is not None
    return inserted


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
