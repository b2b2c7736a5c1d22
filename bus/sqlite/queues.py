"""Queues and what leads to them: declaring, routing, presence.

A queue with a name belongs to a group. Within the common scope "" it is durable; a group of another
scope, and everybody's own copy, belongs to one peer and ends with it. Signs of life are by the
monotonic clock, see `bus.sqlite.boot`.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NewType, TypeAlias

from bus.domain.envelope import Envelope
from bus.domain.topic import is_order, is_transient, is_work, matches
from bus.sqlite.boot import horizon
from bus.sqlite.doorbell import is_dead
from bus.sqlite.queries import QUERIES

PeerId = NewType("PeerId", int)
QueueId = NewType("QueueId", int)
ConsumerId = NewType("ConsumerId", int)

Reached: TypeAlias = tuple[QueueId, ...] | None
"""The queues that took a message; None if it needed one and there was none."""

STALE_AFTER: Final = 10.0
"""Seconds without a sign of life after which a peer no longer counts as present."""

GONE_AFTER: Final = 60.0
"""Seconds without a sign of life after which a peer whose doorbell is missing is given up."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A pattern that leads to a queue."""

    queue: QueueId
    scope: str
    name: str | None
    pattern: str


@dataclass(slots=True)
class Routes:
    """Which message goes where: a cache of the bindings, kept true by their generation.

    Orders to all processes cross scopes; nothing else does.
    """

    scope: str
    generation: int = -1
    addresses: Mapping[QueueId, Sequence[str]] = field(default_factory=dict)
    _bindings: Sequence[Binding] = ()
    _known: dict[tuple[str, bool], tuple[QueueId, ...]] = field(default_factory=dict)

    def refresh(self, connection: Connection) -> None:
        """Read the bindings again if they changed."""
        (generation,) = connection.execute(QUERIES["routing_generation"]).fetchone()
        if generation == self.generation:
            return
        bindings = [Binding(*row) for row in connection.execute(QUERIES["select_bindings"])]
        self._bindings = [
            binding
            for binding in bindings
            if binding.scope == self.scope or is_order(binding.pattern)
        ]
        addresses: dict[QueueId, list[str]] = {}
        for queue, _, address in connection.execute(QUERIES["select_listeners"]):
            if address:
                addresses.setdefault(queue, []).append(address)
        self.addresses = addresses
        self._known = {}
        self.generation = generation

    def queues_for(self, envelope: Envelope) -> Reached:
        """The queues that take `envelope`."""
        key = (envelope.topic, envelope.direct)
        queues = self._known.get(key)
        if queues is None:
            queues = self._known[key] = self._find(envelope.topic, is_direct=envelope.direct)
        if not queues and (envelope.direct or is_work(envelope.topic)):
            return None
        return queues

    def expected(self, envelope: Envelope) -> tuple[QueueId, ...]:
        """The queues that took such an envelope when last one came; for the loop's thread."""
        return self._known.get((envelope.topic, envelope.direct), ())

    def _find(self, topic: str, *, is_direct: bool) -> tuple[QueueId, ...]:
        if is_direct:
            found = [b.queue for b in self._bindings if b.name == topic]
        elif is_transient(topic):
            found = [b.queue for b in self._matching(topic) if b.name is None]
        elif is_work(topic):
            found = [b.queue for b in self._matching(topic) if b.name is not None]
        else:
            found = [b.queue for b in self._matching(topic)]
        return tuple(dict.fromkeys(found))

    def _matching(self, topic: str) -> list[Binding]:
        return [binding for binding in self._bindings if matches(binding.pattern, topic)]


def new_peer() -> PeerId:
    """An identity that no peer has or had."""
    return PeerId(secrets.randbits(62))


def new_consumer() -> ConsumerId:
    """An identity that no consumer has or had."""
    return ConsumerId(secrets.randbits(62))


def touch(connection: Connection, peer: PeerId, now: float) -> bool:
    """Show that `peer` is alive; False if it was given up meanwhile."""
    return connection.execute(QUERIES["touch_peer"], (peer, now)).rowcount == 1


