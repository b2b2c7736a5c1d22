"""Publish, work and replay from separate processes, on the embedded bus and on RabbitMQ."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.command_line import DATA, CommandLine

pytestmark = pytest.mark.timeout(180)

ROLES = ("data_quality", "performance", "security", "business")


@pytest.fixture(params=["sqlite", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
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


async def test_a_killed_worker_costs_nothing_but_time(convener: CommandLine) -> None:
    async with (
        convener.worker("orchestrator"),
        convener.worker(*ROLES) as first,
        convener.worker(*ROLES),
    ):
        waiting = asyncio.create_task(
            convener.run("publish", "planes.csv", "--wait", "--format", "json")
        )
        await task_is_assigned(convener)
        first.send_signal(signal.SIGKILL)
        ended = await waiting
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["status"] == "complete"


async def test_a_killed_orchestrator_is_succeeded_by_another_and_one_report_comes_out(
    convener: CommandLine,
) -> None:
    async with convener.worker("orchestrator") as first:
        async with convener.worker(*ROLES):
            pass
        waiting = asyncio.create_task(
            convener.run("publish", "planes.csv", "--wait", "--format", "json")
        )
        await task_is_assigned(convener)
        first.send_signal(signal.SIGKILL)
        async with convener.worker("orchestrator"), convener.worker(*ROLES):
            ended = await waiting
            assert ended.code == 0, ended.err
            id = json.loads(ended.out)["request_id"]
            events = await convener.run(
                "history", id, "--type", "report.published", "--format", "json"
            )
    contents = {
        json.dumps(json.loads(line)["event"]["data"], sort_keys=True)
        for line in events.out.splitlines()
    }
    assert len(contents) == 1


async def test_a_missing_specialist_gives_a_partial_report_that_names_it(
    convener: CommandLine,
) -> None:
    async with convener.worker("orchestrator"), convener.worker("data_quality", "security"):
        ended = await convener.run(
            "publish", "airlines.csv", "--wait", "--format", "json",
            "--role", "data_quality", "--role", "security", "--role", "astrology",
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
