"""The recorder's word to whoever waits for a message that the broker parked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from bus.authorities.trusting import TrustingAuthority
from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.errors import RefusedError, TransportError, UnroutableError
from bus.recorder import Recorder, TappedTransport
from tests.support.clock import ManualClock
from tests.support.events import event


class ParkedDelivery:
    """One message that the broker gave up, on its way to the history."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.attempt = 1
        self.redeliveries = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.abandoned: tuple[ParkReason, str] | None = ("delivery_limit", "It crashed them.")
        self.acknowledged = asyncio.Event()

    async def ack(self) -> None:
        self.acknowledged.set()


class TappedQueue:
    """A transport with one delivery, whose publishes fail as told before they succeed."""

    def __init__(self, delivery: ParkedDelivery, failures: list[TransportError]) -> None:
        self.delivery = delivery
        self.failures = failures
        self.appended: list[Envelope] = []
        self.published: list[Envelope] = []

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[AsyncIterator[ParkedDelivery]]:
        async def deliveries() -> AsyncIterator[ParkedDelivery]:
            yield self.delivery

        yield deliveries()

    async def append(self, envelope: Envelope) -> None:
        self.appended.append(envelope)

    async def publish(self, envelope: Envelope) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.published.append(envelope)


async def recorded(failures: list[TransportError]) -> TappedQueue:
    """What came of one parked message."""
    delivery = ParkedDelivery(event("work", reply_to="reply.a"))
    queue = TappedQueue(delivery, failures)
    async with asyncio.timeout(20):
        await Recorder(
            cast("TappedTransport", queue), authority=TrustingAuthority(), clock=ManualClock()
        ).run()
    assert queue.appended
    assert delivery.acknowledged.is_set()
    return queue


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_a_word_that_is_refused_in_passing_is_said_again(times):
    queue = await recorded([RefusedError("full")] * times)
    assert [each.topic for each in queue.published] == ["reply.a"]


async def test_a_word_that_nobody_can_hear_holds_up_nothing():
    queue = await recorded([UnroutableError("reply.a")])
    assert queue.published == []