def subscribe(
    connection: Connection,
    consumer: ConsumerId,
    *,
    scope: str,
    group: str | None,
    pattern: str,
    peer: PeerId,
    address: str,
    now: float,
) -> QueueId | None:
    """The queue of a group, or one of its own, that `consumer` of `peer` now listens to.

    None if the group belongs to another peer, which can be so only outside the common scope.
    """
    connection.execute(QUERIES["insert_peer"], (peer, address, now))
    queue: QueueId | None = None
    if group is not None:
        found = connection.execute(QUERIES["find_queue"], (scope, group)).fetchone()
        if found is not None:
            queue, owner = found
            if owner not in (None, peer):
                return None
    if queue is None:
        is_durable = group is not None and not scope
        arguments = (scope, group, None if is_durable else peer)
        inserted = connection.execute(QUERIES["insert_queue"], arguments).lastrowid
        assert inserted is not None
        queue = QueueId(inserted)
    else:
        connection.execute(QUERIES["wake_of_earlier_boot"], (queue, horizon(now)))
    connection.execute(QUERIES["bind_queue"], (queue, pattern))
    connection.execute(QUERIES["insert_consumer"], (consumer, queue, peer))
    connection.execute(QUERIES["change_routing"])
    return queue


def unsubscribe(connection: Connection, consumer: ConsumerId) -> None:
    """The consumer is gone, and with it a queue of its own; what it took can still be settled."""
    own_copies = connection.execute(QUERIES["own_copy_of_consumer"], (consumer,)).fetchall()
    connection.execute(QUERIES["delete_consumer"], (consumer,))
    for (queue,) in own_copies:
        _delete_queue(connection, queue)
        connection.execute(QUERIES["drop_unneeded_messages"])
    connection.execute(QUERIES["change_routing"])


def leave(
    connection: Connection, peer: PeerId, routes: Routes, *, redeliveries: int = 0
) -> set[QueueId]:
    """End a peer, its consumers and its queues; returns the queues where something waits again.

    `redeliveries` is 1 when it died with them, 0 when it handed them back. `routes` say whom to
    wake.
    """
    rows = connection.execute(QUERIES["return_all"], (peer, redeliveries)).fetchall()
    returned = {QueueId(queue) for (queue,) in rows}
    connection.execute(QUERIES["delete_consumers_of_peer"], (peer,))
    for (queue,) in connection.execute(QUERIES["queues_of_peer"], (peer,)).fetchall():
        _delete_queue(connection, queue)
    connection.execute(QUERIES["delete_peer"], (peer,))
    for queue in returned:
        connection.execute(QUERIES["drop_orphans"], (queue,))
    connection.execute(QUERIES["drop_unneeded_messages"])
    connection.execute(QUERIES["change_routing"])
    routes.refresh(connection)
    return returned


def find_dead(connection: Connection, own: PeerId, now: float) -> dict[PeerId, str]:
    """The peers that have died, other than `own`, with the addresses of their doorbells."""
    return {
        peer: address
        for peer, address, seen_at in connection.execute(QUERIES["select_peers"]).fetchall()
        if peer != own and is_gone(address, seen_at, now)
    }


def is_gone(address: str, seen_at: float, now: float) -> bool:
    """Whether a peer is dead: its doorbell says so, or it has been silent for very long.

    A process that was merely suspended still has its doorbell, and keeps what it holds until its
    leases run out.
    """
    if is_dead(address):
        return True
    is_silent = now - seen_at > GONE_AFTER or seen_at > horizon(now)
    return is_silent and not (address and Path(address).exists())


def bury(connection: Connection, peers: Iterable[PeerId], routes: Routes) -> set[QueueId]:
    """Free what dead peers held; returns the queues where something waits again."""
    return {queue for peer in peers for queue in leave(connection, peer, routes, redeliveries=1)}


def count_present(connection: Connection, scope: str, group: str, now: float) -> int:
    """How many consumers of a group have shown a sign of life lately."""
    rows = connection.execute(QUERIES["consumers_of_group"], (scope, group)).fetchall()
    return sum(
        now - seen_at <= STALE_AFTER and seen_at <= horizon(now) and not is_dead(address)
        for _, address, seen_at in rows
    )


def _delete_queue(connection: Connection, queue: QueueId) -> None:
    connection.execute(QUERIES["delete_queue_waiting"], (queue,))
    connection.execute(QUERIES["delete_queue_bindings"], (queue,))
    connection.execute(QUERIES["delete_queue"], (queue,))
