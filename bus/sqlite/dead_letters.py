"""Dead letters: listing them, giving them back to the group they came from, forgetting them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any

from bus.dead_letter import DeadLetter
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope, Headers
from bus.errors import UnroutableError
from bus.sqlite.deliveries import dump_headers, load_headers
from bus.sqlite.queries import QUERIES
from bus.sqlite.queues import QueueId, Routes


def select(connection: Connection, limit: int) -> Sequence[DeadLetter]:
    """The oldest ones, up to `limit`."""
    return [_letter(row) for row in connection.execute(QUERIES["select_dead_letters"], (limit,))]


def find(connection: Connection, id: str) -> DeadLetter | None:
    """The one whose id is `id` or, if it is the only one, begins with it."""
    rows = connection.execute(QUERIES["find_dead_letters"], (id, id + "\U0010ffff")).fetchall()
    return _letter(rows[0]) if len(rows) == 1 else None


def redrive(
    connection: Connection,
    id: str,
    *,
    body: bytes | None,
    headers: Headers | None,
    routes: Routes,
    now: float,
) -> QueueId | None:
    """The queue where it waits again as a first attempt; None if there is no such dead letter.

    `headers` are added to its own, `routes` say whom to wake.

    Raises:
        UnroutableError: the group that it came from is gone.
    """
    letter = find(connection, id)
    if letter is None or letter.id != id:
        return None
    routes.refresh(connection)
    found = connection.execute(QUERIES["find_redrive_queue"], (id,)).fetchone()
    if found is None:
        raise UnroutableError(letter.group or letter.envelope.topic)
    queue = QueueId(found[0])
    position = connection.execute(QUERIES["copy_dead_letter"], (id, body, now)).lastrowid
    stored = dump_headers({**letter.envelope.headers, **(headers or {})})
    connection.execute(QUERIES["insert_delivery"], (queue, position, stored))
    connection.execute(QUERIES["delete_dead_letter"], (id,))
    return queue


def discard(connection: Connection, id: str) -> bool:
    """Forget it; False if there is no such dead letter."""
    return connection.execute(QUERIES["delete_dead_letter"], (id,)).rowcount == 1


def _letter(row: tuple[Any, ...]) -> DeadLetter:
    id, group, reason, error, attempts, host, published_at, parked_at = row[:8]
    headers, topic, body, message_id, message_type, correlation_id, reply_to, is_direct = row[8:]
    return DeadLetter(
        id=id,
        envelope=Envelope(
            topic=topic,
            body=body,
            id=message_id,
            message_type=message_type,
            correlation_id=correlation_id,
            reply_to=reply_to,
            headers=load_headers(headers),
            direct=bool(is_direct),
        ),
        group=group,
        reason=reason,
        error=error,
        attempts=attempts,
        host=host,
        published_at=format_instant(datetime.fromtimestamp(published_at, UTC)),
        parked_at=format_instant(datetime.fromtimestamp(parked_at, UTC)),
    )
