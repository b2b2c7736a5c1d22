"""Recorders that die, are cut off, or are not there at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.errors import TransportError
from bus.histories.stream import StreamHistory
from bus.history import HistoryQuery
from bus.transport import Subscription
from tests.support.bus_under_test import acknowledge
from tests.support.events import event
from tests.support.rabbitmq_bus import RabbitmqBus, open_rabbitmq_bus
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]


@pytest.fixture
async def bus(rabbitmq_node: RabbitmqNode) -> AsyncIterator[RabbitmqBus]:
    async with open_rabbitmq_bus(rabbitmq_node) as opened:
        yield opened


async def test_another_recorder_takes_over_and_nothing_is_missing(bus: RabbitmqBus):
    transport = await bus.transport()
    recorders = [await bus.recorder() for _ in range(3)]
    history = await bus.history()
    sent = [event("event.a", source=f"s{number % 4}") for number in range(600)]

    async def publish(sender: int) -> None:
        for envelope in sent[sender::4]:
            await transport.publish(envelope)

    async with asyncio.TaskGroup() as group:
        for sender in range(4):
            group.create_task(publish(sender))
        for recorder in recorders:
            await asyncio.sleep(0.15)
            await bus.break_off(recorder)
    records = await history.query(HistoryQuery(limit=10_000))
    assert len(records) == len({record.id for record in records})
    for sender in range(4):
        recorded = [record.id for record in records if record.source == f"s{sender}"]
        assert recorded == [envelope.id for envelope in sent[sender::4]]


async def test_a_history_that_nobody_records_says_so(bus: RabbitmqBus, tmp_path: Path):
    transport = await bus.transport()
    opened = await StreamHistory.open(
        transport, str(tmp_path / "i.db"), clock=SystemClock(), patience=0.3
    )
    async with aclosing(opened) as history:
        with pytest.raises(TransportError, match="Start a worker"):
            await history.query(HistoryQuery())
        await bus.recorder()
        history._patience = 20.0
        assert await history.query(HistoryQuery()) == []


async def test_what_nobody_recorded_at_the_time_is_recorded_later(bus: RabbitmqBus):
    transport = await bus.transport()
    async with transport.subscribe(Subscription(pattern="work", group="workers")) as deliveries:
        sent = [event("work") for _ in range(20)]
        for envelope in sent:
            await transport.publish(envelope)
        await acknowledge(deliveries, 20)
    history = await bus.history()
    records = await history.query(HistoryQuery())
    assert [record.id for record in records] == [envelope.id for envelope in sent]


async def test_an_index_that_was_deleted_is_built_again_alike(bus: RabbitmqBus):
    transport = await bus.transport()
    first = await bus.history()
    twice = event("event.b")
    for envelope in (event("event.a"), twice, event("event.a"), twice, event("event.c")):
        await transport.publish(envelope)
    before = await first.query(HistoryQuery())
    await first.query(HistoryQuery())
    fresh = await bus.history()
    assert await fresh.query(HistoryQuery()) == before
    assert len(before) == 4


async def test_one_index_may_be_used_by_many_at_once(bus: RabbitmqBus, tmp_path: Path):
    transport = await bus.transport()
    await bus.history()
    sent = [event("event.a") for _ in range(200)]
    for envelope in sent:
        await transport.publish(envelope)
    async with AsyncExitStack() as stack:
        histories = [
            await stack.enter_async_context(
                aclosing(
                    await StreamHistory.open(
                        await bus.transport(),
                        str(tmp_path / "shared.db"),
                        clock=SystemClock(),
                        vault=bus.vault,
                    )
                )
            )
            for _ in range(3)
        ]
        answers = await asyncio.gather(*(each.query(HistoryQuery()) for each in histories))
    for records in answers:
        assert [record.id for record in records] == [envelope.id for envelope in sent]


async def test_following_survives_a_cut(bus: RabbitmqBus, tmp_path: Path):
    publishing, reading = await bus.transport(), await bus.transport()
    await bus.recorder()
    opened = await StreamHistory.open(
        reading, str(tmp_path / "i.db"), clock=SystemClock(), vault=bus.vault
    )
    async with aclosing(opened) as history:
        following = history.follow(HistoryQuery())
        await publishing.publish(event("event.a"))
        async with asyncio.timeout(20):
            await anext(following)
            await bus.cut(reading)
            sent = event("event.b")
            await publishing.publish(sent)
            assert (await anext(following)).id == sent.id
        await following.aclose()
