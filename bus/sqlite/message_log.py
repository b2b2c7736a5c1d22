"""The log of messages: appending to it and asking it.

*Guarantees*: positions grow with every message, and whoever reads up to `last_position` has seen
everything before it. A message id is recorded once. Tokens are never in the log.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import TypeAlias

from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope
from bus.history import HistoryQuery, HistoryRecord, Position
from bus.sqlite.queries import QUERIES

Span: TypeAlias = tuple[int, int]
"""Positions after the first one up to the second one, included."""

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


def last_position(connection: Connection) -> Position:
    """Where the log ends at present; 0 if it is empty."""
    (position,) = connection.execute(QUERIES["last_position"]).fetchone()
    return Position(position or 0)


def select(
    connection: Connection, query: HistoryQuery, span: Span, *, limit: int
) -> Sequence[HistoryRecord]:
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
        ) in rows
    ]


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
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
