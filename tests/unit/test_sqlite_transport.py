"""What is particular to the embedded transport: scopes, direct envelopes, leases, coming back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.errors import (
    RefusedError,
    SettlementError,
    StoreCorruptError,
    StoreLockedError,
    UnroutableError,
    UsageError,
)
from bus.history import HistoryQuery
from bus.sqlite import deliveries, patience, wakeup
from bus.sqlite.connection import connect
from bus.sqlite.database import Database
from bus.transport import Subscription
from bus.transports import sqlite as sqlite_transport
from bus.transports.sqlite import SqliteTransport
from tests.support.bus_under_test import PATIENCE, acknowledge, is_silent, next_of, until
from tests.support.clock import ManualClock
from tests.support.events import event, events
from tests.support.sqlite_bus import SqliteBus, open_sqlite_bus

WORKERS = Subscription(pattern="task.a", group="agent.a")
LISTENER = Subscription(pattern="event.#")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def bus(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteBus]:
    async with open_sqlite_bus(str(tmp_path / "bus.db"), clock) as opened:
        yield opened


async def was_logged(logs: Sequence[dict], happening: str) -> bool:
    return any(each["event"] == happening for each in logs)


def set_wall_clock(clock: ManualClock, hours: float) -> None:
    """Move the wall clock alone, as its owner may."""
    clock._now += timedelta(hours=hours)


async def count(database: Database, table: str) -> int:
    """How many rows `table` has."""
    return await database.read(
        lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    )


async def unsettled(database: Database) -> list[int]:
    """What the queues count, which must be what there is."""
    rows = await database.read(
        lambda connection: connection.execute(
            "SELECT unsettled, (SELECT count(*) FROM deliveries WHERE queue = queues.id)"
            " FROM queues ORDER BY name DESC"
        ).fetchall()
    )
    assert all(counted == there for counted, there in rows)
    return [counted for counted, _ in rows]


# Scopes


async def test_a_scope_takes_no_work_of_another_and_gives_none_away(bus: SqliteBus):
    common, scoped = await bus.transport(), await bus.transport(scope="run-1")
    async with common.subscribe(WORKERS) as for_all, scoped.subscribe(WORKERS) as for_run:
        mine, theirs = event("task.a"), event("task.a")
        await scoped.publish(mine)
        await common.publish(theirs)
        assert [each.envelope.id for each in await acknowledge(for_run, 1)] == [mine.id]
        assert [each.envelope.id for each in await acknowledge(for_all, 1)] == [theirs.id]
        assert await is_silent(for_run)
        assert await is_silent(for_all)
        assert await common.consumers("agent.a") == await scoped.consumers("agent.a") == 1


async def test_a_scope_hears_its_own_notices_only(bus: SqliteBus):
    common, scoped = await bus.transport(), await bus.transport(scope="run-1")
    async with common.subscribe(LISTENER) as for_all, scoped.subscribe(LISTENER) as for_run:
        await scoped.publish(event("event.thing"))
        await acknowledge(for_run, 1)
        assert await is_silent(for_all)


async def test_an_order_to_all_crosses_scopes(bus: SqliteBus):
    common, scoped = await bus.transport(), await bus.transport(scope="run-1")
    orders = Subscription(pattern="control.#")
    async with common.subscribe(orders) as for_all, scoped.subscribe(orders) as for_run:
        await common.publish(event("control.stop"))
        await acknowledge(for_all, 1)
        await acknowledge(for_run, 1)


async def test_all_scopes_share_one_history(bus: SqliteBus):
    scoped, history = await bus.transport(scope="run-1"), await bus.history()
    sent = event("event.thing")
    await scoped.publish(sent)
    assert [record.id for record in await history.query(HistoryQuery())] == [sent.id]


async def test_the_groups_of_a_scope_end_with_their_transport(bus: SqliteBus):
    scoped = await bus.transport(scope="run-1")
    async with scoped.subscribe(WORKERS):
        pass
    await scoped.publish(event("task.a"))
    await scoped.aclose()
    again = await bus.transport(scope="run-1")
    with pytest.raises(UnroutableError):
        await again.publish(event("task.a"))
    async with again.subscribe(WORKERS) as deliveries:
        assert await is_silent(deliveries)


async def test_a_group_of_a_scope_belongs_to_one_transport(bus: SqliteBus):
    one, two = await bus.transport(scope="run-1"), await bus.transport(scope="run-1")
    async with one.subscribe(WORKERS):
        with pytest.raises(UsageError):
            async with two.subscribe(WORKERS):
                pass


# Direct envelopes


async def test_a_direct_envelope_goes_to_the_queue_that_it_names(bus: SqliteBus):
    transport, history = await bus.transport(), await bus.history()
    async with transport.subscribe(WORKERS) as deliveries:
        sent = Envelope(topic="agent.a", body=b"{}", id="m1", direct=True)
        await transport.publish(sent)
        (delivery,) = await acknowledge(deliveries, 1)
        assert delivery.envelope == sent
    assert [record.id for record in await history.query(HistoryQuery())] == ["m1"]
    with pytest.raises(UnroutableError):
        await transport.publish(Envelope(topic="task.a", body=b"{}", direct=True))


# Leases


async def test_a_lease_that_ran_out_fences_whoever_had_it(bus: SqliteBus, clock: ManualClock):
    slow, quick = await bus.transport(), await bus.transport()
    async with slow.subscribe(WORKERS) as deliveries:
        await slow.publish(event("task.a"))
        late = await next_of(deliveries)
        slow._renewed_at = clock.monotonic() + 1000  # it does not come to renew
        clock.advance(16)
        async with quick.subscribe(WORKERS) as others:
            delivery = await next_of(others)
            assert (delivery.attempt, delivery.redeliveries) == (1, 1)
            with pytest.raises(SettlementError):
                await late.ack()
            assert late.lost.done()
            await delivery.ack()
            assert await is_silent(others)


async def test_leases_are_renewed(bus: SqliteBus, clock: ManualClock, monkeypatch):
    monkeypatch.setattr(sqlite_transport, "PROBE_INTERVAL", 0.01)
    holding, waiting = await bus.transport(), await bus.transport()
    async with holding.subscribe(WORKERS) as deliveries, waiting.subscribe(WORKERS) as others:
        await holding.publish(event("task.a"))
        takers = {asyncio.ensure_future(anext(each)): each for each in (deliveries, others)}
        (taken,), _ = await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED, timeout=9)

        async def both_have_renewed() -> bool:
            return clock.monotonic() - min(holding._renewed_at, waiting._renewed_at) < 3

        for _ in range(6):
            clock.advance(4)
            await until(both_have_renewed)
        assert not taken.result().lost.done()
        await taken.result().ack()
        for taker in takers:
            taker.cancel()
        await asyncio.wait(takers)


async def test_a_renewal_that_comes_too_late_says_that_the_delivery_is_lost(
    bus: SqliteBus, clock: ManualClock, monkeypatch
):
    monkeypatch.setattr(sqlite_transport, "PROBE_INTERVAL", 0.05)
    slow, quick = await bus.transport(), await bus.transport()
    async with slow.subscribe(WORKERS) as deliveries:
        await slow.publish(event("task.a"))
        late = await next_of(deliveries)
        slow._renewed_at = clock.monotonic() + 16  # it stands still for so long
        clock.advance(16)
        async with quick.subscribe(WORKERS) as others:
            await next_of(others)
            clock.advance(4)
            async with asyncio.timeout(PATIENCE):
                await late.lost


async def test_who_was_given_up_comes_back(bus: SqliteBus, clock: ManualClock, monkeypatch):
    monkeypatch.setattr(sqlite_transport, "PROBE_INTERVAL", 0.01)
    transport, publisher = await bus.transport(), await bus.transport()
    async with transport.subscribe(WORKERS) as work, transport.subscribe(LISTENER) as notices:
        await publisher.publish(event("task.a"))
        held = await next_of(work)
        database = await bus.database()
        await database.write(
            lambda connection: sqlite_transport.queues.bury(
                connection, [transport._peer], sqlite_transport.Routes("")
            )
        )
        clock.advance(4)
        async with asyncio.timeout(PATIENCE):
            await held.lost
        again = await next_of(work)
        assert again.envelope.id == held.envelope.id
        await again.ack()
        await publisher.publish(event("event.thing"))
        await acknowledge(notices, 1)
        assert await publisher.consumers("agent.a") == 1


async def test_trouble_with_the_file_that_passes_is_outlived(bus: SqliteBus, monkeypatch):
    monkeypatch.setattr(patience, "LOCK_TIMEOUT", 0.05)
    transport, database = await bus.transport(), await bus.database()
    async with transport.subscribe(WORKERS) as deliveries:
        await transport.publish(event("task.a"))
        await acknowledge(deliveries, 1)
        other = connect(database.path)
        other.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs:
            waiting = asyncio.ensure_future(anext(deliveries))
            deliveries.look()
            await until(partial(was_logged, logs, "bus.intake.held_up"))
        assert not waiting.done()
        other.execute("ROLLBACK")
        await transport.publish(event("task.a"))
        async with asyncio.timeout(PATIENCE):
            delivery = await waiting
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError):
            await delivery.ack()
        other.execute("ROLLBACK")
        other.close()
        await delivery.ack()


async def test_damage_to_the_file_is_told_to_who_waits(bus: SqliteBus):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        waiting = asyncio.ensure_future(anext(deliveries))
        await asyncio.sleep(0)
        deliveries._fail(StoreCorruptError("The bus file is damaged."))
        with pytest.raises(StoreCorruptError):
            await waiting


async def test_a_subscription_ends_although_the_file_is_locked(bus: SqliteBus, monkeypatch):
    monkeypatch.setattr(patience, "LOCK_TIMEOUT", 0.05)
    transport, database = await bus.transport(), await bus.database()
    other = connect(database.path)
    with capture_logs() as logs:
        async with transport.subscribe(WORKERS):
            other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    other.close()
    assert await was_logged(logs, "bus.transport.not_unsubscribed")


# The wall clock


@pytest.mark.parametrize("hours", [-1, 1])
async def test_setting_the_wall_clock_takes_no_message_from_who_handles_it(
    bus: SqliteBus, clock: ManualClock, hours: int
):
    holder, other = await bus.transport(), await bus.transport()
    async with holder.subscribe(WORKERS) as deliveries:
        await holder.publish(event("task.a"))
        held = await next_of(deliveries)
        async with other.subscribe(WORKERS) as others:
            set_wall_clock(clock, hours)
            others.look()
            assert await is_silent(others)
            assert await other.consumers("agent.a") == 2
            await held.ack()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_setting_the_wall_clock_keeps_no_message_with_a_dead_process(
    bus: SqliteBus, clock: ManualClock, hours: int
):
    dying, other = await bus.transport(), await bus.transport()
    async with dying.subscribe(WORKERS) as deliveries:
        await dying.publish(event("task.a"))
        await next_of(deliveries)
        async with other.subscribe(WORKERS) as others:
            dying._keeper.cancel()  # silent, but its doorbell does not prove that it is dead
            set_wall_clock(clock, hours)
            clock.advance(16)
            others.look()
            delivery = await next_of(others)
            assert delivery.redeliveries == 1
            await delivery.ack()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_delay_is_as_long_as_it_was_meant_to_be_however_the_wall_clock_is_set(
    bus: SqliteBus, clock: ManualClock, hours: int
):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        await transport.publish(event("task.a"))
        await (await next_of(deliveries)).nack(30.0)
        set_wall_clock(clock, hours)
        deliveries.look()
        assert await is_silent(deliveries)
        clock.advance(31)
        deliveries.look()
        await acknowledge(deliveries, 1)


async def test_after_a_reboot_nothing_waits_for_a_clock_that_begins_anew(
    bus: SqliteBus, clock: ManualClock
):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        for envelope in events("task.a", 2):
            await transport.publish(envelope)
        await (await next_of(deliveries)).nack(600.0)
        await next_of(deliveries)
    await bus.break_off(transport)
    database = await bus.database()
    await database.write(lambda c: c.execute("UPDATE peers SET doorbell = ''"))
    clock._monotonic = 5.0
    again = await bus.transport()
    assert await again.consumers("agent.a") == 0
    async with again.subscribe(WORKERS) as deliveries:
        assert await again.consumers("agent.a") == 1
        received = await acknowledge(deliveries, 2)
    assert sorted(each.attempt for each in received) == [1, 2]
    await again._bury_dead()
    assert await count(database, "peers") == 1


# Backpressure


async def test_a_group_that_is_full_refuses_and_takes_again_once_something_is_settled(
    tmp_path: Path, clock: ManualClock
):
    async with await Database.open(str(tmp_path / "small.db")) as database:
        transport = SqliteTransport(database, clock=clock, limit=3)
        async with aclosing(transport), transport.subscribe(WORKERS) as deliveries:
            sent = events("task.a", 5)
            for envelope in sent[:3]:
                await transport.publish(envelope)
            delivery = await next_of(deliveries)
            with pytest.raises(RefusedError, match=r"'agent\.a' has 3 messages") as raised:
                await transport.publish(sent[3])
            assert raised.value.retryable
            await delivery.nack(1.0)
            with pytest.raises(RefusedError):
                await transport.publish(sent[3])
            await (await next_of(deliveries)).ack()
            await transport.publish(sent[4])
            assert await count(database, "messages") == 4
            assert await unsettled(database) == [3]


async def test_a_full_group_is_not_passed_over_for_another_that_has_room(
    tmp_path: Path, clock: ManualClock
):
    async with await Database.open(str(tmp_path / "small.db")) as database:
        transport = SqliteTransport(database, clock=clock, limit=1)
        full = Subscription(pattern="event.#", group="full")
        roomy = Subscription(pattern="event.b", group="roomy")
        async with aclosing(transport), transport.subscribe(full), transport.subscribe(roomy):
            await transport.publish(event("event.a"))
            with pytest.raises(RefusedError):
                await transport.publish(event("event.b"))
            assert await unsettled(database) == [0, 1]
            assert await count(database, "messages") == 1


async def test_an_own_copy_that_nobody_reads_holds_up_nobody(
    bus: SqliteBus, clock: ManualClock, monkeypatch
):
    monkeypatch.setattr(deliveries, "OWN_COPY_LIMIT", 2)
    transport, database = await bus.transport(), await bus.database()
    async with transport.subscribe(LISTENER) as heard:
        sent = events("event.thing", 4)
        for envelope in sent:
            await transport.publish(envelope)
        assert [each.envelope.id for each in await acknowledge(heard, 2)] == [
            envelope.id for envelope in sent[:2]
        ]
        assert await is_silent(heard)
        await transport.publish(event("event.thing"))
        await acknowledge(heard, 1)
    assert await count(database, "messages") == 5


# Waking up


async def test_without_a_doorbell_messages_still_arrive(bus: SqliteBus, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 100)))
    transport, publisher = await bus.transport(), await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        for envelope in events("task.a", 3):
            await publisher.publish(envelope)
            await acknowledge(deliveries, 1)


async def test_with_a_doorbell_nobody_waits_for_the_next_look(bus: SqliteBus, monkeypatch):
    monkeypatch.setattr(wakeup, "POLL_INTERVAL", 3600.0)
    transport, publisher = await bus.transport(), await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        await asyncio.sleep(0.05)
        for envelope in events("task.a", 3):
            await publisher.publish(envelope)
            await acknowledge(deliveries, 1)


# What is left behind


async def test_nothing_is_left_of_what_need_not_be_kept(bus: SqliteBus):
    transport = await bus.transport()
    progress = Subscription(pattern="progress.#")
    async with transport.subscribe(progress) as heard, transport.subscribe(WORKERS) as work:
        duplicate = event("task.a")
        for envelope in [*events("progress.r1", 4), duplicate, duplicate]:
            await transport.publish(envelope)
        await acknowledge(heard, 2)
        await acknowledge(work, 2)
    left = await transport._database.read(
        lambda connection: [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("deliveries", "messages WHERE recorded = 0", "messages", "consumers")
        ]
    )
    assert left == [0, 0, 1, 0]


async def test_a_token_is_not_in_the_file_once_its_message_is_settled(tmp_path: Path):
    path = tmp_path / "other.db"
    async with open_sqlite_bus(str(path)) as bus:
        transport = await bus.transport()
        async with transport.subscribe(WORKERS) as work:
            for number in range(30):
                await transport.publish(event("task.a", headers={TOKEN_HEADER: f"secret-{number}"}))
            await acknowledge(work, 10)
            for _ in range(10):
                await (await next_of(work)).reject("failed")
            for _ in range(10):
                delivery = await next_of(work)
                await delivery.nack()
            await acknowledge(work, 10)
    assert b"secret-" not in path.read_bytes()
