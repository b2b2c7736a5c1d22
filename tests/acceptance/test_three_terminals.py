"""Publish, work and replay from separate processes, on the embedded bus and on RabbitMQ."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import DATA, CommandLine

pytestmark = pytest.mark.timeout(180)

ROLES = ("data_quality", "performance", "security", "business")


@pytest.fixture(
    params=["sqlite", pytest.param("rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.redis])]
)
async def convener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CommandLine]:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("planes.csv", "airlines.csv"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    line = CommandLine(home=tmp_path, folder=folder)
    if request.param == "rabbitmq":
        node = request.getfixturevalue("rabbitmq_node")
        with node.vhost() as vhost:
            line.environment["CONVENER_BUS"] = node.url(vhost)
            line.environment["CONVENER_REDIS"] = request.getfixturevalue("redis_url")
            yield line
    else:
        yield line


async def test_publish_work_report_history_and_replay(convener: CommandLine) -> None:
    async with convener.worker("orchestrator"), convener.worker(*ROLES):
        published = await convener.run("publish", "planes.csv", "--wait", "--format", "json")
        assert published.code == 0, published.err
        first = json.loads(published.out)
        assert first["status"] == "complete"
        id = first["request_id"]
        reported = await convener.run("report", id[:8], "--format", "json")
        assert json.loads(reported.out) == first
        timeline = await convener.run("history", id[:8])
        for what in ("analysis.requested", "analysis.planned", "task.assigned", "tool.called"):
            assert what in timeline.out
        replayed = await convener.run("replay", id[:8], "--live", "--format", "json")
        second = json.loads(replayed.out)
        assert second["run"]["replay_of"] == id
        assert second["findings"] == first["findings"]


async def test_a_worker_killed_in_the_middle_of_a_task_is_succeeded_by_another(
    convener: CommandLine,
) -> None:
    write_patient_panel(convener.folder)
    patient = ("patient", "--app", "patient:panel")
    async with convener.worker("orchestrator"):
        async with convener.worker(*patient) as first:
            waiting = asyncio.create_task(ask_patient(convener))
            await begun(convener.folder, first.pid)
            first.send_signal(signal.SIGKILL)
        (convener.folder / "go").touch()
        async with convener.worker(*patient):
            report = await waiting
    assert report["status"] == "complete"


async def test_an_orchestrator_killed_in_the_middle_of_a_gather_is_succeeded_by_another(
    convener: CommandLine,
) -> None:
    write_patient_panel(convener.folder)
    async with convener.worker("patient", "--app", "patient:panel") as worker:
        async with convener.worker("orchestrator") as first:
            waiting = asyncio.create_task(ask_patient(convener))
            await begun(convener.folder, worker.pid)
            first.send_signal(signal.SIGKILL)
        async with convener.worker("orchestrator"):
            (convener.folder / "go").touch()
            report = await waiting
            events = await convener.run(
                "history", report["request_id"], "--type", "report.published", "--format", "json"
            )
    assert report["status"] == "complete"
    contents = {
        json.dumps(json.loads(line)["event"]["data"], sort_keys=True)
        for line in events.out.splitlines()
    }
    assert contents == {json.dumps(report, sort_keys=True)}


async def test_a_missing_specialist_gives_a_partial_report_that_names_it(
    convener: CommandLine,
) -> None:
    async with convener.worker("orchestrator"), convener.worker("data_quality", "security"):
        ended = await convener.run(
            "publish",
            "airlines.csv",
            "--wait",
            "--format",
            "json",
            "--role",
            "data_quality",
            "--role",
            "security",
            "--role",
            "astrology",
        )
    assert ended.code == 3
    report = json.loads(ended.out)
    assert [missing["role"] for missing in report["missing"]] == ["astrology"]
    assert "Nobody serves astrology" in ended.err


async def test_a_cancelled_request_is_reported_as_cancelled(convener: CommandLine) -> None:
    async with convener.worker("orchestrator"):
        async with convener.worker(*ROLES):
            pass
        waiting = asyncio.create_task(
            convener.run("publish", "airlines.csv", "--wait", "--format", "json")
        )
        id = await task_is_assigned(convener)
        cancelled = await convener.run("cancel", id)
        assert cancelled.code == 0, cancelled.err
        ended = await waiting
    assert ended.code == 1
    assert json.loads(ended.out)["status"] == "cancelled"


async def test_parked_messages_are_listed_shown_redriven_and_discarded(
    convener: CommandLine,
) -> None:
    (convener.folder / "broken_panel.py").write_text(
        "from agents import Panel, Specialist\n"
        "async def examine(examination):\n"
        "    raise ZeroDivisionError('on purpose')\n"
        "panel = Panel(Specialist(role='clumsy', title='Clumsy', tools=(), examine=examine))\n"
    )
    async with (
        convener.worker("orchestrator"),
        convener.worker("clumsy", "--app", "broken_panel:panel"),
    ):
        ended = await convener.run("publish", "airlines.csv", "--wait", "--role", "clumsy")
        assert ended.code == 1
        assert "on purpose" in ended.out
        listed = await convener.run("dead", "list")
        id = listed.out.split()[0]
        assert "on purpose" in listed.out
        shown = json.loads((await convener.run("dead", "show", id)).out)
        assert (shown["group"], shown["reason"]) == ("agent.clumsy", "failed")
        assert shown["event"]["type"] == "convener.task.assigned.v1"
        assert (await convener.run("dead", "redrive", id)).code == 0
        again = await parked_again(convener, id)
        assert (await convener.run("dead", "discard", again)).code == 0
        assert (await convener.run("dead", "list")).out == ""


def write_patient_panel(folder: Path) -> None:
    """A specialist that says when it has begun and waits for a file before it ends."""
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


async def ask_patient(convener: CommandLine) -> dict[str, Any]:
    ended = await convener.run(
        "publish", "airlines.csv", "--role", "patient", "--wait", "--format", "json"
    )
    assert ended.code == 0, ended.err
    report: dict[str, Any] = json.loads(ended.out)
    return report


async def begun(folder: Path, pid: int) -> None:
    async with asyncio.timeout(60):
        while not (folder / f"begun-{pid}").exists():
            await asyncio.sleep(0.02)


async def task_is_assigned(convener: CommandLine) -> str:
    """The id of the request whose tasks are out."""
    async with asyncio.timeout(60):
        while True:
            ended = await convener.run("history", "--type", "task.assigned", "--format", "json")
            if ended.out:
                id: str = json.loads(ended.out.splitlines()[0])["event"]["correlationid"]
                return id


async def parked_again(convener: CommandLine, before: str) -> str:
    async with asyncio.timeout(60):
        while True:
            listed = (await convener.run("dead", "list")).out.split()
            if listed and listed[0] != before:
                return listed[0]
