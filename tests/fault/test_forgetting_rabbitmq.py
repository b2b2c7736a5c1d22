"""A history on RabbitMQ that forgets by destroying keys, while those come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.errors import TransportError, UsageError
from bus.histories.stream import StreamHistory
from bus.history import Forgotten, HistoryQuery
from bus.transports.rabbitmq_stream import reading
from bus.vaults.redis import RedisVault
from tests.support.events import event
from tests.support.mortal_redis import mortal_redis
from tests.support.rabbitmq_bus import RabbitmqBus, open_rabbitmq_bus
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]


@pytest.fixture
async def bus(rabbitmq_node: RabbitmqNode) -> AsyncIterator[RabbitmqBus]:
    async with open_rabbitmq_bus(rabbitmq_node) as opened:
        yield opened


@pytest.mark.redis
async def test_while_redis_is_away_history_waits_and_nothing_is_lost_or_reordered(
    bus: RabbitmqBus, tmp_path: Path
):
    async with (
        mortal_redis(str(tmp_path)) as redis,
        aclosing(await RedisVault.connect(redis.url)) as vault,
    ):
        bus.vault = vault
        history = await bus.history()
        transport = await bus.transport()
        await redis.kill()
        sent = [event("event.a", correlation_id=f"c{number % 7}") for number in range(50)]
        for envelope in sent:
            await transport.publish(envelope)
        history._patience = 0.5
        with pytest.raises(TransportError, match="no recorder"):
            await history.query(HistoryQuery())
        await redis.start()
        history._patience = 20.0
        records = await history.query(HistoryQuery())
        assert [record.body for record in records] == [envelope.body for envelope in sent]


@pytest.mark.redis
async def test_what_a_redis_without_memory_lost_counts_as_erased(bus: RabbitmqBus, tmp_path: Path):
    async with (
        mortal_redis(str(tmp_path)) as redis,
        aclosing(await RedisVault.connect(redis.url)) as vault,
    ):
        bus.vault = vault
        history = await bus.history()
        await (await bus.transport()).publish(event("event.a", correlation_id="c"))
        assert [record.erased for record in await history.query(HistoryQuery())] == [False]
        await redis.kill()
        await redis.start()
        assert [record.erased for record in await history.query(HistoryQuery())] == [True]


async def test_what_was_recorded_in_the_clear_is_counted_and_stays(bus: RabbitmqBus):
    vault, bus.vault = bus.vault, None
    transport = await bus.transport()
    clear = event("event.a", correlation_id="c", data="clear")
    await transport.publish(clear)
    await (await bus.history()).query(HistoryQuery())
    bus.vault = vault
    for recorder in bus.recorders:
        await bus.break_off(recorder)
    await bus.recorder()
    await transport.publish(event("event.a", correlation_id="c", data="hidden"))
    history = await bus.history()
    assert await history.forget(["c"]) == Forgotten(messages=1, kept=1)
    first, second = await history.query(HistoryQuery(request="c"))
    assert (first.body, first.erased) == (clear.body, False)
    assert second.erased


async def test_without_a_vault_forgetting_and_reading_say_what_they_need(
    bus: RabbitmqBus, tmp_path: Path
):
    await bus.recorder()
    transport = await bus.transport()
    await transport.publish(event("event.a", correlation_id="c"))
    opened = await StreamHistory.open(transport, str(tmp_path / "i.db"), clock=SystemClock())
    async with aclosing(opened) as history:
        with pytest.raises(UsageError, match="set CONVENER_VAULT"):
            await history.query(HistoryQuery())
        with pytest.raises(UsageError, match="set CONVENER_VAULT"):
            await history.forget(["c"])


async def test_neither_stream_nor_index_has_what_was_said(bus: RabbitmqBus):
    history = await bus.history()
    await (await bus.transport()).publish(
        event("event.a", correlation_id="c", data="needle", reply_to="reply.me")
    )
    (record,) = await history.query(HistoryQuery(text="needle"))
    channel = await (await bus.transport()).channel()
    async with asyncio.timeout(20), reading(channel, 0) as reader:
        batch = await reader.batch(5.0)
    assert next(envelope.id for _, envelope in batch) == record.id
    stored = [file.read_bytes() for file in Path(history._database.path).parent.iterdir()]
    for content in (*(envelope.body for _, envelope in batch), *stored):
        assert b"needle" not in content
        assert b"reply.me" not in content
