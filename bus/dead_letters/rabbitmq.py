"""`RabbitmqDeadLetters`: the messages in the parked queue.

AMQP cannot look at a queue without taking from it, so looking takes messages and hands them back in
their order. While one process looks, another may see fewer. The queue has no delivery limit that
looking could exhaust.

Every call uses one channel, on which the broker does things in the order in which they are asked.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from aiormq.abc import DeliveredMessage

from bus.dead_letter import DeadLetter
from bus.domain.envelope import Headers
from bus.errors import UnroutableError
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_connection import Channel, asking, close_channel
from bus.transports.rabbitmq_errors import translated
from bus.transports.rabbitmq_parking import dead_letter
from bus.transports.rabbitmq_topology import PARKED_QUEUE

SCAN_LIMIT: Final = 10_000
"""How many are looked at, from the oldest on, to find one."""


class RabbitmqDeadLetters:
    """The dead letters on the broker of `transport`, which it does not close."""

    def __init__(self, transport: RabbitmqTransport) -> None:
        self._transport = transport
        self._looking = asyncio.Lock()
        self._channel: Channel | None = None

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        async with self._look() as look:
            return [dead_letter(message) async for message in look.messages(limit)]

    async def get(self, id: str) -> DeadLetter | None:
        found = []
        async with self._look() as look:
            async for message in look.messages(SCAN_LIMIT):
                letter = dead_letter(message)
                if letter.id == id:
                    return letter
                if letter.id.startswith(id):
                    found.append(letter)
        return found[0] if len(found) == 1 else None

    async def redrive(
        self, id: str, *, body: bytes | None = None, headers: Headers | None = None
    ) -> bool:
        async with self._look() as look:
            message = await look.find(id)
            if message is None:
                return False
            letter = dead_letter(message)
            if not letter.group:
                raise UnroutableError(letter.envelope.topic)
            envelope = replace(
                letter.envelope,
                body=letter.envelope.body if body is None else body,
                headers={**letter.envelope.headers, **(headers or {})},
            )
            await self._transport.give(envelope, letter.group)
            await look.remove(message)
            return True

    async def discard(self, id: str) -> bool:
        async with self._look() as look:
            message = await look.find(id)
            if message is None:
                return False
            await look.remove(message)
            return True

    async def aclose(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await close_channel(channel)

    @asynccontextmanager
    async def _look(self) -> AsyncIterator["_Look"]:
        async with self._looking:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._transport.channel()
            look = _Look(self._channel)
            try:
                yield look
            finally:
                await look.end()


class _Look:
    """Takes messages, and hands back in the end what was not removed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._tags: set[int] = set()

    async def messages(self, limit: int) -> AsyncIterator[DeliveredMessage]:
        """Up to `limit`, oldest first."""
        for _ in range(limit):
            async with asking("looking at the parked messages"):
                message = await self._channel.basic_get(PARKED_QUEUE)
            if message.delivery_tag is None:
                return
            self._tags.add(message.delivery_tag)
            yield message

    async def find(self, id: str) -> DeliveredMessage | None:
        async for message in self.messages(SCAN_LIMIT):
            if dead_letter(message).id == id:
                return message
        return None

    async def remove(self, message: DeliveredMessage) -> None:
        assert message.delivery_tag is not None
        with translated("removing a parked message"):
            await self._channel.basic_ack(message.delivery_tag)
        self._tags.discard(message.delivery_tag)

    async def end(self) -> None:
        if self._tags and not self._channel.is_closed:
            with translated("handing back the parked messages"):
                await self._channel.basic_nack(max(self._tags), multiple=True, requeue=True)
