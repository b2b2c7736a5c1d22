"""`SqliteTransport`: the bus in a file, for one machine and any number of processes.

*Guarantees*: those of `bus.transport`. A message is in the history and in every queue that takes it
by one transaction. What a process held when it died is free again within about a second if another
one listens, and after `LEASE` seconds in any case.

Leases and delays are kept by the monotonic clock, which all processes of the machine share: setting
the wall clock changes nothing. A reboot ends leases and may cut delays short.

A group holds up to `UNSETTLED_LIMIT` messages, those in hand and delayed ones included. Publishing
what belongs in a group that is full is refused, also to the other groups that would take it. Own
copies hold nobody up: a subscriber that leaves too many unread misses further ones.

*Not here*: the statements; those are in `bus.sqlite`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from bus.clock import Clock
from bus.domain.envelope import Envelope
from bus.errors import (
    RefusedError,
    StoreError,
    TransportClosedError,
    UnroutableError,
    UsageError,
)
from bus.sqlite import doorbell, queues
from bus.sqlite.database import Database
from bus.sqlite.deliveries import Full, Lease, Published, publish, renew
from bus.sqlite.queues import QueueId, Reached, Routes
from bus.sqlite.wakeup import LOG
from bus.transport import Subscription
from bus.transports.sqlite_delivery import SqliteDelivery
from bus.transports.sqlite_subscription import LEASE, SqliteSubscription

PROBE_INTERVAL: Final = 0.5
"""Seconds between two looks for peers that have died."""

RENEW_INTERVAL: Final = 3.0
"""Seconds between two renewals of all leases and of the own presence."""

UNSETTLED_LIMIT: Final = 2_000_000
"""Messages of one group that may be unsettled; at a kilobyte each, two gigabytes of the file."""

_log = structlog.get_logger(__name__)


class SqliteTransport:
    """Moves envelopes through the file of `database`, which it does not close.

    Groups and deliveries of a `scope` are seen by transports of the same scope only, and groups of
    any scope but "" belong to one transport and end with it. Once a group has `limit` messages
    unsettled, this transport publishes none to it.
    """

    def __init__(
        self, database: Database, *, clock: Clock, scope: str = "", limit: int = UNSETTLED_LIMIT
    ) -> None:
        self._database = database
        self._clock = clock
        self._scope = scope
        self._limit = limit
        self._routes = Routes(scope)
        self._peer = queues.new_peer()
        self._held: dict[Lease, SqliteDelivery] = {}
        self._subscriptions: list[SqliteSubscription] = []
        self._detached: list[SqliteSubscription] = []
        self._keeper: asyncio.Task[None] | None = None
        self._renewed_at = clock.monotonic()
        self._is_closed = False

    async def publish(self, envelope: Envelope) -> None:
        self._check_open()
        if not envelope.is_transient:
            await self._database.wait_for_room()
            match await self._submit(envelope):
                case None:
                    raise UnroutableError(envelope.topic)
                case Full(group=group):
                    raise RefusedError(
                        f"The group {group!r} has {self._limit:,} messages that are not settled "
                        "yet: start more of its workers, or try again later."
                    )
        elif not self._database.is_crowded:
            # Nobody waits for it, and while too much is waiting already it is left out.
            self._submit(envelope)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> AsyncIterator[SqliteSubscription]:
        self._check_open()
        deliveries = SqliteSubscription(
            subscription,
            database=self._database,
            clock=self._clock,
            held=self._held,
            announce=self._announce,
        )
        self._subscriptions.append(deliveries)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="bus-keeper")
        try:
            await self._declare(deliveries)
            yield deliveries
        finally:
            deliveries.close()
            self._subscriptions.remove(deliveries)
            if not self._is_closed:
                await self._unsubscribe(deliveries)

    async def consumers(self, group: str) -> int:
        self._check_open()
        work = partial(
            queues.count_present, scope=self._scope, group=group, now=self._clock.monotonic()
        )
        return await self._database.read(work)

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for subscription in self._subscriptions:
            subscription.close()
        for delivery in tuple(self._held.values()):
            delivery.lose()
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        leaving = partial(queues.leave, peer=self._peer, routes=self._routes)
        try:
            freed = await self._database.write(leaving, durable=False)
        except StoreError as error:
            _log.warning("bus.transport.left_uncleanly", error=str(error))
        else:
            self._announce(freed)

    async def _unsubscribe(self, deliveries: SqliteSubscription) -> None:
        work = partial(queues.unsubscribe, consumer=deliveries.consumer)
        try:
            await self._database.submit(work, durable=False)
        except StoreError as error:  # what was taken can be settled all the same
            _log.warning("bus.transport.not_unsubscribed", error=str(error))

    def _submit(self, envelope: Envelope) -> "asyncio.Future[Published]":
        publishing = self._database.submit(
            partial(
                publish,
                routes=self._routes,
                envelope=envelope,
                now=self._clock.now().timestamp(),
                limit=self._limit,
            ),
            durable=not envelope.is_transient,
        )
        expected = self._routes.expected(envelope)
        publishing.add_done_callback(partial(self._published, expected))
        # Who listens here looks right behind it, most often within the same transaction.
        self._database.wakeup.announce(expected)
        return publishing

    def _published(self, expected: Reached, publishing: "asyncio.Future[Published]") -> None:
        if publishing.cancelled():
            return  # if it was written all the same, the next look at the file finds it
        if (error := publishing.exception()) is not None:
            _log.info("bus.message.not_sent", error=str(error))
        elif isinstance(reached := publishing.result(), tuple):
            wakeup = self._database.wakeup
            wakeup.announce((LOG,) if reached == expected else (LOG, *reached))
            wakeup.ring(reached, self._routes.addresses)

    async def _declare(self, deliveries: SqliteSubscription) -> None:
        address = await self._database.wakeup.open_doorbell()
        work = partial(
            queues.subscribe,
            consumer=deliveries.consumer,
            scope=self._scope,
            group=deliveries.subscription.group,
            pattern=deliveries.subscription.pattern,
            peer=self._peer,
            address=address,
            now=self._clock.monotonic(),
        )
        queue = await self._database.write(work)
        if queue is None:
            raise UsageError(
                f"The group {deliveries.subscription.group!r} of this run belongs to another "
                "process."
            )
        deliveries.attach(queue, self._peer)

    async def _keep(self) -> None:
        """Look for dead peers, show that this one is alive and keep its leases, until closed."""
        while True:
            await asyncio.sleep(PROBE_INTERVAL)
            try:
                await self._bury_dead()
                await self._reattach()
                if self._clock.monotonic() - self._renewed_at >= RENEW_INTERVAL:
                    await self._renew()
            except StoreError as error:
                _log.warning("bus.transport.not_renewed", error=str(error))
                if self._clock.monotonic() - self._renewed_at >= LEASE:
                    self._lose(tuple(self._held))

    async def _bury_dead(self) -> None:
        work = partial(queues.find_dead, own=self._peer, now=self._clock.monotonic())
        if dead := await self._database.read(work):
            burying = partial(queues.bury, peers=dead, routes=self._routes)
            freed = await self._database.write(burying, durable=False)
            _log.info("bus.peer.died", peers=len(dead), queues=len(freed))
            self._announce(freed)
            # Only now: a doorbell that is gone could not prove the death a second time.
            await self._database.read(lambda _: doorbell.remove(*dead.values()))

    async def _renew(self) -> None:
        started_at = self._clock.monotonic()
        touching = partial(queues.touch, peer=self._peer, now=started_at)
        renewing = partial(
            renew, leases=tuple(self._held), until=started_at + LEASE, now=started_at
        )
        is_alive, gone = await asyncio.gather(
            self._database.submit(touching, durable=False),
            self._database.submit(renewing, durable=False),
        )
        self._renewed_at = started_at
        self._lose(gone)
        if not is_alive:
            self._rejoin()
            await self._reattach()

    def _rejoin(self) -> None:
        """Come back after others gave this peer up, as they do after a very long silence."""
        _log.warning("bus.transport.given_up", held=len(self._held))
        self._lose(tuple(self._held))
        self._peer = queues.new_peer()
        self._detached = [each for each in self._subscriptions if each.is_attached]
        for deliveries in self._detached:
            deliveries.detach()

    async def _reattach(self) -> None:
        while self._detached:
            await self._declare(self._detached[-1])
            self._detached.pop()

    def _lose(self, leases: Iterable[Lease]) -> None:
        for lease in leases:
            if (delivery := self._held.get(lease)) is not None:
                delivery.lose()

    def _announce(self, queues: Iterable[QueueId]) -> None:
        self._database.wakeup.announce(queues)
        self._database.wakeup.ring(queues, self._routes.addresses)

    def _check_open(self) -> None:
        if self._is_closed:
            raise TransportClosedError("The transport is closed.")
