"""A request is cancelled while its tasks run and wait in several processes."""

import asyncio
import json
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from tests.support.bus_under_test import until
from tests.support.command_line import DATA, CommandLine, Ended

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

PANEL = """
import asyncio, os
from pathlib import Path
from agents import Panel, Specialist

async def examine(examination):
    Path(f"begun-{os.getpid()}").touch()
    try:
        await asyncio.Event().wait()
    finally:
        Path(f"stopped-{os.getpid()}").touch()

async def count(examination):
    Path(f"counted-{examination.task.request_id}").touch()
    return []

panel = Panel(
    *(Specialist(role=role, title=role, tools=(), examine=examine) for role in ("one", "two")),
    Specialist(role="counter", title="Counter", tools=(), examine=count),
)
"""


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    (folder / "endless.py").write_text(PANEL)
    return CommandLine(home=tmp_path, folder=folder)


def worker(convener: CommandLine, role: str):
    return convener.worker(role, "--app", "endless:panel", "--concurrency", "1")


async def ask(convener: CommandLine, *roles: str) -> Ended:
    named = [word for role in roles for word in ("--role", role)]
    return await convener.run("publish", "airlines.csv", *named, "--wait", "--format", "json")


async def marked(convener: CommandLine, mark: str, process: Process) -> None:
    async def is_marked() -> bool:
        return (convener.folder / f"{mark}-{process.pid}").exists()

    await until(is_marked)


async def request_ids(convener: CommandLine) -> list[str]:
    """The requests whose tasks are out, from the oldest on."""
    ended = await convener.run("history", "--type", "task.assigned", "--format", "json")
    events = [json.loads(line)["event"] for line in ended.out.splitlines()]
    return list(dict.fromkeys(event["correlationid"] for event in events))


async def test_cancelling_stops_what_runs_in_every_process_and_the_report_says_so(
    convener: CommandLine,
):
    async with (
        convener.worker("orchestrator"),
        worker(convener, "one") as one,
        worker(convener, "two") as two,
    ):
        waiting = asyncio.create_task(ask(convener, "one", "two"))
        for process in (one, two):
            await marked(convener, "begun", process)
        (id,) = await request_ids(convener)
        assert (await convener.run("cancel", id[:8])).code == 0
        for process in (one, two):
            await marked(convener, "stopped", process)
        ended = await waiting
        assert json.loads(ended.out)["status"] == "cancelled"
        again = await convener.run("cancel", id)
        assert again.code == 1
        assert "cancelled" in again.err


async def test_what_waits_when_its_request_is_cancelled_never_begins(convener: CommandLine):
    async with convener.worker("counter", "--app", "endless:panel"):
        pass  # it has been there once, so that its tasks wait for it
    async with convener.worker("orchestrator"), worker(convener, "one") as one:
        cancelled = asyncio.create_task(ask(convener, "one", "counter"))
        await marked(convener, "begun", one)
        (id,) = await request_ids(convener)
        assert (await convener.run("cancel", id)).code == 0
        assert json.loads((await cancelled).out)["status"] == "cancelled"
        async with worker(convener, "counter"):
            # A later task of the same queue is done, so the cancelled one was passed over.
            later = json.loads((await ask(convener, "counter")).out)
    counted = [path.name for path in convener.folder.glob("counted-*")]
    assert counted == [f"counted-{later['request_id']}"]
    assert (await convener.run("dead", "list")).out == ""
