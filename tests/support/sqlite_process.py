"""A process on the embedded bus, for tests that kill it.

`python -m tests.support.sqlite_process ROLE PATH` prints one line for every step that it took.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable

from bus import AgentMessage, Context, Payload, Registry, connect
from bus.clock import SystemClock
from bus.dead_letters.sqlite import SqliteDeadLetters
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite import checkpoint
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


async def publish_and_move(database: Database) -> None:
    """Publishes for ever, and moves the log into the file as often as can be."""
    checkpoint.LIMIT = 0
    await publish(database)


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


class Ordered(Payload):
    message_type = "test.thing.ordered.v1"
    is_poison: bool = False


async def serve(database: Database) -> None:
    """Handles messages as a worker does; dies of those that are poison."""

    async def handle(message: AgentMessage[Ordered], context: Context) -> None:
        if message.content.is_poison:
            say("dies", message.id)
            os._exit(1)
        say("done", message.id)

    async with (
        connect(f"sqlite:///{database.path}", registry=Registry(Ordered)) as bus,
        bus.serve("task.a", handle, group="agent.a"),
    ):
        say("ready")
        await asyncio.Event().wait()


async def redrive(database: Database) -> None:
    """Redrives every dead letter, from the oldest on, until there is none."""
    dead_letters = SqliteDeadLetters(database, clock=SystemClock())
    say("ready")
    while letters := await dead_letters.list(1):
        if await dead_letters.redrive(letters[0].id):
            say("redriven", letters[0].envelope.id)


async def stop_in_a_write(database: Database) -> None:
    """Stops itself in the middle of a transaction, as a debugger or Ctrl-Z does."""
    say("ready")
    # To this very thread, which could else commit before the signal arrives.
    await database.write(lambda _: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP))
    say("continued")


async def listen_in_scope(database: Database) -> None:
    """Has a group of its own scope, and an own copy, for as long as it lives."""
    transport = SqliteTransport(database, clock=SystemClock(), scope="run-1")
    own = Subscription(pattern="event.#")
    async with transport.subscribe(WORKERS), transport.subscribe(own):
        say("ready")
        await asyncio.Event().wait()


ROLES: dict[str, Callable[[Database], Awaitable[None]]] = {
    "publish": publish,
    "publish_and_move": publish_and_move,
    "hold": hold,
    "work": work,
    "serve": serve,
    "redrive": redrive,
    "stop_in_a_write": stop_in_a_write,
    "listen_in_scope": listen_in_scope,
}


async def main(role: str, path: str) -> None:
    async with await Database.open(path) as database:
        await ROLES[role](database)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
