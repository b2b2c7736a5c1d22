"""The broker dies without a word, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.authorities.trusting import TrustingAuthority
from bus.clock import SystemClock
from bus.errors import SettlementError, TransportError
from bus.histories.stream import StreamHistory
from bus.history import HistoryQuery
from bus.recorder import Recorder
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_provision import provision
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq, pytest.mark.timeout(150)]

WORK = Subscription(pattern="work", group="workers", prefetch=20)


@pytest.fixture
async def transport(mortal_node: RabbitmqNode) -> AsyncIterator[RabbitmqTransport]:
    opened = await RabbitmqTransport.connect(
        mortal_node.url(), name="fault", clock=SystemClock(), confirm_timeout=3.0
    )
    yield opened
    await opened.aclose()


async def test_what_was_confirmed_is_delivered_and_recorded_although_the_broker_was_killed(
    mortal_node: RabbitmqNode, transport: RabbitmqTransport, tmp_path: Path
):
    confirmed: set[str] = set()
    received: set[str] = set()
    finished = asyncio.Event()

    async def publish() -> None:
        while not finished.is_set():
            sent = event("work")
            try:
                await transport.publish(sent)
            except TransportError as error:
                assert error.retryable
                await asyncio.sleep(0.05)
            else:
                confirmed.add(sent.id)

    async def confirm_more(count: int) -> None:
        enough = len(confirmed) + count
        async with asyncio.timeout(40):
            while len(confirmed) < enough:
                await asyncio.sleep(0.02)

    async def consume(deliveries) -> None:
        async for delivery in deliveries:
            received.add(delivery.envelope.id)
            try:
                await delivery.ack()
            except SettlementError:
                continue

    recording = asyncio.create_task(
        Recorder(transport, authority=TrustingAuthority(), clock=SystemClock()).run()
    )
    history = await StreamHistory.open(
        transport, str(tmp_path / "index.db"), clock=SystemClock(), patience=30.0
    )
    async with transport.subscribe(WORK) as deliveries:
        consuming = asyncio.create_task(consume(deliveries))
        assert not [each for each in await provision(mortal_node.url()) if each.problem]
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(publish())
            for _ in range(2):
                await confirm_more(250)
                mortal_node.kill()
                await asyncio.to_thread(mortal_node.start)
            await confirm_more(250)
            finished.set()
        async with asyncio.timeout(30):
            while not confirmed <= received:
                await asyncio.sleep(0.1)
        records = await history.query(HistoryQuery(limit=1_000_000))
        consuming.cancel()
    recording.cancel()
    await asyncio.wait({consuming, recording})
    await history.aclose()
    recorded = [record.id for record in records]
    assert len(confirmed) >= 750
    assert confirmed <= set(recorded)
    assert len(recorded) == len(set(recorded))
