"""The log of messages: appending to it, asking it, and erasing what a conversation said.

*Guarantees*: positions grow with every message, and whoever reads up to `last_position` has seen
everything before it. A message id is recorded once. Tokens are never in the log.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TypeAlias

from bus.domain.audit import AuditRecorded
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope
from bus.history import HistoryQuery, HistoryRecord, Position
from bus.sqlite.queries import QUERIES

Span: TypeAlias = tuple[int, int]
"""Positions after the first one up to the second one, included."""

_INSERT = QUERIES["insert_message"]
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the log; its body may be encrypted for a conversation."""

    record: HistoryRecord
    encrypted_for: str | None


def append(
    connection: Connection,
    envelope: Envelope,
    *,
    now: float,
    is_recorded: bool,
    attributes: bytes | None = None,
    encrypted_for: str | None = None,
) -> int:
    """Its position in the log. A message whose id is recorded already makes no second record.

    Of a body that is `encrypted_for` a conversation, `attributes` are what can be read.
    """
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
            envelope.body,
            _as_text(envelope.body if attributes is None else attributes),
            encrypted_for,
        ),
    ).lastrowid
    assert inserted is not None
    return inserted


def last_position(connection: Connection) -> Position:
    """Where the log ends at present; 0 if it is empty."""
    (position,) = connection.execute(QUERIES["last_position"]).fetchone()
    return Position(position or 0)


def select(
    connection: Connection, query: HistoryQuery, span: Span, *, limit: int
) -> Sequence[Stored]:
    """The first `limit` records of `span` that `query` selects, or the last if it asks for those.

    They come in the order in which they were looked for.
    """
    conditions, arguments = _conditions(query)
    order = "DESC" if query.latest else "ASC"
    statement = (
        f"{QUERIES['select_records']} {' '.join(conditions)} ORDER BY position {order} LIMIT ?"
    )
    rows = connection.execute(statement, (*span, *arguments, limit))
    return [
        Stored(
            HistoryRecord(
                position=Position(position),
                id=id,
                message_type=message_type,
                topic=topic,
                source=source,
                time=time,
                correlation_id=correlation_id,
                causation_id=causation_id,
                body=body,
                erased=bool(is_erased),
            ),
            encrypted_for,
        )
        for (
            position,
            id,
            message_type,
            topic,
            source,
            time,
            correlation_id,
            causation_id,
            body,
            is_erased,
            encrypted_for,
        ) in rows
    ]


def erase(connection: Connection, conversation: str) -> int:
    """Empty the records of `conversation`, drop what waits of it; how many records had content.

    A record of the audit is none of it, whatever it says.
    """
    with _overwriting(connection):
        connection.execute(QUERIES["delete_deliveries_of"], (conversation,))
        connection.execute(QUERIES["delete_copies_of"], (conversation,))
        arguments = (conversation, AuditRecorded.message_type)
        return connection.execute(QUERIES["erase_records"], arguments).rowcount


def count_encrypted(connection: Connection, conversation: str) -> tuple[int, int]:
    """How many records of `conversation` are encrypted, and how many are not."""
    arguments = (conversation, AuditRecorded.message_type)
    encrypted, plain = connection.execute(QUERIES["count_encrypted"], arguments).fetchone()
    return int(encrypted), int(plain)


@contextmanager
def _overwriting(connection: Connection) -> Iterator[None]:
    """Have what is deleted overwritten at once, also where that takes a write of its own."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete = FAST")


def _conditions(query: HistoryQuery) -> tuple[list[str], list[str]]:
    conditions: list[str] = []
    arguments: list[str] = []
    if query.request is not None:
        conditions.append(QUERIES["is_of_request"])
        arguments += [query.request, query.request + "\U0010ffff"] * 2
    if query.role is not None:
        conditions.append(QUERIES["is_of_role"])
        arguments += [f"task.{query.role}", query.role]
    if query.message_type is not None:
        conditions.append(QUERIES["is_of_type"])
        arguments.append(query.message_type)
    if query.since is not None:
        conditions.append(QUERIES["is_since"])
        arguments.append(format_instant(query.since))
    if query.until is not None:
        conditions.append(QUERIES["is_until"])
        arguments.append(format_instant(query.until))
    if query.text is not None:
        conditions.append(QUERIES["has_text"])
        arguments.append(query.text)
    return conditions, arguments


def _as_text(body: bytes) -> str | None:
    """`body` as text out of which SQLite takes nothing but text; None if it cannot."""
    try:
        text = body.decode()
        if _SURROGATE.search(body):
            # A half of a pair is valid JSON, but what SQLite makes of it is no text.
            json.dumps(json.loads(text), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return text
