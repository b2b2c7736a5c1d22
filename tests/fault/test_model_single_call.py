"""One question asked by everybody at once, over four processes: the provider is asked once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agents.domain.report import ReportPublished
from agents.domain.usage import Usage
from tests.support.command_line import CommandLine
from tests.support.model_client import ModelClient, member, model_client
from tests.support.model_panel import APP
from tests.support.model_process import ModelProcess, model_process

pytestmark = [pytest.mark.fault, pytest.mark.timeout(400)]

PROCESSES = 4
SERVED = ("orchestrator", "clerk", "--app", APP, "--concurrency", "64")
PATIENT = 300.0
"""Seconds: a deadline for requests on a busy machine."""


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ModelProcess]:
    async with model_process(tmp_path) as started:
        await started.start("slow")  # so that everybody has asked before there is an answer
        yield started


@pytest.fixture(
    params=["sqlite", pytest.param("rabbitmq", marks=[pytest.mark.rabbitmq, pytest.mark.redis])]
)
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, provider: ModelProcess
) -> AsyncIterator[ModelClient]:
    """Somebody whose panel works in `PROCESSES` processes."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "orders.csv").write_text("id,price\n" + "".join(f"{n},{n}\n" for n in range(70)))
    line = CommandLine(home=tmp_path, folder=folder)
    line.environment |= {"CONVENER_BUS": f"sqlite:///{tmp_path}/bus.db", **provider.environment}
    async with AsyncExitStack() as stack:
        if request.param == "rabbitmq":
            node = request.getfixturevalue("rabbitmq_node")
            line.environment["CONVENER_BUS"] = node.url(stack.enter_context(node.vhost()))
            line.environment["CONVENER_REDIS"] = request.getfixturevalue("redis_url")
        workers = (stack.enter_async_context(line.worker(*SERVED)) for _ in range(PROCESSES))
        await asyncio.gather(*workers)
        yield await stack.enter_async_context(model_client(line, "orders.csv"))


async def reports_of(client: ModelClient, number: int) -> list[ReportPublished]:
    """The reports of so many requests for the same, all published at once."""
    return await asyncio.gather(*(client.report("clerk", deadline=PATIENT) for _ in range(number)))


async def test_two_hundred_requests_at_once_cost_one_call_for_each_question(
    client: ModelClient, provider: ModelProcess
) -> None:
    reports = await reports_of(client, 200)
    assert [request.form for request in provider.requests] == ["Assessment", "Integration"]
    assert {report.status for report in reports} == {"complete"}
    assert len({report.request_id for report in reports}) == len(reports)
    (claims,) = {member(report, "clerk").claims for report in reports}
    (narrative,) = {report.narrative for report in reports}
    assert claims
    assert narrative
    for role in ("clerk", "orchestrator"):
        usages = [report.run.usage[role] for report in reports]
        total = sum(usages, Usage())
        assert (total.calls, total.saved_calls) == (1, len(reports) - 1)
