"""A plain AMQP client beside ours, to observe and to misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiormq


@asynccontextmanager
async def raw_channel(url: str) -> AsyncIterator[aiormq.abc.AbstractChannel]:
    """A channel with confirms on a connection of its own, as any foreign client has."""
    async with aiormq.connect(url) as connection:
        yield await connection.channel()


async def message_count(url: str, queue: str) -> int:
    """How many messages wait in `queue`."""
    async with raw_channel(url) as channel:
        state = await channel.queue_declare(queue, passive=True)
        return state.message_count or 0
