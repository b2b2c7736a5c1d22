"""`SqliteTransport`: the bus in a file, for one machine and any number of processes.

*Guarantees*: those of `bus.transport`. A message is in the history and in every queue that takes it
by one transaction. What a process held when it died is free again within about a second if another
one listens, and after `LEASE` seconds in any case.

*Not here*: the statements; those are in `bus.sqlite`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from bus.clock import Clock
from bus.domain.envelope import Envelope
from bus.errors import StoreError, TransportClosedError, UnroutableError
from bus.sqlite.database import Database
from bus.sqlite.deliveries import Lease, publish, renew
from bus.sqlite.queues import (
    ConsumerId,
    PeerId,
    QueueId,
    Routes,
    bury,
    count_present,
    find_dead,
    join,
    leave,
    subscribe,
    touch,
    unsubscribe,
)
from bus.sqlite.wakeup import LOG
from bus.transport import Subscription
from bus.transports.sqlite_delivery import SqliteDelivery
from bus.transports.sqlite_subscription import LEASE, SqliteSubscription

PROBE_INTERVAL: Final = 0.5
"""Seconds between two looks for peers that have died."""

RENEW_INTERVAL: Final = 3.0
"""Seconds between two renewals of all leases and of the own presence."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Subscribed:
    """One subscription with what has to be declared again should this peer be given up."""

    subscription: Subscription
    deliveries: SqliteSubscription
    queue: QueueId = QueueId(0)
    consumer: ConsumerId = ConsumerId(0)


class SqliteTransport:
    """Moves envelopes through the file of `database`, which it does not close.

    Groups and deliveries of a `scope` are seen by transports of the same scope only, and groups of
    any scope but "" belong to one transport and end with it.
    """

    def __init__(self, database: Database, *, clock: Clock, scope: str = "") -> None:
        self._database = database
        self._clock = clock
        self._scope = scope
        self._routes = Routes(scope)
        self._peer: PeerId | None = None
        self._held: dict[Lease, SqliteDelivery] = {}
        self._subscribed: list[_Subscribed] = []
        self._joining = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._renewed_at = clock.monotonic()
        self._is_closed = False

    async def publish(self, envelope: Envelope) -> None:
        self._check_open()
        work = partial(publish, routes=self._routes, envelope=envelope, now=self._now())
        if envelope.is_transient:
            # Nobody waits for it; when too much is waiting already it is left out.
            if not self._database.is_crowded:
                self._database.submit(work, durable=False).add_done_callback(self._sent)
            return
        queues = await self._database.write(work)
        if queues is None:
            raise UnroutableError(envelope.topic)
        self._database.wakeup.announce((LOG, *queues), self._routes.addresses)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> AsyncIterator[SqliteSubscription]:
        self._check_open()
        subscribed = _Subscribed(
            subscription,
            SqliteSubscription(
                database=self._database,
                clock=self._clock,
                prefetch=subscription.prefetch,
                held=self._held,
                announce=self._announce,
            ),
        )
        self._subscribed.append(subscribed)
        try:
            async with self._joining:
                await self._declare(subscribed)
            yield subscribed.deliveries
        finally:
            subscribed.deliveries.close()
            self._subscribed.remove(subscribed)
            if not self._is_closed:
                await self._withdraw(subscribed)

    async def consumers(self, group: str) -> int:
        self._check_open()
        work = partial(count_present, scope=self._scope, group=group, now=self._now())
        return await self._database.read(work)

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        for subscribed in self._subscribed:
            subscribed.deliveries.close()
        for delivery in tuple(self._held.values()):
            delivery.lose()
        if self._peer is not None:
            try:
                queues = await self._database.write(partial(leave, peer=self._peer), durable=False)
            except StoreError as error:
                _log.warning("bus.transport.left_unclean", error=str(error))
            else:
                self._database.wakeup.announce(queues, self._routes.addresses)

    async def _declare(self, subscribed: _Subscribed) -> None:
        """Make its queue, bind it and show presence, as a peer."""
        if self._peer is None:
            address = self._database.wakeup.address
            work = partial(join, address=address, now=self._now())
            self._peer = await self._database.write(work, durable=False)
            ...
