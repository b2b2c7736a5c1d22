"""A panel whose specialists have a model: what it says is held to the evidence, whatever fails."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from agents import (
    Datasets,
    Evidence,
    Examination,
    Finding,
    Panel,
    Specialist,
    Subject,
    request_analysis,
)
from agents.caching.response_cache import ResponseCache
from agents.domain.call import ModelCalled
from agents.domain.finding import Severity
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled
from agents.domain.task import TaskAssigned
from agents.domain.usage import Budget, Price
from agents.errors import (
    ModelAnswerError,
    ModelError,
    ModelOverflowError,
    ModelRefusedError,
    ModelUnavailableError,
)
from agents.examination.consultation import Answers, Assessment
from agents.messages import CANCEL_TOPIC
from agents.model import Brief
from agents.orchestration.chair import Integration
from agents.reasoning.prompt import Prompts, load_prompts
from agents.reasoning.reasoning import ModelKit
from agents.throttles.local import LocalThrottle
from agents.tool import tool
from bus import ConnectionLostError, HistoryQuery, Ledger, MessageBus, task_group
from bus.clock import SystemClock
from tests.support.fake_model import FakeModel, Said
from tests.support.stage import BOUND, Stage

CLOCK = SystemClock()
PROMPTS = load_prompts()
OTHER_PROMPTS = Prompts({**PROMPTS.texts, "rules.md": "Be brief."})


@tool(permission="read_data")
async def largest_price(data: Datasets, table: str) -> float:
    """Find the largest price."""
    ((value,),) = await data.query(f'SELECT max(price) FROM "{table}"')
    return float(value)


def finding(role: str, category: str, severity: Severity = "high", rows: int = 48) -> Finding:
    return Finding(
        role=role,
        title=f"{role} sees {rows} rows.",
        severity=severity,
        category=category,
        subject=Subject(table="data", column="id"),
        evidence=(Evidence(metric="rows", value=rows),),
        rows=rows,
        recommendation=f"Do what {role} wants.",
    )


def sees(role: str, category: str, severity: Severity = "high") -> Specialist:
    async def examine(examination: Examination) -> Sequence[Finding]:
        return [finding(role, category, severity)]

    return Specialist(role=role, title=f"The {role}", tools=(largest_price,), examine=examine)


ONE = Panel(sees("security", "personal_data"))
TWO = Panel(sees("security", "personal_data"), sees("data_quality", "duplicate_key"))
SECURITY = finding("security", "personal_data").id
QUALITY = finding("data_quality", "duplicate_key").id

NOTHING: Mapping[type[Any], Said] = {
    Assessment: {"claims": []},
    Answers: {"answers": []},
    Integration: {"narrative": [], "themes": [], "opportunities": [], "recommendations": []},
}


def statement(text: str, *cites: str) -> JsonValue:
    return {"text": text, "cites": list(cites)}


def claims(*said: JsonValue) -> Said:
    return {"claims": list(said)}


class Cast:
    """A model that says `said` by the kind of answer, or what `failures` hold first."""

    def __init__(self, said: Mapping[type[Any], Said] | None = None) -> None:
        self.said: dict[type[Any], Said] = {**NOTHING, **(said or {})}
        self.failures: list[ModelError] = []
        self.model = FakeModel(self._say)
        self.cache = ResponseCache(store=None, clock=CLOCK)
        self.kit = ModelKit(
            model=self.model,
            prompts=PROMPTS,
            throttle=LocalThrottle(clock=CLOCK),
            prices={"fake": Price(input=1.0, output=1.0)},
        )

    def _say(self, brief: Brief[Any]) -> Said:
        if self.failures:
            return self.failures.pop(0) if len(self.failures) > 1 else self.failures[0]
        return self.said[brief.answer]

    def asked(self, answer: type[Any]) -> int:
        return sum(brief.answer is answer for brief in self.model.calls)


class FailsOnce:
    """A ledger that is out of reach the first time something is recorded under `prefix`."""

    def __init__(self, ledger: Ledger, prefix: str) -> None:
        self._ledger, self._prefix = ledger, prefix
        self.has_failed = False
        self.claim, self.renew, self.release = ledger.claim, ledger.renew, ledger.release
        self.look_up, self.aclose = ledger.look_up, ledger.aclose

    async def record(self, key: str, value: bytes) -> bytes:
        if key.startswith(self._prefix) and not self.has_failed:
            self.has_failed = True
            raise ConnectionLostError("The ledger does not answer.")
        return await self._ledger.record(key, value)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.reasoning.model_gateway.BACK_OFF", 0.001)


async def reported(stage: Stage, cast: Cast, panel: Panel = ONE, **details: Any) -> ReportPublished:
    async with stage.serving(panel, kit=cast.kit, cache=cast.cache) as bus:
        return await stage.report(bus, **details)


async def model_calls(bus: MessageBus) -> list[ModelCalled]:
    from agents.recorded import read

    records = await bus.history.query(HistoryQuery(message_type=ModelCalled.message_type))
    messages = [read(record) for record in records]
    return [message.content for message in messages if message is not None]


async def test_what_a_model_says_stands_in_the_report_with_what_it_cites(stage: Stage) -> None:
    cast = Cast(
        {
            Assessment: claims(statement("48 rows tell about persons.", SECURITY)),
            Integration: {
                "narrative": [statement("Nothing can be shared yet.", f"{SECURITY}.1")],
                "themes": [{"title": "Keys", "explanation": "One cause.", "cites": [SECURITY]}],
                "opportunities": [],
                "recommendations": [
                    {
                        "action": "Hash the id.",
                        "cites": [f"{SECURITY}.1"],
                        "impact": "high",
                        "effort": "low",
                        "guidance": "Use a key.",
                        "success_metric": "0 ids in 30 days",
                        "monitoring": "A check at each load.",
                    }
                ],
            },
        }
    )
    report = await reported(stage, cast)
    assert report.status == "complete"
    assert report.model == "openai:fake"
    (member,) = report.panel
    assert [claim.text for claim in member.claims] == ["48 rows tell about persons."]
    assert [claim.text for claim in report.narrative] == ["Nothing can be shared yet."]
    assert report.themes[-1].origin == "model"
    advice = report.recommendations[-1]
    assert (advice.origin, advice.finding_ids) == ("model", (SECURITY,))
    assert advice.owner_role == "security"
    assert advice.rank == len(report.recommendations)
    assert report.run.usage["security"].tokens == 120
    assert report.run.usage["orchestrator"].cost == pytest.approx(120e-6)


async def test_what_cites_nothing_that_exists_is_dropped_and_counted(stage: Stage) -> None:
    cast = Cast(
        {
            Assessment: claims(
                statement("Made up.", "no-such-id"),
                statement("99 rows.", SECURITY),
                statement("It matters.", SECURITY),
                statement("No source."),
            ),
            Integration: {
                **NOTHING[Integration],  # type: ignore[dict-item]
                "narrative": [statement("Made up.", "nothing")],
                "themes": [{"title": "t", "explanation": "e", "cites": ["nothing"]}],
            },
        }
    )
    report = await reported(stage, cast)
    (member,) = report.panel
    assert [claim.text for claim in member.claims] == ["It matters."]
    assert member.dropped_claims == 3
    assert (report.narrative, report.dropped_claims) == ((), 2)
    assert report.status == "complete"


async def test_a_model_looks_something_up_and_cites_the_measurement(stage: Stage) -> None:
    cast = Cast()
    cast.model.looks_up = [("largest_price", {"table": "data"})]

    def cite(brief: Brief[Any]) -> Said:
        if brief.answer is not Assessment:
            return NOTHING[brief.answer]
        id = cast.model.tool_answers[0].split('"')[3]
        return claims(statement("The largest price is 98.", id))

    cast.model.script = cite
    report = await reported(stage, cast)
    (member,) = report.panel
    assert [claim.text for claim in member.claims] == ["The largest price is 98."]
    (measurement,) = member.measurements
    assert (measurement.tool, measurement.result) == ("largest_price", "98.0")
    assert member.claims[0].cites == (measurement.id,)


async def test_a_model_and_the_history_see_nothing_personal_of_what_is_looked_up(
    stage: Stage,
) -> None:
    @tool(permission="read_data")
    async def contacts(data: Datasets) -> list[str]:
        """Whom to write to."""
        return ["ada.lovelace@analytical.example", "nobody in particular"]

    cast = Cast()
    cast.model.looks_up = [("contacts", {})]
    curious = replace(sees("security", "personal_data"), tools=(contacts,))
    async with stage.serving(Panel(curious), kit=cast.kit, cache=cast.cache) as bus:
        await stage.report(bus)
        records = await bus.history.query(HistoryQuery())
    assert "nobody in particular" in cast.model.tool_answers[0]
    assert "lovelace" not in cast.model.tool_answers[0]
    assert not [record for record in records if b"lovelace" in record.body]


async def test_a_wrong_call_of_a_model_is_told_to_it_and_harms_nothing(stage: Stage) -> None:
    cast = Cast()
    cast.model.looks_up = [("largest_price", {"tabel": "data"})]
    report = await reported(stage, cast)
    assert "called wrongly" in cast.model.tool_answers[0]
    assert report.panel[0].fallback_level == "full"
    assert stage.service is not None
    assert stage.service.gateway.is_available("largest_price")


async def test_a_tool_whose_circuit_is_open_is_not_offered(stage: Stage) -> None:
    cast = Cast()
    cast.model.looks_up = [("largest_price", {"table": "data"})]
    async with stage.serving(ONE, kit=cast.kit) as bus:
        assert stage.service is not None
        stage.service.breakers["largest_price"].force("forced_open")
        await stage.report(bus)
    assert cast.model.tool_answers == []


async def test_both_sides_of_a_conflict_are_asked_once_more_and_the_report_shows_it(
    stage: Stage,
) -> None:
    def answer(brief: Brief[Any]) -> Said:
        if brief.answer is not Answers:
            return NOTHING[brief.answer]
        name = brief.material.split('"dispute":"')[1].split('"')[0]
        mine = SECURITY if "The security" in brief.system else QUALITY
        stance = "insists" if mine == SECURITY else "accepts"
        said = {"dispute": name, "stance": stance, "text": f"Because of {stance}.", "cites": [mine]}
        return {"answers": [said]}

    cast = Cast()
    cast.model.script = answer
    report = await reported(stage, cast, TWO)
    (conflict,) = report.conflicts
    assert conflict.is_settled
    assert conflict.resolution.startswith("Security goes first")
    assert [(each.role, each.stance, each.text) for each in conflict.positions] == [
        ("data_quality", "accepts", "Because of accepts."),
        ("security", "insists", "Because of insists."),
    ]
    assert cast.asked(Answers) == 2


async def test_what_both_insist_on_is_asked_a_second_time_and_then_left_to_a_person(
    stage: Stage,
) -> None:
    def insist(brief: Brief[Any]) -> Said:
        if brief.answer is not Answers:
            return NOTHING[brief.answer]
        name = brief.material.split('"dispute":"')[1].split('"')[0]
        mine = SECURITY if "The security" in brief.system else QUALITY
        said = {"dispute": name, "stance": "insists", "text": "I must.", "cites": [mine]}
        return {"answers": [said]}

    cast = Cast()
    cast.model.script = insist
    report = await reported(stage, cast, TWO)
    (conflict,) = report.conflicts
    assert not conflict.is_settled
    assert conflict.resolution.startswith("Not settled")
    assert cast.asked(Answers) == 4


async def test_without_a_model_conflicts_are_settled_by_rule_over_the_bus(stage: Stage) -> None:
    async with stage.serving(TWO) as bus:
        report = await stage.report(bus)
        records = await bus.history.query(HistoryQuery(message_type=TaskAssigned.message_type))
    (conflict,) = report.conflicts
    assert conflict.is_settled
    assert {each.role for each in conflict.positions} == {"security", "data_quality"}
    assert len(records) == 4
    assert report.model is None


@pytest.mark.parametrize(
    "failure", [ModelAnswerError("garbage"), ModelOverflowError("too long")], ids=["bad", "long"]
)
async def test_a_model_that_fails_on_all_is_asked_less(stage: Stage, failure: ModelError) -> None:
    def fail_with_tools(brief: Brief[Any]) -> Said:
        if brief.answer is Assessment and brief.tools:
            return failure
        return cast.said[brief.answer]

    cast = Cast({Assessment: claims(statement("It matters.", SECURITY))})
    cast.model.script = fail_with_tools
    report = await reported(stage, cast)
    (member,) = report.panel
    assert member.fallback_level == "simplified"
    assert [each.level for each in member.fallbacks] == ["simplified"]
    assert str(failure) in member.fallbacks[0].reason
    assert len(member.claims) == 1
    assert report.status == "complete"


async def test_when_the_model_is_gone_its_earlier_answer_stands_in_with_its_age(
    stage: Stage,
) -> None:
    cast = Cast({Assessment: claims(statement("It matters.", SECURITY))})
    await reported(stage, cast)
    cast.failures = [ModelUnavailableError("The model is down.")]
    report = await reported(stage, cast)
    (member,) = report.panel
    # The exchange itself is still known, so nothing was needed from the model.
    assert member.fallback_level == "full"
    cast.kit = replace(cast.kit, prompts=OTHER_PROMPTS)
    report = await reported(stage, cast)
    (member,) = report.panel
    assert member.fallback_level == "cached"
    assert [claim.text for claim in member.claims] == ["It matters."]
    (fallback,) = member.fallbacks
    assert "The model is down." in fallback.reason
    assert "ago stands in" in fallback.reason
    assert report.status == "complete"


@pytest.mark.parametrize(
    "failure",
    [ModelUnavailableError("The model is down."), ModelRefusedError("The key is wrong.")],
    ids=["down", "refused"],
)
async def test_without_any_answer_the_findings_stand_and_the_report_is_partial(
    stage: Stage, failure: ModelError
) -> None:
    cast = Cast()
    cast.failures = [failure]
    report = await reported(stage, cast, TWO)
    assert report.status == "partial"
    assert report.model is None
    assert {member.fallback_level for member in report.panel} == {"partial"}
    assert len(report.findings) == 2
    assert all(member.fallbacks[-1].reason for member in report.panel)
    assert report.fallbacks[-1].level == "partial"
    assert report.conflicts[0].is_settled


async def test_a_budget_is_kept_and_its_end_gives_a_partial_report(stage: Stage) -> None:
    cast = Cast()
    report = await reported(stage, cast, TWO, budget={"tokens": 500})
    assert cast.model.calls == []
    assert report.status == "partial"
    assert "budget" in report.panel[0].fallbacks[-1].reason
    assert report.run.budget == Budget(tokens=500)


@pytest.mark.parametrize("tokens", [6_000, 12_000, 25_000, 100_000])
async def test_whatever_the_budget_it_is_never_exceeded(stage: Stage, tokens: int) -> None:
    cast = Cast()
    cast.model.looks_up = [("largest_price", {"table": "data"})]
    report = await reported(stage, cast, TWO, budget={"tokens": tokens})
    assert sum(usage.tokens for usage in report.run.usage.values()) <= tokens


async def test_a_synthesis_that_is_recorded_is_not_paid_for_again(stage: Stage) -> None:
    cast = Cast({Assessment: claims(statement("It matters.", SECURITY))})
    async with stage.serving(ONE, kit=cast.kit, cache=cast.cache) as bus:
        bus.ledger = ledger = FailsOnce(bus.ledger, "report:")
        report = await stage.report(bus)
    assert ledger.has_failed
    assert report.status == "complete"
    assert cast.asked(Integration) == 1


async def test_every_exchange_is_in_the_history_with_the_prompt_it_was_made_with(
    stage: Stage,
) -> None:
    cast = Cast()
    async with stage.serving(TWO, kit=cast.kit) as bus:
        await stage.report(bus)
        calls = await model_calls(bus)
    by_purpose = sorted((call.caller, call.purpose, call.prompt.name) for call in calls)
    assert by_purpose == [
        ("data_quality", "examine", "data_quality.batch.md"),
        ("data_quality", "settle", "dispute.md"),
        ("orchestrator", "synthesise", "synthesis.batch.md"),
        ("security", "examine", "security.batch.md"),
        ("security", "settle", "dispute.md"),
    ]
    assert all(call.prompt.version for call in calls)


async def test_who_watches_hears_which_model_is_asked_and_what_it_writes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.progress.INTERVAL", 0.01)
    text = "Persons can be told apart by it."
    cast = Cast({Assessment: claims(statement(text, SECURITY))})
    cast.model.lingers = 0.3
    heard: list[str] = []
    async with (
        stage.serving(ONE, kit=cast.kit) as bus,
        request_analysis(bus, stage.request(), watch=True) as pending,
    ):

        async def listen() -> None:
            async for progressed in pending.progress():
                heard.append(progressed.text)  # noqa: PERF401  (it is read while it grows)

        async with task_group() as tasks:
            listening = tasks.create_task(listen())
            await pending.report()
            listening.cancel()
    assert "openai:fake" in heard
    assert text in heard


@pytest.mark.parametrize("asked", [Assessment, Integration], ids=["a specialist", "the chair"])
async def test_an_order_to_cancel_stops_a_model_that_is_being_asked(
    stage: Stage, asked: type[Any]
) -> None:
    cast = Cast()
    cast.model.lingers_for = asked
    async with (
        stage.serving(ONE, kit=cast.kit) as bus,
        request_analysis(bus, stage.request()) as pending,
    ):
        await asyncio.wait_for(cast.model.is_lingering.wait(), BOUND)
        order = AnalysisCancelled(request_id=pending.request_id)
        await bus.publish(order, to=CANCEL_TOPIC)
        report = await asyncio.wait_for(pending.report(), BOUND)
    assert report.status == "cancelled"
    assert report.model is None or asked is Integration
