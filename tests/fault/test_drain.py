"""A worker that is told to stop: SIGTERM while it works, and once more while it drains."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest

from tests.support.bus_under_test import until
from tests.support.command_line import BOUND, DATA, CommandLine

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

FOR_EVER = ("--grace", "3600")
AT_ONCE = ("--grace", "0")


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    """A command line beside a panel whose specialist begins, and ends once it is let go."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    (folder / "patient.py").write_text(
        "import asyncio, os\n"
        "from pathlib import Path\n"
        "from agents import Panel, Specialist\n"
        "async def examine(examination):\n"
        "    Path(f'begun-{os.getpid()}').touch()\n"
        "    while not Path('go').exists():\n"
        "        await asyncio.sleep(0.02)\n"
        "    return []\n"
        "panel = Panel(Specialist(role='patient', title='Patient', tools=(), examine=examine))\n"
    )
    return CommandLine(home=tmp_path, folder=folder)


def patient(convener: CommandLine, *options: str):
    return convener.worker("patient", "--app", "patient:panel", *options)


async def ask(convener: CommandLine) -> dict[str, Any]:
    """The report on a request for the patient specialist, however it ends."""
    ended = await convener.run(
        *("publish", "airlines.csv", "--role", "patient", "--wait", "--format", "json")
    )
    assert ended.out, ended.err
    report: dict[str, Any] = json.loads(ended.out)
    return report


async def begun(convener: CommandLine, worker: Process) -> None:
    async def has_begun() -> bool:
        return (convener.folder / f"begun-{worker.pid}").exists()

    await until(has_begun)


async def told(worker: Process) -> str:
    """The next line that the worker says."""
    assert worker.stderr is not None
    async with asyncio.timeout(BOUND):
        return (await worker.stderr.readline()).decode()


async def ended(worker: Process) -> int:
    async with asyncio.timeout(BOUND):
        return await worker.wait()


async def test_work_that_ends_within_the_grace_is_done_by_who_began_it(convener: CommandLine):
    async with convener.worker("orchestrator"), patient(convener, *FOR_EVER) as worker:
        waiting = asyncio.create_task(ask(convener))
        await begun(convener, worker)
        worker.send_signal(signal.SIGTERM)
        assert "Draining" in await told(worker)
        (convener.folder / "go").touch()
        assert (await waiting)["status"] == "complete"
        assert await ended(worker) == 0
    assert len(list(convener.folder.glob("begun-*"))) == 1


async def test_work_that_does_not_end_within_the_grace_is_handed_to_another(convener: CommandLine):
    async with convener.worker("orchestrator"):
        async with patient(convener, *AT_ONCE) as worker:
            waiting = asyncio.create_task(ask(convener))
            await begun(convener, worker)
            worker.send_signal(signal.SIGTERM)
            assert await ended(worker) == 0
        (convener.folder / "go").touch()
        async with patient(convener):
            assert (await waiting)["status"] == "complete"
    parked = await convener.run("dead", "list")
    assert parked.out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_does_not_wait_for_what_is_running(
    convener: CommandLine, number: signal.Signals
):
    async with convener.worker("orchestrator"):
        async with patient(convener, *FOR_EVER) as worker:
            waiting = asyncio.create_task(ask(convener))
            await begun(convener, worker)
            worker.send_signal(number)
            assert "Draining" in await told(worker)
            worker.send_signal(number)
            assert await ended(worker) == 0
        (convener.folder / "go").touch()
        async with patient(convener):
            assert (await waiting)["status"] == "complete"


async def test_an_orchestrator_hands_its_gather_to_another(convener: CommandLine):
    async with patient(convener) as worker:
        async with convener.worker("orchestrator", *AT_ONCE) as first:
            waiting = asyncio.create_task(ask(convener))
            await begun(convener, worker)
            first.send_signal(signal.SIGTERM)
            assert await ended(first) == 0
        (convener.folder / "go").touch()
        async with convener.worker("orchestrator"):
            assert (await waiting)["status"] == "complete"
