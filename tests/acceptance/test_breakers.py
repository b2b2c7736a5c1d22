"""`convener breakers` with workers in processes of their own, on both transports."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import DATA, CommandLine

pytestmark = pytest.mark.timeout(240)

APP = '''
from agents import Panel, Specialist
from agents.errors import ToolError
from agents.tool import tool


@tool(permission="read_data")
async def phone() -> str:
    """Call somebody who does not answer."""
    raise ConnectionError("nobody answers")


async def examine(examination):
    for _ in range(10):
        try:
            await examination.use(phone)
        except ToolError as error:
            await examination.note(str(error))
    return []


panel = Panel(Specialist(role="operator", title="Operator", tools=(phone,), examine=examine))
'''

OPERATOR = ("operator", "--app", "switchboard:panel")


@pytest.fixture(params=["sqlite", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
async def convener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CommandLine]:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "planes.csv").write_bytes((DATA / "planes.csv").read_bytes())
    (folder / "switchboard.py").write_text(APP)
    line = CommandLine(home=tmp_path, folder=folder)
    if request.param == "rabbitmq":
        node = request.getfixturevalue("rabbitmq_node")
        with node.vhost() as vhost:
            line.environment["CONVENER_BUS"] = node.url(vhost)
            yield line
    else:
        yield line


async def shown(
    line: CommandLine, *arguments: str, until: Callable[[list[Any]], bool]
) -> list[dict[str, Any]]:
    """What the processes answer once it is as expected: a busy machine answers late."""
    while True:
        ended = await line.run("breakers", "--format", "json", *arguments)
        processes: list[dict[str, Any]] = json.loads(ended.out)
        if until(processes):
            assert ended.code == 0, ended.err
            return processes


async def test_circuits_of_all_processes_are_shown_and_set(convener: CommandLine) -> None:
    async with convener.worker("orchestrator"), convener.worker(*OPERATOR):
        await convener.run("publish", "planes.csv", "--role", "operator", "--wait")
        processes = await shown(
            convener,
            until=lambda processes: (
                len(processes) == 2
                and all(
                    any(circuit["name"] == "phone" for circuit in process["circuits"])
                    for process in processes
                )
            ),
        )
        circuits = [
            circuit
            for process in processes
            for circuit in process["circuits"]
            if circuit["name"] == "phone"
        ]
        assert [circuit["circuit"] for circuit in circuits] == ["open", "open"]
        assert sorted(circuit["is_shared"] for circuit in circuits) == [False, True]
        (own,) = (circuit for circuit in circuits if not circuit["is_shared"])
        assert own["last_error"] == "ConnectionError: nobody answers"
        assert own["failure_rate"] == 1.0

        await shown(convener, "--reset", "phone", until=lambda processes: len(processes) == 2)
        reset = await convener.run("breakers", "--wait", "3")
        assert reset.code == 0
        rows = [line.split() for line in reset.out.splitlines() if "phone" in line]
        assert [row[:2] for row in rows] == [["phone", "closed"]] * 2

        forced = await convener.run("breakers", "--force-open", "model:x@host", "--wait", "3")
        assert forced.code == 0
        assert "Forced model:x@host open in 2 processes." in forced.err
        assert forced.out.count("until reset") == 2

        unknown = await convener.run("breakers", "--reset", "typo")
        assert unknown.code == 1
        assert "No running process has a circuit 'typo' to reset." in unknown.err


async def test_without_a_process_it_says_so_and_fails(convener: CommandLine) -> None:
    for arguments in ([], ["--disable", "phone"], ["--format", "json"]):
        ended = await convener.run("breakers", *arguments)
        assert ended.code == 1
        assert ended.err.splitlines()[-1].startswith("No process is running on this bus")
    assert json.loads(ended.out) == []


async def test_two_orders_at_once_are_refused(convener: CommandLine) -> None:
    ended = await convener.run("breakers", "--reset", "a", "--disable", "b")
    assert (ended.code, ended.out) == (2, "")
    assert "one of --reset, --force-open and --disable" in ended.err
