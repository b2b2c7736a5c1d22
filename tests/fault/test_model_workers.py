"""Workers with a model whose provider, tools or Redis fail: what the others notice, and do not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from agents.domain.call import ModelCalled, ToolCalled
from tests.support.command_line import CommandLine
from tests.support.model_client import heard, is_written, member, model_client
from tests.support.model_panel import APP, CALLS, GO
from tests.support.model_process import ModelProcess, model_process
from tests.support.mortal_redis import MortalRedis, mortal_redis
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ModelProcess]:
    async with model_process(tmp_path) as started:
        yield started


@pytest.fixture
def line(tmp_path: Path, provider: ModelProcess) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "orders.csv").write_text("id,price\n" + "".join(f"{n},{n}\n" for n in range(70)))
    line = CommandLine(home=tmp_path, folder=folder)
    line.environment |= {"CONVENER_BUS": f"sqlite:///{tmp_path}/bus.db", **provider.environment}
    return line


@pytest.fixture
async def redis_server(tmp_path: Path, line: CommandLine) -> AsyncIterator[MortalRedis]:
    """A Redis of this test alone, which the workers share."""
    async with mortal_redis(str(tmp_path)) as server:
        line.environment["CONVENER_REDIS"] = server.url
        yield server


async def until_paused(url: str) -> None:
    """Wait until Redis knows that the provider wants a pause."""
    async with asyncio.timeout(60), Redis.from_url(url) as client:
        while not await client.keys("convener:pause:*"):
            await asyncio.sleep(0.02)


@pytest.mark.redis
async def test_what_one_worker_is_told_to_wait_the_other_one_waits_too(
    line: CommandLine, provider: ModelProcess, redis_server: MortalRedis
) -> None:
    await provider.start("long throttle,panel")
    async with (
        line.worker("orchestrator", "clerk", "--app", APP),
        line.worker("latecomer", "--app", APP),
        model_client(line, "orders.csv") as client,
        client.asking("clerk", "latecomer") as pending,
    ):
        await until_paused(redis_server.url)
        (line.folder / GO).touch()
        report = await pending.report()
        calls = {each.caller: each for each in await client.calls(report) if is_model_call(each)}
    assert report.status == "complete"
    assert {each.fallback_level for each in report.panel} == {"full"}
    clerk, latecomer = calls["clerk"], calls["latecomer"]
    assert (clerk.attempts, latecomer.attempts) == (2, 1)
    assert clerk.waited > 0
    assert latecomer.waited > 0
    assert len(provider.requests) == 4  # the one refused, and one each with the chair's


async def test_a_tool_that_always_fails_is_cut_off_and_harms_nobody_else(
    line: CommandLine,
) -> None:
    async with (
        line.worker("orchestrator", "clerk", "--app", APP),
        line.worker("bookkeeper", "--app", APP),
        model_client(line, "orders.csv") as client,
    ):
        report = await client.report("clerk", "bookkeeper")
        phoned = [each for each in await client.calls(report) if is_call_of(each, "phone")]
    assert report.status == "partial"
    assert member(report, "clerk").fallback_level == "full"
    assert member(report, "clerk").claims
    bookkeeper = member(report, "bookkeeper")
    assert (bookkeeper.fallback_level, bookkeeper.findings) == ("partial", 1)
    assert "phone" in bookkeeper.fallbacks[-1].reason
    assert bookkeeper.claims
    failed = [each.status for each in phoned].count("failed")
    assert 0 < failed < CALLS
    assert [each.status for each in phoned] == ["failed"] * failed + ["circuit_open"] * (
        CALLS - failed
    )


async def test_a_specialist_without_any_working_tool_gives_a_degraded_answer(
    line: CommandLine,
) -> None:
    async with (
        line.worker("orchestrator", "clerk", "operator", "--app", APP),
        model_client(line, "orders.csv") as client,
    ):
        report = await client.report("clerk", "operator")
    assert report.status == "partial"
    operator = member(report, "operator")
    assert (operator.status, operator.fallback_level) == ("completed", "degraded")
    assert "phone" in operator.fallbacks[-1].reason
    assert member(report, "clerk").fallback_level == "full"


@pytest.mark.redis
@pytest.mark.rabbitmq
async def test_a_redis_killed_while_the_model_writes_costs_nothing_but_time(
    line: CommandLine,
    provider: ModelProcess,
    redis_server: MortalRedis,
    rabbitmq_node: RabbitmqNode,
) -> None:
    await provider.start("slow")
    with rabbitmq_node.vhost() as vhost:
        line.environment["CONVENER_BUS"] = rabbitmq_node.url(vhost)
        async with (
            line.worker("orchestrator", "clerk", "--app", APP),
            model_client(line, "orders.csv") as client,
            client.asking("clerk") as pending,
        ):
            await heard(pending, is_written)
            await redis_server.kill()
            await redis_server.start()
            report = await pending.report()
    assert report.status == "complete"
    clerk = member(report, "clerk")
    assert (clerk.fallback_level, len(clerk.claims)) == ("full", 1)
    assert report.narrative


@pytest.mark.redis
@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stuck"])
async def test_a_redis_that_stays_away_is_missed_by_no_report_of_an_embedded_panel(
    line: CommandLine, provider: ModelProcess, redis_server: MortalRedis, is_killed: bool
) -> None:
    await provider.start("slow")
    async with (
        line.worker("orchestrator", "clerk", "--app", APP),
        model_client(line, "orders.csv") as client,
        client.asking("clerk") as pending,
    ):
        await heard(pending, is_written)
        if is_killed:
            await redis_server.kill()
        else:
            redis_server.stop()
        report = await pending.report()
        again = await client.report("clerk")
    assert (report.status, again.status) == ("complete", "complete")
    assert member(again, "clerk").claims == member(report, "clerk").claims != ()


def is_model_call(call: object) -> bool:
    return isinstance(call, ModelCalled)


def is_call_of(call: object, tool: str) -> bool:
    return isinstance(call, ToolCalled) and call.tool == tool
