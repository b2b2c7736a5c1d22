"""`BusUnderTest`: what the contract suites need of a bus, whatever it is made of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar
from uuid import uuid4

from bus.dead_letter import DeadLetters
from bus.history import History
from bus.transport import Delivery, Transport

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds within which anything that a contract promises must have happened."""

SILENCE = 0.4
"""Seconds for which nothing must happen before a test believes that nothing will."""


class BusUnderTest(Protocol):
    """One bus with any number of independent connections; closes what it opened in the end."""

    async def transport(self) -> Transport:
        """Another connection to the bus, as another process would have."""
        ...

    async def history(self) -> History:
        """The history of the bus, through a connection of its own."""
        ...

    async def dead_letters(self) -> DeadLetters:
        """The parked messages of the bus, through a connection of their own."""
        ...

    async def break_off(self, transport: Transport) -> None:
        """Cut `transport` off from the bus as if its process had died: nothing is handed back."""
        ...


def fresh(word: str) -> str:
    """`word` made unique, fit for a topic or a group."""
    return f"{word}_{uuid4().hex[:12]}"


async def next_of(deliveries: AsyncIterator[T]) -> T:
    """The next one, which must come."""
    async with asyncio.timeout(PATIENCE):
        return await anext(deliveries)


async def take(deliveries: AsyncIterator[T], count: int) -> list[T]:
    """The next `count`, which must come."""
    return [await next_of(deliveries) for _ in range(count)]


async def acknowledge(deliveries: AsyncIterator[Delivery], count: int) -> list[Delivery]:
    """The next `count`, each acknowledged before the next is taken."""
    acknowledged = []
    for _ in range(count):
        delivery = await next_of(deliveries)
        await delivery.ack()
        acknowledged.append(delivery)
    return acknowledged


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once `holds` does, which must come."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            await asyncio.sleep(0.02)


async def is_silent(deliveries: AsyncIterator[T]) -> bool:
    """Whether nothing comes for a while."""
    try:
        async with asyncio.timeout(SILENCE):
            await anext(deliveries)
    except TimeoutError:
        return True
    return False
