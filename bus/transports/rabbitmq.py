"""`RabbitmqTransport`: envelopes over RabbitMQ 3.10 and later.

*Guarantees*, beyond those of the seam: every call is bounded in time; after any loss of a
connection everything is rebuilt without the caller's doing; publishing and consuming have a
connection each, so that a broker that blocks publishers still serves consumers.

A work topic is published as mandatory: the broker returns what no group takes. So is a notice,
whose return means that the history's own queue is gone and has to be declared again.

**Direct addresses.** `topic` of a direct envelope names a queue of exactly that name, such as the
reply queue of a foreign client. Queues of ours, whose names begin with `convener`, are never
reached that way, nor is a group: a reply address that anybody may write would give it work.

**Delays** are rounded up to 1, 5, 30 or 120 s; a longer one comes back after 120 s.

*Not here*: names and arguments on the broker (`rabbitmq_topology`), what travels in AMQP properties
(`rabbitmq_wire`), reconnecting (`rabbitmq_connection`, `rabbitmq_subscription`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Self

from bus.clock import Clock
from bus.domain.envelope import Envelope
from bus.domain.topic import check_topic, is_work
from bus.errors import UnroutableError
from bus.transport import Delivery, Subscription
from bus.transports import rabbitmq_wire as wire
from bus.transports.rabbitmq_connection import (
    BrokerConnection,
    Channel,
    asking,
    close_channel,
)
from bus.transports.rabbitmq_delivery import Copies, RabbitmqDelivery
from bus.transports.rabbitmq_errors import MissingError
from bus.transports.rabbitmq_publisher import Publisher
from bus.transports.rabbitmq_sources import GroupSource, IngestSource, OwnSource, Source
from bus.transports.rabbitmq_subscription import RabbitmqSubscription
from bus.transports.rabbitmq_topology import (
    HISTORY_STREAM,
    TOPIC_EXCHANGE,
    group_queue,
)

_INGEST_PREFETCH: Final = 256
_LONGEST_NAME: Final = 255
_OWN_PREFIX: Final = "convener"
_DIRECT_REPLY_PREFIX: Final = "amq.rabbitmq.reply-to."
"""RabbitMQ's direct reply-to, which claims to be unroutable even when it delivers."""


