"""What happens to the embedded bus on a disk of four megabytes that is full.

`python -m tests.support.small_disk SCENARIO FOLDER` plays a scenario in the folder and prints what
came of it as JSON; `on_small_disk` runs a command where the folder is such a disk.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bus import AgentMessage, Context, Payload, Registry, StoreFullError, connect
from bus.history import HistoryQuery
from bus.transport import Subscription
from tests.support.bus_under_test import PATIENCE, acknowledge, until
from tests.support.command_line import Ended
from tests.support.events import event
from tests.support.sqlite_bus import open_sqlite_bus

WORKERS = Subscription(pattern="task.a", group="agent.a")
MOST = 2000
"""Messages of 5 kB that certainly do not fit."""

_MOUNT = 'mount -t tmpfs -o size=4m small "$1" && shift && exec "$@"'


class Ordered(Payload):
    message_type = "test.thing.ordered.v1"
    number: int
    text: str = "x" * 5000


async def on_small_disk(folder: Path, *command: str) -> Ended:
    """`command` where `folder` is a disk of its own; skips where none can be had."""
    try:
        probe = await asyncio.create_subprocess_exec(
            *("unshare", "-rm", "sh", "-c", _MOUNT, "sh", folder, "true"), stderr=PIPE
        )
    except FileNotFoundError:
        pytest.skip("A small disk needs the command unshare, which Linux has.")
    await probe.communicate()
    if probe.returncode:
        pytest.skip("A small disk needs the right to mount in a namespace of its own.")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-rm", "sh", "-c", _MOUNT, "sh", folder, *command),
        stdout=PIPE,
        stderr=PIPE,
        cwd=Path(__file__).parents[2],
    )
    async with asyncio.timeout(2 * PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def fill(folder: Path) -> None:
    """Take all the room that there is."""
    with (folder / "ballast").open("ab", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                pass


def clear(folder: Path) -> None:
    """Give back the room that `fill` took."""
    (folder / "ballast").unlink()


async def publish(folder: Path) -> dict[str, Any]:
    """Publish until the disk is full, and once more when it has room again."""
    async with open_sqlite_bus(str(folder / "bus.db")) as bus:
        transport = await bus.transport()
        async with transport.subscribe(WORKERS):
            pass
        confirmed: list[str] = []
        errors: list[str] = []
        fill(folder)
        for _ in range(2):
            try:
                for _ in range(MOST):
                    envelope = event("task.a", data="x" * 5000)
                    await transport.publish(envelope)
                    confirmed.append(envelope.id)
            except StoreFullError as error:
                errors.append(str(error))
        clear(folder)
        last = event("task.a")
        await transport.publish(last)
        confirmed.append(last.id)
        history = await bus.history()
        recorded = [each.id for each in await history.query(HistoryQuery(limit=9999))]
        async with transport.subscribe(WORKERS) as deliveries:
            received = await acknowledge(deliveries, len(confirmed))
    return {
        "errors": errors,
        "confirmed": confirmed,
        "recorded": recorded,
        "received": [each.envelope.id for each in received],
    }


async def work(folder: Path) -> dict[str, Any]:
    """Serve while the disk is filled up and cleared; publish before, during and after."""
    handled: list[int] = []
    confirmed: list[int] = []
    url = f"sqlite:///{folder}/bus.db"

    async def handle(message: AgentMessage[Ordered], context: Context) -> None:
        handled.append(message.content.number)

    async with (
        connect(url, registry=Registry(Ordered)) as bus,
        bus.serve("things", handle, group="makers"),
    ):

        async def publish_next() -> None:
            number = len(confirmed)
            await bus.publish(Ordered(number=number), to="things")
            confirmed.append(number)

        async def is_handled(number: int) -> bool:
            return number in handled

        await publish_next()
        await until(partial(is_handled, 0))
        with capture_logs() as logs:
            fill(folder)
            try:
                for _ in range(MOST):
                    await publish_next()
            except StoreFullError:
                pass

            async def has_noticed() -> bool:
                return any(each["log_level"] == "warning" for each in logs)

            await until(has_noticed)
            clear(folder)
        await publish_next()
        await until(partial(is_handled, confirmed[-1]))

        async def all_are_handled() -> bool:
            return set(handled) == set(confirmed)

        await until(all_are_handled)
    return {"confirmed": len(confirmed), "noticed": sorted({each["event"] for each in logs})}


SCENARIOS: dict[str, Callable[[Path], Awaitable[dict[str, Any]]]] = {
    "publish": publish,
    "work": work,
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(SCENARIOS[sys.argv[1]](Path(sys.argv[2])))))
