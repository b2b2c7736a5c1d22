"""A process on the embedded bus, for tests that kill it.

`python -m tests.support.sqlite_process ROLE PATH` prints one line for every step that it took.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from bus.clock import SystemClock
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite.database import Database
from bus.transport import Subscription
from bus.transports.sqlite import SqliteTransport
from tests.support.events import event

WORKERS = Subscription(pattern="task.a", group="agent.a", prefetch=4)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def publish(database: Database) -> None:
    """Publishes for ever and says what was confirmed."""
    transport = SqliteTransport(database, clock=SystemClock())

    async def publish_for_ever() -> None:
        while True:
            envelope = event("task.a", source=str(os.getpid()))
            say("publishing", envelope.id)
            await transport.publish(envelope)
            say("confirmed", envelope.id)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(publish_for_ever())


async def hold(database: Database) -> None:
    """Takes what it gets and settles nothing."""
    transport = SqliteTransport(database, clock=SystemClock())
    async with transport.subscribe(WORKERS) as deliveries:
        say("ready")
        async for delivery in deliveries:
            say("took", delivery.envelope.id)


async def work(database: Database) -> None:
    """Records each message it takes under its id, then acknowledges it."""
    transport = SqliteTransport(database, clock=SystemClock())
    ledger = SqliteLedger(database, clock=SystemClock())
    async with transport.subscribe(WORKERS) as deliveries:
        say("ready")
        async for delivery in deliveries:
            await ledger.record(delivery.envelope.id, str(os.getpid()).encode())
            await delivery.ack()
            say("done", delivery.envelope.id)


async def listen_in_scope(database: Database) -> None:
    """Has a group of its own scope, and an own copy, for as long as it lives."""
    transport = SqliteTransport(database, clock=SystemClock(), scope="run-1")
    own = Subscription(pattern="event.#")
    async with transport.subscribe(WORKERS), transport.subscribe(own):
        say("ready")
        await asyncio.Event().wait()


ROLES: dict[str, Callable[[Database], Awaitable[None]]] = {
    "publish": publish,
    "hold": hold,
    "work": work,
    "listen_in_scope": listen_in_scope,
}


async def main(role: str, path: str) -> None:
    async with await Database.open(path) as database:
        await ROLES[role](database)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
