"""`StreamReader`: reads the history's stream from an offset on, in batches.

A stream is read like a queue from which nothing is ever removed: acknowledging only asks for more.
Where it ends nobody says; a reader has to know what it looks for.

*Source*: RabbitMQ, "Streams and Superstreams", consuming.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal, TypeAlias

from aiormq.abc import DeliveredMessage

from bus.domain.envelope import Envelope
from bus.errors import ConnectionLostError
from bus.transports import rabbitmq_wire as wire
from bus.transports.rabbitmq_connection import Channel, asking, close_channel
from bus.transports.rabbitmq_topology import HISTORY_STREAM, TOPIC_EXCHANGE

Record: TypeAlias = tuple[int, Envelope]
"""An offset and what is recorded there."""

_PREFETCH: Final = 1000


class StreamReader:
    """The reader on one channel; it ends with the channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._arrived: deque[DeliveredMessage] = deque()
        self._news = asyncio.Event()
        channel.closing.add_done_callback(lambda _: self._news.set())

    async def start(self, offset: int | Literal["next"]) -> None:
        """Begin at `offset`, or at the oldest record that is left, or with what comes `next`."""
        async with asking("reading the history"):
            await self._channel.basic_qos(prefetch_count=_PREFETCH)
            await self._channel.basic_consume(
                HISTORY_STREAM, self._deliver, arguments={"x-stream-offset": offset}
            )

    async def batch(self, timeout: float | None) -> Sequence[Record]:
        """What has arrived, in order; nothing if nothing came within `timeout` seconds.

        Raises:
            ConnectionLostError: the channel closed.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()
        if self._channel.is_closed:
            raise ConnectionLostError("The connection broke while the history was read.")
        self._news.clear()
        messages = tuple(self._arrived)
        self._arrived.clear()
        if messages:
            async with asking("reading the history"):
                tag = messages[-1].delivery_tag or 0
                await self._channel.basic_ack(tag, multiple=True, wait=False)
        return [
            (_offset(message), wire.envelope_of(message, topic_exchange=TOPIC_EXCHANGE))
            for message in messages
        ]

    async def _deliver(self, message: DeliveredMessage) -> None:
        self._arrived.append(message)
        self._news.set()


@asynccontextmanager
async def reading(channel: Channel, offset: int | Literal["next"]) -> AsyncIterator[StreamReader]:
    """A reader that begins at `offset` on `channel`, which is closed in the end."""
    try:
        reader = StreamReader(channel)
        await reader.start(offset)
        yield reader
    finally:
        await close_channel(channel)


def _offset(message: DeliveredMessage) -> int:
    offset = (message.header.properties.headers or {}).get("x-stream-offset")
    assert isinstance(offset, int), "the broker numbers every record of a stream"
    return offset
