"""Orchestrator and workers together, with specialists made for the occasion."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from agents import (
    REGISTRY,
    Datasets,
    Evidence,
    Examination,
    Finding,
    Panel,
    Specialist,
    Subject,
    request_analysis,
)
from agents.domain.call import ToolCalled
from agents.domain.identity import cancel_key
from agents.domain.request import (
    AnalysisCancelled,
    AnalysisRequested,
    Characteristics,
    GatherPolicy,
)
from agents.domain.task import AnalysisPlanned, TaskAssigned
from agents.errors import ToolError
from agents.messages import CANCEL_TOPIC
from agents.recorded import find_request, read
from agents.tool import tool
from bus import (
    Claim,
    ConnectionLostError,
    Fault,
    HistoryQuery,
    Ledger,
    NotPermittedError,
    Principal,
    RequestFaultedError,
    connect,
    parse,
)
from tests.support.stage import BOUND, Stage
from tests.support.verifying import Verifying


@tool(permission="read_data")
async def row_count(data: Datasets, table: str) -> int:
    """Count the rows of a table."""
    return data.table(table).rows


@tool(permission="admin_operations")
async def drop_everything(data: Datasets) -> int:
    """Do what nobody should."""
    return 0


@tool(permission="read_data", routes=["streaming"])
async def event_rate(data: Datasets) -> float:
    """Count events per second."""
    return 1.0


def count_finding(role: str, rows: int) -> Finding:
    return Finding(
        role=role,
        title=f"There are {rows} rows.",
        severity="info",
        category="row_count",
        subject=Subject(table="data"),
        evidence=(Evidence(metric="rows", value=rows, sql="select count(*) from data"),),
        recommendation="Count them again tomorrow.",
    )


async def count_rows(examination: Examination) -> Sequence[Finding]:
    rows = await examination.use(row_count, table="data")
    return [count_finding(examination.task.role, rows)]


def counter(role: str) -> Specialist:
    return Specialist(role=role, title=role, tools=(row_count, event_rate), examine=count_rows)


def specialist(role: str, examine: Callable[[Examination], Awaitable[Sequence[Finding]]]):  # type: ignore[no-untyped-def]
    return Specialist(role=role, title=role, tools=(row_count, drop_everything), examine=examine)


async def never(examination: Examination) -> Sequence[Finding]:
    await asyncio.Event().wait()
    return []


async def stumble(examination: Examination) -> Sequence[Finding]:
    raise ZeroDivisionError("a bug of its own")


class NeverReleases:
    """A ledger that is out of reach whenever a claim is to be given up."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.claim, self.renew, self.record = ledger.claim, ledger.renew, ledger.record
        self.look_up, self.aclose = ledger.look_up, ledger.aclose

    async def release(self, claim: Claim) -> None:
        raise ConnectionLostError("The ledger does not answer.")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_every_specialist_answers_and_one_report_comes_out(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"), counter("two"))) as bus:
        report = await stage.report(bus, question="How many?")
    assert report.status == "complete"
    assert [(member.role, member.findings) for member in report.panel] == [("one", 1), ("two", 1)]
    assert report.datasets[0].rows == 50
    assert report.missing == ()
    assert report.question == "How many?"


async def test_the_plan_is_in_the_history_before_any_task(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        await stage.report(bus)
        records = await bus.history.query(HistoryQuery())
    types = [record.message_type.split(".")[1:3] for record in records]
    assert types.index(["analysis", "planned"]) < types.index(["task", "assigned"])
    assert types.index(["task", "assigned"]) < types.index(["task", "completed"])
    assert types[-2:] == [["report", "published"], ["report", "published"]]


async def test_an_absent_specialist_is_named_at_once(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        report = await stage.report(bus, panel=("one", "absent"))
    assert report.status == "partial"
    assert [missing.role for missing in report.missing] == ["absent"]
    assert "convener worker absent" in report.missing[0].reason


async def test_a_specialist_whose_workers_all_left_is_named_after_a_while(stage: Stage) -> None:
    panel = Panel(counter("one"), counter("gone"))
    async with stage.serving(panel, "gone"):
        pass
    async with stage.serving(panel, "orchestrator", "one") as bus:
        report = await stage.report(bus, gather=GatherPolicy(absent_timeout=0.1))
    assert report.status == "partial"
    assert "No worker is running" in report.missing[0].reason


async def test_a_slow_specialist_is_not_waited_for_past_its_time(stage: Stage) -> None:
    panel = Panel(counter("one"), specialist("slow", never))
    async with stage.serving(panel) as bus:
        report = await stage.report(bus, gather=GatherPolicy(task_timeout=1.0))
    assert (report.status, report.missing[0].role) == ("partial", "slow")
    assert "in time" in report.missing[0].reason


async def test_a_specialist_with_a_bug_is_parked_and_named_with_its_error(stage: Stage) -> None:
    panel = Panel(counter("one"), specialist("clumsy", stumble))
    async with stage.serving(panel) as bus:
        report = await stage.report(bus)
        (letter,) = await bus.dead_letters.list()
    assert report.status == "partial"
    assert "a bug of its own" in report.missing[0].reason
    assert letter.group == "agent.clumsy"


async def test_a_ledger_that_fails_while_a_claim_is_given_up_hides_no_other_failure(
    stage: Stage,
) -> None:
    panel = Panel(specialist("clumsy", stumble))
    async with stage.serving(panel) as bus:
        bus.ledger = NeverReleases(bus.ledger)
        report = await stage.report(bus)
        (letter,) = await bus.dead_letters.list()
    assert "a bug of its own" in report.missing[0].reason
    assert (letter.reason, letter.attempts) == ("failed", 1)


async def test_without_the_required_specialist_the_report_is_failed(stage: Stage) -> None:
    panel = Panel(counter("one"), specialist("clumsy", stumble))
    async with stage.serving(panel) as bus:
        report = await stage.report(bus, gather=GatherPolicy(required=("clumsy",)))
    assert report.status == "failed"


async def test_data_that_is_not_there_gives_a_failed_report_that_says_so(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        stage.data.unlink()
        report = await stage.report(bus)
    assert report.status == "failed"
    assert "orders.csv" in report.executive_summary


async def test_data_that_changed_after_the_plan_fails_the_task(stage: Stage) -> None:
    async def change_then_count(examination: Examination) -> Sequence[Finding]:
        return await count_rows(examination)

    panel = Panel(specialist("late", change_then_count))
    async with stage.serving(panel, "orchestrator") as bus:
        async with stage.serving(panel, "late"):
            pass
        async with request_analysis(bus, stage.request()) as pending:
            while not await bus.history.query(HistoryQuery(message_type="task.assigned")):
                await asyncio.sleep(0.01)
            stage.data.write_text("id,price\n1,1\n")
            for snapshot in (stage.data.parent / "cache").rglob("*.duckdb"):
                snapshot.unlink()
            async with stage.serving(panel, "late"):
                report = await asyncio.wait_for(pending.report(), BOUND)
    assert report.status == "failed"
    assert "changed" in report.missing[0].reason


async def test_the_same_id_with_other_content_is_refused_and_with_the_same_answered_again(
    stage: Stage,
) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        first = await stage.report(bus)
        (record,) = await bus.history.query(HistoryQuery(message_type="analysis.requested"))
        original = stage.request()
        changed = stage.request(question="Something else?")
        async with bus.collect(first.request_id) as replies:
            for content in (original, changed):
                await bus.publish(
                    content, to="analysis.requested", id=record.id, reply_to=bus.reply_topic
                )
            answers = [(await asyncio.wait_for(replies.get(), BOUND)).content for _ in range(2)]
    assert first in answers
    (fault,) = [answer for answer in answers if isinstance(answer, Fault)]
    assert "was used before" in fault.error


async def test_a_cancelled_request_ends_in_a_report_that_says_so(stage: Stage) -> None:
    async with (
        stage.serving(Panel(counter("one"), specialist("slow", never))) as bus,
        request_analysis(bus, stage.request(), watch=True) as pending,
    ):
        async for progressed in pending.progress():
            if (progressed.role, progressed.phase) == ("slow", "checking"):
                break
        await bus.publish(AnalysisCancelled(request_id=pending.request_id), to=CANCEL_TOPIC)
        report = await asyncio.wait_for(pending.report(), BOUND)
    assert report.status == "cancelled"


async def test_a_request_cancelled_before_anybody_took_it_is_never_worked_on(stage: Stage) -> None:
    panel = Panel(counter("one"))
    async with stage.serving(panel):
        pass
    async with connect(stage.url, registry=REGISTRY) as bus:
        async with request_analysis(bus, stage.request()) as pending:
            await bus.ledger.record(cancel_key(pending.request_id), b"cancelled")
            async with stage.serving(panel):
                report = await asyncio.wait_for(pending.report(), BOUND)
        calls = await bus.history.query(HistoryQuery(message_type="tool.called"))
    assert report.status == "cancelled"
    assert calls == []


async def test_every_tool_call_is_recorded_with_arguments_and_result(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        report = await stage.report(bus)
        records = await bus.history.query(HistoryQuery(message_type="tool.called"))
    calls = [ToolCalled.model_validate(parse(record.body).data) for record in records]
    by_tool = {call.tool: call for call in calls}
    assert {"pin_datasets", "time_columns", "row_count"} == set(by_tool)
    assert by_tool["row_count"].arguments == {"table": "data"}
    assert by_tool["row_count"].result == 50
    assert {call.request_id for call in calls} == {report.request_id}


async def test_a_tool_beyond_the_users_authority_is_denied_and_the_report_tells(
    stage: Stage,
) -> None:
    async def overreach(examination: Examination) -> Sequence[Finding]:
        await examination.use(drop_everything)
        return []

    async def reader(message: object, envelope: object) -> Principal:
        return Principal(subject="ada", scopes=frozenset({"read_data"}))

    panel = Panel(counter("one"), specialist("greedy", overreach))
    async with stage.serving(
        panel, authority=Verifying(reader, AnalysisRequested, TaskAssigned)
    ) as bus:
        report = await stage.report(bus)
        records = await bus.history.query(HistoryQuery(message_type="tool.called", text="greedy"))
    assert report.status == "partial"
    assert "lacks the permission" in report.missing[0].reason
    assert ToolCalled.model_validate(parse(records[0].body).data).status == "denied"


async def test_a_request_without_authority_is_refused_before_any_work(stage: Stage) -> None:
    async def nobody(message: object, envelope: object) -> Principal:
        raise NotPermittedError("There is no token.")

    async with stage.serving(
        Panel(counter("one")), authority=Verifying(nobody, AnalysisRequested)
    ) as bus:
        with pytest.raises(RequestFaultedError, match="no token"):
            await stage.report(bus)


async def test_a_stated_stream_gets_the_tools_for_streams(stage: Stage) -> None:
    async def list_tools(examination: Examination) -> Sequence[Finding]:
        for each in (row_count, event_rate):
            await examination.note(f"{each.name} {examination.has(each)}")
        with pytest.raises(ToolError):
            await examination.use(drop_everything)
        return []

    one = Specialist(
        role="one",
        title="One",
        tools=(row_count, event_rate),
        examine=list_tools,
        questions={"streaming": ("How fast?",), "batch": ("How big?",)},
    )
    async with stage.serving(Panel(one)) as bus:
        streamed = await stage.report(
            bus, characteristics=Characteristics(processing_type="streaming")
        )
        batch = await stage.report(bus)
        plans = await bus.history.query(HistoryQuery(message_type="analysis.planned"))
    assert streamed.route is not None
    assert streamed.route.kind == "streaming"
    assert streamed.panel[0].notes == ("row_count True", "event_rate True")
    assert batch.panel[0].notes == ("row_count True", "event_rate False")
    questions = [
        AnalysisPlanned.model_validate(parse(plan.body).data).assignments[0].questions
        for plan in plans
    ]
    assert questions == [("How fast?",), ("How big?",)]


async def test_the_history_tells_how_a_request_went(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        report = await stage.report(bus)
        recorded = await find_request(bus, report.request_id[:8])
    assert recorded.state == "complete"
    assert recorded.roles == {"one": "1 findings"}
    assert recorded.report == report


async def test_equal_data_gives_an_equal_digest(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"), counter("two"))) as bus:
        first, second = await stage.report(bus), await stage.report(bus)
    assert first.request_id != second.request_id
    assert first.digest() == second.digest()


async def test_a_task_whose_tools_are_all_cut_off_is_put_off_until_they_are_back(
    stage: Stage,
) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        assert stage.service is not None
        breaker = stage.service.breakers["row_count"]
        breaker._breaker._open(bus.clock.monotonic())
        assert breaker.circuit == "open"
        report = await stage.report(bus)
        plans = await bus.history.query(HistoryQuery(message_type=AnalysisPlanned.message_type))
        assert await bus.dead_letters.list() == []
    assert '"unavailable":["row_count"]' in plans[0].body.decode()
    assert report.status == "complete"
    assert report.panel[0].fallback_level == "full"


async def test_a_task_whose_tools_stay_cut_off_says_so(stage: Stage) -> None:
    async with stage.serving(Panel(counter("one"), specialist("two", count_rows))) as bus:
        assert stage.service is not None
        stage.service.breakers["row_count"].force("forced_open")
        report = await stage.report(bus, deadline=25)
    assert report.status == "failed"
    assert all("row_count is unavailable" in each.reason for each in report.missing)


async def test_a_tool_that_is_cut_off_costs_its_findings_and_not_the_task(stage: Stage) -> None:
    async def with_care(examination: Examination) -> Sequence[Finding]:
        if examination.has(row_count):
            return await count_rows(examination)
        return []

    async with stage.serving(Panel(specialist("careful", with_care))) as bus:
        assert stage.service is not None
        stage.service.breakers["row_count"].force("forced_open")
        report = await stage.report(bus, deadline=25)
    assert report.status == "partial"
    (member,) = report.panel
    assert member.fallback_level == "degraded"
    assert member.notes == ("row_count is cut off, and what it measures was not examined.",)


async def test_the_first_report_in_the_history_stands_and_a_later_one_is_superseded(
    stage: Stage,
) -> None:
    async with stage.serving(Panel(counter("one"))) as bus:
        report = await stage.report(bus)
        assert (await find_request(bus, report.request_id)).superseded == 0
        (asked,) = await bus.history.query(HistoryQuery(message_type="analysis.requested"))
        cause = read(asked)
        await bus.announce(report, cause=cause)
        await bus.announce(report.model_copy(update={"executive_summary": "No."}), cause=cause)
        recorded = await find_request(bus, report.request_id)
    assert recorded.report == report
    assert recorded.superseded == 1
