"""A message that kills whoever takes it, among others that do not, on the embedded bus."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path

import pytest

from bus import Registry, RequestFaultedError, connect
from bus.transport import DELIVERY_LIMIT
from tests.support.sqlite_process import Ordered

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

COMMAND = (sys.executable, "-m", "tests.support.sqlite_process", "serve")


async def live(path: Path, handled: Counter[str], died_of: Counter[str]) -> None:
    """One worker from its start to its death."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(path), stdout=PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    try:
        while words := (await process.stdout.readline()).decode().split():
            if words[0] == "done":
                handled[words[1]] += 1
            elif words[0] == "dies":
                died_of[words[1]] += 1
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_crash_loop_parks_only_what_causes_it_and_tells_whoever_waits(tmp_path: Path):
    path = tmp_path / "bus.db"
    handled: Counter[str] = Counter()
    died_of: Counter[str] = Counter()

    async def restart_for_ever() -> None:
        while True:
            await live(path, handled, died_of)

    async with connect(f"sqlite:///{path}", registry=Registry(Ordered)) as bus:
        async with bus.serve("task.a", _never, group="agent.a"):
            pass
        before = [await bus.publish(Ordered(), to="task.a") for _ in range(12)]
        poisoning = asyncio.create_task(
            bus.request(Ordered(is_poison=True), to="task.a", timeout=200.0)
        )
        await asyncio.sleep(0)
        after = [await bus.publish(Ordered(), to="task.a") for _ in range(12)]
        restarting = asyncio.create_task(restart_for_ever())
        with pytest.raises(RequestFaultedError, match="crashed") as raised:
            await poisoning
        while len(handled) < len(before) + len(after):
            await asyncio.sleep(0.05)
        (letter,) = await bus.dead_letters.list()
        restarting.cancel()
        await asyncio.wait([restarting])
    assert raised.value.reason == letter.reason == "delivery_limit"
    assert letter.group == "agent.a"
    assert died_of == {letter.envelope.id: DELIVERY_LIMIT}
    assert set(handled) == {message.id for message in [*before, *after]}


async def _never(message: object, context: object) -> None:
    raise AssertionError
