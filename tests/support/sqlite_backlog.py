"""A process that fills or empties a queue of the embedded bus and watches its own memory.

`python -m tests.support.sqlite_backlog fill|empty PATH COUNT` prints the growth of its resident
memory in bytes, from when a tenth of the messages had passed to the end.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

from bus.clock import SystemClock
from bus.sqlite.database import Database
from bus.transport import Subscription
from bus.transports.sqlite import SqliteTransport
from tests.support.events import event

WORKERS = Subscription(pattern="task.a", group="agent.a", prefetch=64)
PUBLISHERS = 256


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def fill(transport: SqliteTransport, count: int) -> AsyncIterator[int]:
    """Publish `count` messages; yields how many are done."""
    async with transport.subscribe(WORKERS):
        pass
    for first in range(0, count, PUBLISHERS):
        numbers = range(first, min(first + PUBLISHERS, count))
        envelopes = [event("task.a", id=f"m{number}", data="x" * 300) for number in numbers]
        await asyncio.gather(*map(transport.publish, envelopes))
        yield numbers.stop


async def empty(transport: SqliteTransport, count: int) -> AsyncIterator[int]:
    """Take `count` messages in their order and acknowledge them; yields how many are done."""
    acknowledging: set[asyncio.Task[None]] = set()
    async with transport.subscribe(WORKERS) as deliveries:
        for number in range(count):
            delivery = await anext(deliveries)
            assert delivery.envelope.id == f"m{number}"
            task = asyncio.create_task(delivery.ack())
            acknowledging.add(task)
            task.add_done_callback(acknowledging.discard)
            yield number + 1
        await asyncio.gather(*acknowledging)


async def main(role: str, path: str, count: int) -> None:
    begun: int | None = None
    async with (
        await Database.open(path) as database,
        aclosing(SqliteTransport(database, clock=SystemClock())) as transport,
    ):
        async for done in {"fill": fill, "empty": empty}[role](transport, count):
            if begun is None and done >= count / 10:
                begun = peak()
    assert begun is not None
    print(peak() - begun)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
