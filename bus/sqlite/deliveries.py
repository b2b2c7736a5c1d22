"""What still has to be delivered: publishing, taking, settling.

A delivery is taken for a lease. Whoever settles it must still hold that very lease: owner and
hand-out number fence off everybody whose lease ran out. Leases and delays are by the monotonic
clock, see `bus.sqlite.boot`; what is published or parked bears the instant of the wall clock.

*Guarantees*: a message is appended to the log and waits in every queue that takes it, or neither.
Per queue, deliveries are taken in the order in which they were published.

*Source*: Gray & Cheriton, "Leases" (1989).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any, Final, NamedTuple, TypeAlias

from bus.domain.envelope import Envelope, Headers
from bus.domain.fault import ParkReason
from bus.sqlite.message_log import append
from bus.sqlite.queries import QUERIES
from bus.sqlite.queues import PeerId, QueueId, Reached, Routes

OWN_COPY_LIMIT: Final = 100_000
"""Messages that a subscriber without a group may leave unsettled before it misses further ones."""


class Lease(NamedTuple):
    """What fences a settlement."""

    delivery: int
    owner: PeerId
    handout: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken from a queue, for a lease."""

    lease: Lease
    queue: QueueId
    position: int
    is_copied: bool
    attempt: int
    redeliveries: int
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim brought; once the queue is drained, `next_due` is when more may come free."""

    taken: Sequence[Taken]
    is_drained: bool
    next_due: float | None = None


@dataclass(frozen=True, slots=True)
class Full:
    """A message was not accepted because `group` has too many that are not settled yet."""

    group: str


Published: TypeAlias = Reached | Full
"""What came of a message."""


def publish(
    connection: Connection, routes: Routes, envelope: Envelope, *, now: float, limit: int
) -> Published:
    """The queues where `envelope` waits now; a group holds up to `limit` messages.

    Refusing is a value and no error, as an error would have its whole batch done again.
    """
    routes.refresh(connection)
    matching = routes.queues_for(envelope)
    if matching is None:
        return None
    queues = _with_room(connection, matching, limit)
    if isinstance(queues, Full):
        return queues
    is_transient = envelope.is_transient
    if queues or not is_transient:
        position = append(connection, envelope, now=now, is_recorded=not is_transient)
        headers = dump_headers(envelope.headers)
        for queue in queues:
            connection.execute(QUERIES["insert_delivery"], (queue, position, headers))
    return queues


def claim(
    connection: Connection, queue: QueueId, owner: PeerId, *, limit: int, now: float, lease: float
) -> Claimed:
    """Take up to `limit` messages from `queue` for `lease` seconds.

    A message that came back before without being settled is the last one taken: should it be what
    kills its consumers, it takes few others with it.
    """
    connection.execute(QUERIES["wake_due"], (queue, now))
    rows = connection.execute(QUERIES["select_ready"], (queue, limit)).fetchall()
    is_drained = len(rows) < limit
    for index, row in enumerate(rows, start=1):
        if row[3] and index < len(rows):
            del rows[index:]
            is_drained = False
            break
    if rows:
        arguments = (queue, rows[-1][0], owner, now + lease, now)
        connection.execute(QUERIES["take_ready"], arguments)
    next_due = None
    if is_drained:
        (next_due,) = connection.execute(QUERIES["next_due"], (queue,)).fetchone()
    return Claimed([_taken(row, queue, owner) for row in rows], is_drained, next_due)


def renew(
    connection: Connection, leases: Iterable[Lease], *, until: float, now: float
) -> list[Lease]:
    """Prolong `leases`; returns those that are gone."""
    return [
        lease
        for lease in leases
        if connection.execute(QUERIES["renew_lease"], (until, now, *lease)).rowcount == 0
    ]


def acknowledge(connection: Connection, taken: Taken) -> bool:
    """It is done; False if the lease is gone."""
    if connection.execute(QUERIES["settle_delivery"], taken.lease).rowcount == 0:
        return False
    if taken.is_copied:
        connection.execute(QUERIES["drop_message"], (taken.position,))
    return True


def put_back(
    connection: Connection,
    taken: Taken,
    *,
    delay: float,
    attempt: int,
    redeliveries: int,
    now: float,
) -> bool:
    """It waits again, for `delay` seconds at least; False if the lease is gone."""
    due_at = now + delay if delay > 0 else None
    arguments = (*taken.lease, due_at, attempt, redeliveries, now)
    if connection.execute(QUERIES["return_delivery"], arguments).rowcount == 0:
        return False
    dropped = connection.execute(QUERIES["drop_if_queue_is_gone"], (taken.lease.delivery,)).rowcount
    if dropped and taken.is_copied:
        connection.execute(QUERIES["drop_message"], (taken.position,))
    return True


def park(
    connection: Connection,
    taken: Taken,
    *,
    id: str,
    reason: ParkReason,
    error: str,
    host: str,
    now: float,
) -> bool:
    """It is among the dead letters as `id`; False if the lease is gone."""
    headers = dump_headers(taken.envelope.without_token().headers)
    arguments = (*taken.lease, id, reason, error, host, now, headers)
    if connection.execute(QUERIES["park_delivery"], arguments).rowcount == 0:
        return False
    return acknowledge(connection, taken)


def _with_room(
    connection: Connection, queues: tuple[QueueId, ...], limit: int
) -> tuple[QueueId, ...] | Full:
    """Those of `queues` that take one more: all but own copies nobody reads, or none at all."""
    crowded = set()
    for queue in queues:
        arguments = (queue,)
        unsettled, group = connection.execute(QUERIES["unsettled_in_queue"], arguments).fetchone()
        if group is not None and unsettled >= limit:
            return Full(group)
        if group is None and unsettled >= OWN_COPY_LIMIT:
            crowded.add(queue)
    return tuple(queue for queue in queues if queue not in crowded) if crowded else queues


def dump_headers(headers: Headers) -> str | None:
    """`headers` as they are stored."""
    return json.dumps(dict(headers)) if headers else None


def load_headers(stored: str | None) -> Headers:
    """Headers as they were given."""
    return json.loads(stored) if stored else {}


def _taken(row: tuple[Any, ...], queue: QueueId, owner: PeerId) -> Taken:
    id, handout, attempt, redeliveries, headers, is_copied, position = row[:7]
    topic, body, message_id, message_type, correlation_id, reply_to, is_direct = row[7:]
    return Taken(
        lease=Lease(id, owner, handout),
        queue=queue,
        position=position,
        is_copied=bool(is_copied),
        attempt=attempt,
        redeliveries=redeliveries,
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
    )
