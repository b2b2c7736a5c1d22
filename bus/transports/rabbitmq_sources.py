"""Where a subscription's messages come from: which queue, and how it comes to be."""

from dataclasses import dataclass
from typing import Protocol

from bus.transports.rabbitmq_connection import BrokerConnection, Channel, asking
from bus.transports.rabbitmq_topology import (
    INGEST_QUEUE,
    TOPIC_EXCHANGE,
    declare,
    group_queue,
    group_topology,
    own_queue,
    shared_topology,
)


class Source(Protocol):
    """A queue to consume."""

    @property
    def group(self) -> str | None:
        """Who shares the queue; None for an own copy."""
        ...

    @property
    def is_gradual(self) -> bool:
        """Whether its consumers begin with one message at a time."""
        ...

    async def prepare(self, connection: BrokerConnection, channel: Channel) -> str:
        """Make sure that the queue is there and bound; its name."""
        ...


@dataclass(frozen=True, slots=True)
class GroupSource:
    """The queue that the subscribers of a group share."""

    group: str
    pattern: str
    is_gradual: bool = True

    async def prepare(self, connection: BrokerConnection, channel: Channel) -> str:
        await declare(connection, group_topology(self.group, self.pattern))
        return group_queue(self.group)


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A queue for one subscriber, gone with it; a fresh one after every loss."""

    pattern: str
    group: None = None
    is_gradual: bool = False

    async def prepare(self, connection: BrokerConnection, channel: Channel) -> str:
        queue = own_queue(connection.account)
        async with asking(f"subscribing to {self.pattern!r}"):
            await channel.queue_declare(queue, exclusive=True, auto_delete=True)
            await channel.queue_bind(queue, TOPIC_EXCHANGE, routing_key=self.pattern)
        return queue


@dataclass(frozen=True, slots=True)
class IngestSource:
    """What is on its way to the history; the broker serves one consumer at a time.

    Not gradual: to change its prefetch a consumer would give up its place to another process.
    """

    group: str = "history.ingest"
    is_gradual: bool = False

    async def prepare(self, connection: BrokerConnection, channel: Channel) -> str:
        await declare(connection, shared_topology())
        return INGEST_QUEUE
