"""A provider that dies, stalls or talks nonsense: every level below the full answer, for real."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.domain.report import ReportPublished
from tests.support.command_line import CommandLine
from tests.support.model_client import ModelClient, heard, is_written, member, model_client
from tests.support.model_panel import APP
from tests.support.model_process import MODEL, ModelProcess, model_process

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

SERVED = ("orchestrator", "clerk", "--app", APP)
OTHERWISE = {"error_rate": 0.25}
"""Something stated of the data, with which a question is no longer the one asked before."""


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ModelProcess]:
    async with model_process(tmp_path) as started:
        yield started


@pytest.fixture
async def client(tmp_path: Path, provider: ModelProcess) -> AsyncIterator[ModelClient]:
    """Somebody whose panel, one clerk, works in a process with a model."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "orders.csv").write_text("id,price\n" + "".join(f"{n},{n}\n" for n in range(70)))
    line = CommandLine(home=tmp_path, folder=folder)
    line.environment |= {"CONVENER_BUS": f"sqlite:///{tmp_path}/bus.db", **provider.environment}
    async with line.worker(*SERVED), model_client(line, "orders.csv") as opened:
        yield opened


async def report_of_killed(
    provider: ModelProcess, client: ModelClient, **details: object
) -> ReportPublished:
    """The report of a request whose provider was killed while it wrote an answer."""
    await provider.start("slow")
    async with client.asking("clerk", **details) as pending:
        await heard(pending, is_written)
        await provider.kill()
        return await pending.report()


def assert_the_findings_stand(report: ReportPublished) -> None:
    (finding,) = report.findings
    assert finding.title == "data has 70 rows."
    assert report.executive_summary


async def test_a_provider_killed_in_the_middle_of_an_answer_leaves_the_findings(
    provider: ModelProcess, client: ModelClient
) -> None:
    report = await report_of_killed(provider, client)
    clerk = member(report, "clerk")
    assert report.status == "partial"
    assert (clerk.fallback_level, clerk.claims) == ("partial", ())
    assert [each.level for each in clerk.fallbacks] == ["partial"]
    assert "cannot be reached" in clerk.fallbacks[0].reason
    assert report.fallbacks[-1].level == "partial"
    assert report.model is None
    assert_the_findings_stand(report)


async def test_a_killed_provider_is_stood_in_for_by_its_earlier_answer(
    provider: ModelProcess, client: ModelClient
) -> None:
    earlier = await client.report("clerk")
    assert member(earlier, "clerk").fallback_level == "full"
    assert earlier.status == "complete"
    report = await report_of_killed(provider, client, characteristics=OTHERWISE)
    clerk = member(report, "clerk")
    assert clerk.fallback_level == "cached"
    assert clerk.claims == member(earlier, "clerk").claims != ()
    (fallback,) = clerk.fallbacks
    assert "cannot be reached" in fallback.reason
    assert "ago stands in" in fallback.reason
    assert report.narrative == earlier.narrative != ()
    assert (report.status, report.model) == ("complete", MODEL)


async def test_what_is_to_be_fresh_is_never_an_earlier_answer(
    provider: ModelProcess, client: ModelClient
) -> None:
    await client.report("clerk")
    report = await report_of_killed(provider, client, fresh=True)
    assert member(report, "clerk").fallback_level == "partial"
    assert report.status == "partial"
    assert_the_findings_stand(report)


async def test_a_provider_that_stalls_once_is_asked_less(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("stall,panel")
    report = await client.report("clerk", deadline=40)
    clerk = member(report, "clerk")
    assert clerk.fallback_level == "simplified"
    assert clerk.claims
    assert "did not answer within" in clerk.fallbacks[0].reason
    assert report.status == "complete"
    kinds = [each.purpose for each in await client.calls(report) if hasattr(each, "purpose")]
    assert kinds == ["examine", "examine_simplified", "synthesise"]


async def test_a_provider_that_only_stalls_costs_the_report_no_more_than_its_deadline(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("stall")
    report = await client.report("clerk", deadline=20)
    clerk = member(report, "clerk")
    assert [each.level for each in clerk.fallbacks] == ["simplified", "partial"]
    assert report.fallbacks[-1].level == "partial"
    assert report.status == "partial"
    assert_the_findings_stand(report)


async def test_a_request_in_a_hurry_does_not_wait_for_the_answer_that_another_one_waits_for(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("stall")
    async with client.asking("clerk", deadline=140):
        await provider.until_asked(1)
        report = await client.report("clerk", deadline=20)
    assert member(report, "clerk").fallback_level == "partial"
    assert report.missing == ()
    assert_the_findings_stand(report)


async def test_a_provider_that_wants_a_longer_pause_than_there_is_time_is_not_waited_for(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("long throttle")
    report = await client.report("clerk", deadline=20)
    clerk = member(report, "clerk")
    assert [each.level for each in clerk.fallbacks] == ["partial"]
    assert "wants no calls for another" in clerk.fallbacks[0].reason
    assert len(provider.requests) == 1
    assert_the_findings_stand(report)


@pytest.mark.parametrize("nonsense", ["garbage", "prose", "wrong", "end"])
async def test_after_nonsense_less_is_asked_and_then_nothing(
    provider: ModelProcess, client: ModelClient, nonsense: str
) -> None:
    await provider.start(nonsense)
    report = await client.report("clerk")
    clerk = member(report, "clerk")
    assert clerk.fallback_level == "partial"
    assert clerk.fallbacks[-1].reason.endswith((".", "?"))
    assert report.status == "partial"
    assert_the_findings_stand(report)


async def test_after_garbage_the_simplified_question_is_answered(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("garbage,panel")
    report = await client.report("clerk")
    clerk = member(report, "clerk")
    assert [each.level for each in clerk.fallbacks] == ["simplified"]
    assert "no reply of a model" in clerk.fallbacks[0].reason
    assert clerk.claims
    assert report.status == "complete"


async def test_what_a_model_makes_up_is_dropped_and_counted(
    provider: ModelProcess, client: ModelClient
) -> None:
    await provider.start("ungrounded")
    report = await client.report("clerk")
    clerk = member(report, "clerk")
    assert (clerk.claims, clerk.dropped_claims) == ((), 1)
    assert (report.narrative, report.dropped_claims > 0) == ((), True)
    assert report.status == "complete"
    assert "73.91" not in report.model_dump_json()
