"""`convener stats` over what real commands have recorded."""

import json
import re
from pathlib import Path

import pytest

from agents.domain.statistics import Statistics
from tests.support.command_line import DATA, CommandLine
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    return CommandLine(home=tmp_path, folder=folder)


async def test_the_figures_are_those_of_the_recorded_requests(convener: CommandLine) -> None:
    first, second = [
        json.loads((await convener.run("analyze", str(DATA / file), "--format", "json")).out)
        for file in ("planes.csv", "airlines.csv")
    ]
    ended = await convener.run("stats", "--since", "24h", "--format", "json")
    assert ended.code == 0, ended.err
    figures = Statistics.model_validate_json(ended.out)
    assert figures.unread == 0
    assert figures.requests.asked == 2
    assert figures.requests.reports == {"complete": 2}
    assert figures.requests.time_to_report is not None
    assert figures.requests.time_to_report.total == pytest.approx(
        first["run"]["seconds"] + second["run"]["seconds"], abs=0.01
    )
    roles = {role.role: role for role in figures.roles}
    assert set(roles) == {"data_quality", "performance", "security", "business", "orchestrator"}
    for role in ("data_quality", "performance", "security", "business"):
        assert (roles[role].tasks, roles[role].completed) == (2, 2)
    recorded = await convener.run("history", "--type", "tool.called", "-n", "10000")
    assert sum(tool.calls for tool in figures.tools) == len(recorded.out.splitlines())
    assert figures.no_advice or figures.advice

    one = await convener.run("stats", "--request", first["request_id"][:8], "--format", "json")
    assert Statistics.model_validate_json(one.out).requests.asked == 1

    markdown = await convener.run("stats")
    assert markdown.out.startswith("# Performance of the panel\n")
    assert re.search(r"\| data quality \| 2 \| 0 \|", markdown.out)
    drawn = await convener.at_terminal("stats")
    assert "Tools ──" in drawn
    assert max(map(len, drawn.splitlines())) <= 80


async def test_an_empty_range_and_an_unknown_request_are_said_plainly(
    convener: CommandLine,
) -> None:
    empty = await convener.run("stats", "--until", "1w")
    assert empty.code == 0, empty.err
    assert "0 requests." in empty.out
    assert "Too few calls to advise" in empty.out
    unknown = await convener.run("stats", "--request", "4f2a4f2a")
    assert unknown.code == 2
    assert unknown.err.strip() == (
        "Error: No request in this range has the id '4f2a4f2a': see `convener status`."
    )
    wrong = await convener.run("stats", "--since", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time" in wrong.err


@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_on_rabbitmq_the_figures_come_from_all_processes(
    convener: CommandLine, rabbitmq_node: RabbitmqNode, redis_url: str
) -> None:
    (convener.folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    with rabbitmq_node.vhost() as vhost:
        convener.environment |= {
            "CONVENER_BUS": rabbitmq_node.url(vhost),
            "CONVENER_REDIS": redis_url,
        }
        async with convener.worker("orchestrator"), convener.worker("security", "business"):
            asked = ("publish", "airlines.csv", "--role", "security", "--role", "business")
            published = await convener.run(*asked, "--wait", "--format", "json")
            id = json.loads(published.out)["request_id"]
            ended = await convener.run("stats", "--request", id[:8], "--format", "json")
    assert ended.code == 0, ended.err
    figures = Statistics.model_validate_json(ended.out)
    assert figures.requests.reports == {"complete": 1}
    assert [role.role for role in figures.roles if role.completed] == ["business", "security"]
    assert figures.tools
