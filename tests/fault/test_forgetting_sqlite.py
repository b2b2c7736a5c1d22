"""What was forgotten is nowhere in the files, whatever happened before and meanwhile."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.errors import StoreLockedError
from bus.history import Forgotten, HistoryQuery
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite import checkpoint
from bus.sqlite.connection import connect
from bus.transport import Subscription
from tests.support.bus_under_test import next_of
from tests.support.events import event
from tests.support.sqlite_bus import SqliteBus, open_sqlite_bus

pytestmark = pytest.mark.fault

FORGET = """
import asyncio, sys
from bus.histories.sqlite import SqliteHistory
from bus.sqlite.database import Database

async def main(path):
    async with await Database.open(path) as database:
        history = SqliteHistory(database)
        print("ready", flush=True)
        await history.forget([f"c{number}" for number in range(20)])

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bus.db")


def found(path: str, *words: str) -> set[str]:
    """Those of `words` that stand in a file of the bus."""
    files = list(Path(path).parent.glob("bus.db*"))
    stored = [file.read_bytes() for file in files]
    return {word for word in words if any(word.encode() in content for content in stored)}


async def speak(bus: SqliteBus, *, conversations: int, messages: int) -> dict[str, list[str]]:
    """The secrets told by conversation, between progress that comes and goes.

    What goes makes SQLite move what stays from page to page.
    """
    chance = random.Random(7)
    transport = await bus.transport()
    secrets: dict[str, list[str]] = {f"c{number}": [] for number in range(conversations)}
    watching = Subscription(pattern="progress.#", prefetch=200)
    async with transport.subscribe(watching) as progress:
        unsettled = []
        for number in range(messages):
            name = f"c{number % conversations}"
            secret = f"SECRET{number:05d}"
            secrets[name].append(secret)
            said = secret * chance.choice([1, 3, 20, 60, 400])
            await transport.publish(event("event.a", correlation_id=name, data=said))
            passing = event("progress.a", correlation_id=name, data=secret * chance.choice([3, 60]))
            await transport.publish(passing)
            unsettled.append(await next_of(progress))
            if len(unsettled) > 40:
                chance.shuffle(unsettled)
                await asyncio.gather(*(unsettled.pop().ack() for _ in range(30)))
        await asyncio.gather(*(each.ack() for each in unsettled))
    return secrets


async def test_no_file_has_anything_of_what_was_forgotten(path: str) -> None:
    async with open_sqlite_bus(path) as bus:
        secrets = await speak(bus, conversations=8, messages=400)
        history, reader = await bus.history(), await bus.history()
        gone = [word for name in ("c1", "c2", "c5") for word in secrets[name]]
        assert found(path, *gone)
        assert await history.forget(["c1", "c2", "c5"]) == Forgotten(messages=150)
        assert found(path, *gone) == set()
        records = await reader.query(HistoryQuery(limit=1000))
        kept = [word for name in ("c0", "c3", "c4", "c6", "c7") for word in secrets[name]]
        assert sum(not record.erased for record in records) == 250
        assert found(path, *kept) == set(kept)


async def test_what_waits_or_was_recorded_elsewhere_goes_as_well(path: str) -> None:
    async with open_sqlite_bus(path) as bus:
        transport, letters = await bus.transport(), await bus.dead_letters()
        ledger = SqliteLedger(await bus.database(), clock=SystemClock())
        group = Subscription(pattern="task.a", group="agent.a")
        async with transport.subscribe(group) as deliveries:
            for secret in ("PARKED", "WAITING"):
                await transport.publish(event("task.a", correlation_id="c", data=secret))
            await (await next_of(deliveries)).reject("failed", "no")
            await (await next_of(deliveries)).nack(3600.0)
        await ledger.record("report:c", b"RECORDED")
        (letter,) = await letters.list()
        await letters.discard(letter.id)
        await ledger.forget(["report:c"])
        await (await bus.history()).forget(["c"])
        assert found(path, "PARKED", "WAITING", "RECORDED") == set()
        connection = connect(path)
        assert connection.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)
        connection.close()


async def test_forgetting_that_was_killed_is_finished_by_doing_it_again(path: str) -> None:
    async with open_sqlite_bus(path) as bus:
        secrets = await speak(bus, conversations=25, messages=500)
    gone = [word for number in range(20) for word in secrets[f"c{number}"]]
    for delay in (0.0, 0.003, 0.01, 0.02, 0.04):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", FORGET, path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        await asyncio.sleep(delay)
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()
    async with open_sqlite_bus(path) as bus:
        history = await bus.history()
        await history.forget([f"c{number}" for number in range(20)])
        assert found(path, *gone) == set()
        records = await history.query(HistoryQuery(limit=1000))
        assert len(records) == 500
        assert sum(not record.erased for record in records) == 100
        connection = connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


async def test_others_go_on_publishing_meanwhile(path: str) -> None:
    async with open_sqlite_bus(path) as bus:
        secrets = await speak(bus, conversations=2, messages=100)
        transport, history = await bus.transport(), await bus.history()

        async def publish() -> None:
            for number in range(300):
                await transport.publish(event("event.b", correlation_id="d", data=number))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publish())
            tasks.create_task(history.forget(["c0"]))
        assert found(path, *secrets["c0"]) == set()
        assert len(await history.query(HistoryQuery(request="d", limit=1000))) == 300


async def test_a_reader_that_holds_on_to_the_log_is_named(path: str, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "PATIENCE", 0.1)
    async with open_sqlite_bus(path) as bus:
        secrets = await speak(bus, conversations=2, messages=20)
        history = await bus.history()
        holding = connect(path)
        holding.execute("BEGIN")
        holding.execute("SELECT count(*) FROM messages").fetchone()
        with pytest.raises(StoreLockedError, match="another process reads"):
            await history.forget(["c0"])
        holding.close()
        assert await history.forget(["c0"]) == Forgotten(messages=0)
        assert found(path, *secrets["c0"]) == set()
