"""The embedded bus while its processes are killed."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.errors import StoreLockedError
from bus.history import HistoryQuery
from bus.ledger import Recorded
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite import patience
from tests.support.bus_under_test import PATIENCE, acknowledge, next_of, until
from tests.support.events import event, events
from tests.support.sqlite_bus import SqliteBus, open_sqlite_bus
from tests.support.sqlite_process import WORKERS

pytestmark = pytest.mark.fault

SOON = 5.0
"""Seconds: well before a lease of 15 s could have run out."""


class BusProcess:
    """A process of `tests.support.sqlite_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> list[str]:
        """The next line it printed, as words; empty once it is dead."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode().split()

    def send(self, signal: int) -> None:
        self._process.send_signal(signal)

    async def kill(self) -> list[list[str]]:
        """End it without warning; returns the lines that it still had printed."""
        if self._process.returncode is None:
            self._process.kill()
        left = []
        while line := await self.line():
            left.append(line)
        await self._process.wait()
        return left


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bus.db")


@pytest.fixture
async def bus(path: str) -> AsyncIterator[SqliteBus]:
    async with open_sqlite_bus(path) as opened:
        yield opened
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
async def start(path: str) -> AsyncIterator[Callable]:
    started: list[BusProcess] = []

    async def start_process(role: str) -> BusProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.sqlite_process", role, path),
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        started.append(BusProcess(process))
        return started[-1]

    yield start_process
    for process in started:
        await process.kill()


async def count(bus: SqliteBus, table: str) -> int:
    """How many rows `table` has."""
    database = await bus.database()
    return await database.read(
        lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    )


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    async with asyncio.timeout(seconds):
        yield


async def test_what_a_killed_consumer_held_is_soon_somebody_elses(bus: SqliteBus, start):
    transport = await bus.transport()
    holder = await start("hold")
    assert await holder.line() == ["ready"]
    sent = event("task.a")
    await transport.publish(sent)
    assert await holder.line() == ["took", sent.id]
    async with transport.subscribe(WORKERS) as deliveries:
        await holder.kill()
        async with within(SOON):
            delivery = await anext(deliveries)
        assert delivery.envelope == sent
        assert (delivery.attempt, delivery.redeliveries) == (1, 1)
        await delivery.ack()


async def test_presence_falls_when_a_consumer_is_killed(bus: SqliteBus, start):
    transport = await bus.transport()
    holder = await start("hold")
    assert await holder.line() == ["ready"]
    assert await transport.consumers("agent.a") == 1
    await holder.kill()
    assert await transport.consumers("agent.a") == 0


async def test_the_groups_of_a_killed_run_are_gone(bus: SqliteBus, start):
    transport = await bus.transport()
    run = await start("listen_in_scope")
    assert await run.line() == ["ready"]
    await run.kill()
    assert await count(bus, "queues") == 2

    async def only_ours_is_left() -> bool:
        return await count(bus, "queues") == 1

    async with transport.subscribe(WORKERS), within(SOON):
        await until(only_ours_is_left)


async def test_what_was_confirmed_survives_the_publisher(bus: SqliteBus, start):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS):
        pass
    attempted: set[str] = set()
    confirmed: set[str] = set()
    for _ in range(3):
        publisher = await start("publish")
        lines = [await publisher.line() for _ in range(random.randint(50, 200))]
        lines += await publisher.kill()
        attempted |= {id for word, id in lines if word == "publishing"}
        confirmed |= {id for word, id in lines if word == "confirmed"}
    recorded = [record.id for record in await (await bus.history()).query(HistoryQuery(limit=9999))]
    assert len(set(recorded)) == len(recorded)
    assert confirmed <= set(recorded) <= attempted
    async with transport.subscribe(WORKERS) as deliveries:
        waiting = [each.envelope.id for each in await acknowledge(deliveries, len(recorded))]
    assert waiting == recorded


async def test_moving_the_log_in_many_processes_that_are_killed_damages_nothing(
    bus: SqliteBus, start
):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS):
        pass
    confirmed: set[str] = set()

    async def live(lines: int) -> None:
        publisher = await start("publish_and_move")
        said = [await publisher.line() for _ in range(lines)]
        said += await publisher.kill()
        confirmed.update(id for word, id in said if word == "confirmed")

    for _ in range(3):
        await asyncio.gather(*(live(random.randint(100, 400)) for _ in range(3)))
    history = await bus.history()
    recorded = {record.id for record in await history.query(HistoryQuery(limit=99_999))}
    assert len(confirmed) > 100
    assert confirmed <= recorded


async def test_work_is_done_once_however_many_workers_are_killed(bus: SqliteBus, start):
    transport = await bus.transport()
    ledger = SqliteLedger(await bus.database(), clock=SystemClock())
    async with transport.subscribe(WORKERS):
        pass
    sent = events("task.a", 400)
    workers = [await start("work") for _ in range(3)]
    done: list[str] = []

    async def attend(index: int) -> None:
        """Read what a worker says, and kill and replace it now and then."""
        while len(set(done)) < len(sent):
            line = await workers[index].line()
            if line[0] == "done":
                done.append(line[1])
                if kills and random.random() < 0.03:
                    kills.pop()
                    done.extend(each[1] for each in await workers[index].kill() if len(each) > 1)
                    workers[index] = await start("work")

    kills = list(range(8))
    async with within(50), asyncio.TaskGroup() as tasks:
        attending = [tasks.create_task(attend(index)) for index in range(3)]
        await asyncio.gather(*map(transport.publish, sent))
        ids = [envelope.id for envelope in sent]

        async def all_is_recorded() -> bool:
            return len(await ledger.look_up(ids)) == len(ids)

        await until(all_is_recorded)
        for task in attending:
            task.cancel()
    known = await ledger.look_up(ids)
    assert all(isinstance(entry, Recorded) for entry in known.values())
    for worker in workers:
        await worker.kill()
    async with transport.subscribe(WORKERS) as deliveries, within(SOON):
        # At most what was in flight at the end is left to be acknowledged.
        while await count(bus, "deliveries"):
            await acknowledge(deliveries, 1)


async def test_a_process_that_was_killed_in_a_transaction_blocks_nobody(bus: SqliteBus, start):
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        for _ in range(3):
            publisher = await start("publish")
            for _ in range(20):
                await publisher.line()
            await publisher.kill()
            async with within(SOON):
                await transport.publish(event("task.a"))
        await next_of(deliveries)


async def test_a_process_that_stands_still_in_a_transaction_is_told_and_waited_out(
    bus: SqliteBus, start, monkeypatch
):
    monkeypatch.setattr(patience, "LOCK_TIMEOUT", 0.2)
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        still = await start("stop_in_a_write")
        assert await still.line() == ["ready"]

        async def is_held_up() -> bool:
            try:
                await transport.publish(event("task.a"))
            except StoreLockedError as error:
                assert "stopped in the middle of a write" in str(error)
                return True
            return False

        await until(is_held_up)
        waiting = asyncio.ensure_future(next_of(deliveries))
        still.send(signal.SIGCONT)
        assert await still.line() == ["continued"]
        await transport.publish(event("task.a"))
        await (await waiting).ack()


@pytest.mark.parametrize("redrivers", [1, 3])
async def test_what_is_redriven_runs_once_more_however_many_redrivers_are_killed(
    bus: SqliteBus, start, redrivers: int
):
    transport, dead_letters = await bus.transport(), await bus.dead_letters()
    sent = events("task.a", 300)
    async with transport.subscribe(WORKERS) as deliveries:
        await asyncio.gather(*map(transport.publish, sent))
        for _ in sent:
            await (await next_of(deliveries)).reject("failed")
    for _ in range(4):
        processes = await asyncio.gather(*(start("redrive") for _ in range(redrivers)))
        for process in processes:
            assert await process.line() == ["ready"]
        for _ in range(random.randint(1, 40)):
            await processes[0].line()
        for process in processes:
            await process.kill()
    left = await dead_letters.list(1000)
    for letter in left:
        assert await dead_letters.redrive(letter.id)
    assert await count(bus, "deliveries") == len(sent)
    async with transport.subscribe(WORKERS) as deliveries:
        received = await acknowledge(deliveries, len(sent))
    assert sorted(each.envelope.id for each in received) == sorted(each.id for each in sent)
    assert {(each.attempt, each.redeliveries) for each in received} == {(1, 0)}
    assert await count(bus, "dead_letters") == 0


async def test_processes_that_start_together_agree_on_a_new_file(bus: SqliteBus, start):
    workers = await asyncio.gather(*(start("work") for _ in range(6)))
    assert [await worker.line() for worker in workers] == [["ready"]] * 6
    transport = await bus.transport()
    assert await transport.consumers("agent.a") == 6