class RabbitmqTransport:
    """One process's way to the broker: see `bus.transport.Transport` for what it promises."""

    def __init__(
        self,
        publishing: BrokerConnection,
        consuming: BrokerConnection,
        *,
        clock: Clock,
        confirm_timeout: float,
        watch_interval: float,
    ) -> None:
        self._publishing = publishing
        self._consuming = consuming
        self._clock = clock
        self._publisher = Publisher(publishing, timeout=confirm_timeout)
        self._copies = Copies(self._publisher, clock)
        self._watch_interval = watch_interval
        self._subscriptions: set[RabbitmqSubscription] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        clock: Clock,
        patience: float = 10.0,
        confirm_timeout: float = 10.0,
        heartbeat: int = 10,
        watch_interval: float = 30.0,
    ) -> Self:
        """The broker at `url`, `amqp://` or `amqps://`, with what every process needs declared.

        `name` shows in the broker's management interface. A call waits at most `patience` seconds
        for a lost connection to come back, and at most `confirm_timeout` for a confirmation.
        `heartbeat` is in seconds; a silent connection is given up after some three of them. A
        subscription to which nothing came for `watch_interval` seconds makes sure of its consumer.

        Raises:
            UnreachableError: the broker did not answer, or refused us; the message says what to
                check.
            UsageError: `url` is no such URL.
        """
        transport = cls(
            BrokerConnection(
                url, name=f"{name} (publishes)", patience=patience, heartbeat=heartbeat
            ),
            BrokerConnection(
                url, name=f"{name} (consumes)", patience=patience, heartbeat=heartbeat
            ),
            clock=clock,
            confirm_timeout=confirm_timeout,
            watch_interval=watch_interval,
        )
        try:
            await transport._publishing.open()
            await transport._publisher.prepare()
        except BaseException:
            await transport.aclose()
            raise
        return transport

    @property
    def address(self) -> str:
        """Broker and virtual host without credentials: processes with the same one share a bus."""
        return self._publishing.address

    @property
    def account(self) -> str:
        """The user of the broker, as in the names of its queues."""
        return self._publishing.account

    async def publish(self, envelope: Envelope) -> None:
        """See the seam."""
        if envelope.direct:
            await self._publish_direct(envelope)
            return
        try:
            await self._publish_to_topic(envelope)
        except UnroutableError:
            if is_work(envelope.topic):
                raise
            await self._publisher.restore()
            await self._publish_to_topic(envelope)

    def subscribe(
        self, subscription: Subscription
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """See the seam."""
        source: Source = (
            OwnSource(subscription.pattern)
            if subscription.group is None
            else GroupSource(subscription.group, subscription.pattern)
        )
        return self._subscribed(source, prefetch=subscription.prefetch)

    async def consumers(self, group: str) -> int:
        """See the seam."""
        channel = await self.channel()
        try:
            async with asking("counting consumers"):
                state = await channel.queue_declare(group_queue(group), passive=True)
        except MissingError:
            return 0
        finally:
            await close_channel(channel)
        return state.consumer_count or 0

    async def aclose(self) -> None:
        """See the seam."""
        subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.abandon()
        await asyncio.gather(
            self._publishing.aclose(), *(subscription.over() for subscription in subscriptions)
        )
        await self._consuming.aclose()

    def ingest(self) -> AbstractAsyncContextManager[AsyncIterator[RabbitmqDelivery]]:
        """What is on its way to the history, for whichever recorder the broker elects."""
        return self._subscribed(IngestSource(), prefetch=_INGEST_PREFETCH)

    async def append(self, envelope: Envelope) -> None:
        """Have `envelope` accepted at the end of the history; raises as `publish` does."""
        await self._publish_to_queue(envelope, HISTORY_STREAM)

    async def give(self, envelope: Envelope, group: str) -> None:
        """Have `envelope` accepted by `group` alone; raises as `publish` does."""
        await self._publish_to_queue(envelope, group_queue(group))

    async def channel(self) -> Channel:
        """A fresh channel of the connection that consumes; whoever asked closes it."""
        return await self._consuming.channel()

    @asynccontextmanager
    async def _subscribed(
        self, source: Source, *, prefetch: int
    ) -> AsyncIterator[RabbitmqSubscription]:
        subscription = RabbitmqSubscription(
            self._consuming,
            source,
            prefetch=prefetch,
            copies=self._copies,
            watch_interval=self._watch_interval,
            on_end=self._subscriptions.discard,
        )
        self._subscriptions.add(subscription)
        async with subscription:
            yield subscription

    async def _publish_to_topic(self, envelope: Envelope) -> None:
        accept = self._publisher.send if envelope.is_transient else self._publisher.publish
        await accept(
            envelope.body,
            wire.properties(envelope, now=self._clock.now()),
            exchange=TOPIC_EXCHANGE,
            routing_key=check_topic(envelope.topic),
        )

    async def _publish_direct(self, envelope: Envelope) -> None:
        name = envelope.topic
        if name.startswith(_OWN_PREFIX) or not 0 < len(name.encode()) <= _LONGEST_NAME:
            raise UnroutableError(name)
        if name.startswith(_DIRECT_REPLY_PREFIX):
            await self._publish_to_queue(envelope, name, mandatory=False)
            return
        await self._publish_to_queue(envelope, name)

    async def _publish_to_queue(
        self, envelope: Envelope, queue: str, *, mandatory: bool = True
    ) -> None:
        marks = {wire.TOPIC_HEADER: envelope.topic}
        await self._publisher.publish(
            envelope.body,
            wire.properties(envelope, now=self._clock.now(), marks=marks),
            exchange="",
            routing_key=queue,
            mandatory=mandatory,
        )
