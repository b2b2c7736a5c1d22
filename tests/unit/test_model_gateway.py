"""Through the gateway nothing is paid twice or beyond the budget, and everything is recorded."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreakers
from agents.domain.breaker import BreakerPolicy
from agents.domain.call import ModelCalled, PromptUsed
from agents.domain.usage import Budget, Price, Usage
from agents.errors import (
    BudgetExhaustedError,
    ModelAnswerError,
    ModelError,
    ModelRefusedError,
    ModelThrottledError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agents.model import Brief, OfferedTool, ToolAnswer
from agents.reasoning.model_gateway import RETRIES, ModelGateway, Reasoner
from agents.reasoning.purse import Purse
from agents.throttles.local import LocalThrottle
from bus import AgentMessage, Fault, MessageId, Principal
from bus.clock import SystemClock
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite.database import Database
from tests.support.fake_model import FakeModel, Said

ADA = Principal(subject="ada", scopes=frozenset({"read_data"}))
BOB = Principal(subject="bob", scopes=frozenset({"read_data"}))


class Word(BaseModel):
    """An answer."""

    word: str


BRIEF = Brief(system="Answer.", material="<data>", answer=Word, max_output_tokens=500)


class Desk:
    """A gateway with everything around it, and what it recorded."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.clock = SystemClock()
        self.recorded: list[ModelCalled] = []
        self.answers: list[Said] = []
        self.model = FakeModel(self._next)
        self.cache = ResponseCache(store=None, clock=self.clock)
        self.throttle = LocalThrottle(clock=self.clock)
        self.ledger = ledger
        self.gateway = ModelGateway(
            model=self.model,
            cache=self.cache,
            throttle=self.throttle,
            breakers=CircuitBreakers(
                clock=self.clock,
                listener=lambda change: None,
                policy=BreakerPolicy(consecutive_failures=4),
            ),
            prices={"fake": Price(input=1.0, output=10.0)},
            clock=self.clock,
            record=self._record,
        )

    async def reasoner(self, budget: Budget | None = None, **changes: Any) -> Reasoner:
        purse = await Purse.open(
            self.ledger, changes.pop("account", "t"), budget or Budget(), self.gateway.price
        )
        fields: dict[str, Any] = {
            "name": "security",
            "message": AgentMessage(
                id=MessageId("m"),
                sender="s",
                recipient="r",
                content=Fault(reason="failed", error=""),
                timestamp=self.clock.now(),
            ),
            "principal": ADA,
            "deadline": self.clock.now() + timedelta(seconds=30),
            "purpose": "examine",
            "prompt": PromptUsed(name="security.batch.md", version="abc"),
            "purse": purse,
            "task_id": "t",
        }
        return Reasoner(**(fields | changes))

    async def ask(self, reasoner: Reasoner | None = None, brief: Brief[Word] = BRIEF) -> Word:
        return await self.gateway.ask(
            brief, reasoner=reasoner or await self.reasoner(), listen=lambda text: None
        )

    def _next(self, brief: Brief[Any]) -> Said:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _record(self, called: ModelCalled, cause: AgentMessage[Any]) -> None:
        self.recorded.append(called)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("agents.reasoning.model_gateway.BACK_OFF", 0.001)
    async with await Database.open(":memory:") as database:
        desk = Desk(SqliteLedger(database, clock=SystemClock()))
        desk.answers = [{"word": "yes"}]
        yield desk


async def test_an_exchange_is_recorded_with_prompt_input_output_tokens_and_cost(desk: Desk) -> None:
    assert (await desk.ask()).word == "yes"
    (called,) = desk.recorded
    assert called.status == "succeeded"
    assert called.prompt == PromptUsed(name="security.batch.md", version="abc")
    assert called.input == [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "<data>"},
    ]
    assert called.output == {"word": "yes"}
    assert (called.usage.input_tokens, called.usage.output_tokens) == (100, 20)
    assert called.usage.cost == pytest.approx(100e-6 + 200e-6)
    assert (called.attempts, called.source) == (1, "made")


async def test_what_is_known_is_not_paid_again(desk: Desk) -> None:
    await desk.ask()
    reasoner = await desk.reasoner()
    await desk.ask(reasoner)
    assert len(desk.model.calls) == 1
    assert desk.recorded[1].source == "memory"
    assert desk.recorded[1].usage == Usage()
    assert (reasoner.purse.used.saved_calls, reasoner.purse.used.tokens) == (1, 0)


async def test_many_at_the_same_time_make_one_call(desk: Desk) -> None:
    await asyncio.gather(*(desk.ask() for _ in range(50)))
    assert len(desk.model.calls) == 1
    assert sorted(called.source for called in desk.recorded).count("made") == 1
    assert sum(called.usage.calls for called in desk.recorded) == 1


@pytest.mark.parametrize(
    "changes",
    [{"principal": BOB}, {"principal": Principal(subject="ada", scopes=frozenset())}],
    ids=["another user", "other scopes"],
)
async def test_an_answer_is_not_shown_to_somebody_else(desk: Desk, changes: dict[str, Any]) -> None:
    await desk.ask()
    await desk.ask(await desk.reasoner(**changes))
    assert len(desk.model.calls) == 2


async def test_a_fresh_question_is_asked_anew(desk: Desk) -> None:
    await desk.ask()
    await desk.ask(await desk.reasoner(is_fresh=True))
    assert len(desk.model.calls) == 2


async def test_an_exchange_that_an_error_of_a_tool_shaped_is_not_kept(desk: Desk) -> None:
    async def fail(arguments: object) -> ToolAnswer:
        return ToolAnswer(text="It is unavailable.", is_error=True)

    tool = OfferedTool(
        name="look", description="", parameters={}, call=fail, is_available=lambda: True
    )
    desk.model.looks_up = [("look", {})]
    brief = Brief(system="s", material="m", answer=Word, tools=(tool,))
    await desk.ask(brief=brief)
    await desk.ask(brief=brief)
    assert len(desk.model.calls) == 2


async def test_a_failing_provider_is_asked_again_and_then_given_up(desk: Desk) -> None:
    desk.answers = [ModelUnavailableError("down"), {"word": "late"}]
    assert (await desk.ask()).word == "late"
    assert desk.recorded[0].attempts == 2
    desk.answers = [ModelUnavailableError("down")]
    with pytest.raises(ModelUnavailableError, match="down"):
        await desk.ask(await desk.reasoner(principal=BOB))
    assert desk.recorded[1].attempts == RETRIES + 1
    assert (desk.recorded[1].status, desk.recorded[1].error) == ("failed", "down")


async def test_an_open_circuit_ends_the_retries_and_calls_nothing(desk: Desk) -> None:
    desk.answers = [ModelUnavailableError("down")]
    for _ in range(2):
        with pytest.raises(ModelUnavailableError):
            await desk.ask()
    calls = len(desk.model.calls)
    with pytest.raises(ModelUnavailableError, match=r"left alone .* It last failed so: down"):
        await desk.ask()
    assert len(desk.model.calls) == calls == 4
    assert desk.recorded[-1].status == "circuit_open"
    assert desk.gateway.retry_after > 0


@pytest.mark.parametrize(
    "error",
    [ModelRefusedError("no key"), ModelAnswerError("garbage")],
    ids=lambda e: type(e).__name__,
)
async def test_the_callers_mistakes_and_bad_answers_are_not_tried_again_nor_held_against_the_model(
    desk: Desk, error: ModelError
) -> None:
    desk.answers = [error]
    for _ in range(6):
        with pytest.raises(type(error)):
            await desk.ask()
    assert len(desk.model.calls) == 6
    assert desk.gateway.retry_after == 0


async def test_a_pause_that_the_provider_asks_for_is_kept_by_all_and_then_it_is_asked_again(
    desk: Desk,
) -> None:
    desk.answers = [ModelThrottledError("slow down", retry_after=0.2), {"word": "now"}]
    started = desk.clock.monotonic()
    asked = [desk.ask(), desk.ask(await desk.reasoner(principal=BOB))]
    assert [answer.word for answer in await asyncio.gather(*asked)] == ["now", "now"]
    assert desk.clock.monotonic() - started >= 0.2
    assert max(called.waited for called in desk.recorded) >= 0.2
    assert desk.gateway.retry_after == 0


async def test_a_pause_longer_than_the_task_has_time_is_not_waited_for(desk: Desk) -> None:
    desk.answers = [ModelThrottledError("slow down", retry_after=3600)]
    with pytest.raises(ModelThrottledError, match="longer"):
        await desk.ask()
    assert desk.recorded[0].status == "throttled"


async def test_no_call_goes_out_that_the_budget_does_not_cover(desk: Desk) -> None:
    reasoner = await desk.reasoner(Budget(tokens=100))
    with pytest.raises(BudgetExhaustedError):
        await desk.ask(reasoner)
    assert desk.model.calls == []
    assert desk.recorded[0].status == "over_budget"


async def test_an_answer_is_kept_as_short_as_the_budget_wants_and_not_kept_for_others(
    desk: Desk,
) -> None:
    await desk.ask(await desk.reasoner(Budget(tokens=400)))
    (allowed,) = desk.model.allowed
    assert 64 <= allowed < 400
    await desk.ask()
    assert desk.model.allowed[1] == 500


async def test_a_known_answer_is_free_also_without_any_budget(desk: Desk) -> None:
    await desk.ask()
    assert (await desk.ask(await desk.reasoner(Budget(tokens=0)))).word == "yes"


async def test_calls_whose_cost_nobody_knows_use_up_the_budget(desk: Desk) -> None:
    desk.answers = [ModelUnavailableError("cut in the middle")]
    reasoner = await desk.reasoner(Budget(tokens=1_200))
    with pytest.raises(BudgetExhaustedError):
        await desk.ask(reasoner)
    assert len(desk.model.calls) == 1
    assert 500 < reasoner.purse.charged.tokens <= 1_200
    assert reasoner.purse.used == Usage()


async def test_the_end_of_anothers_time_is_not_the_end_of_ours(desk: Desk) -> None:
    desk.model.lingers = 0.3
    hasty = await desk.reasoner(deadline=desk.clock.now() + timedelta(seconds=0.1))
    first = asyncio.create_task(desk.ask(hasty))
    await asyncio.sleep(0)
    second = asyncio.create_task(desk.ask())
    with pytest.raises(ModelTimeoutError):
        await first
    assert (await second).word == "yes"


async def test_a_task_without_time_asks_nothing(desk: Desk) -> None:
    with pytest.raises(ModelTimeoutError):
        await desk.ask(await desk.reasoner(deadline=desk.clock.now() - timedelta(seconds=1)))
    assert desk.model.calls == []


async def test_a_cancelled_call_is_recorded_as_such(desk: Desk) -> None:
    entered = asyncio.Event()

    async def stall(*_: object) -> bool:
        entered.set()
        return await asyncio.Event().wait()

    desk.throttle.pause_left = stall  # type: ignore[method-assign, assignment]
    asking = asyncio.create_task(desk.ask())
    await entered.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert desk.recorded[0].status == "cancelled"


async def test_a_record_that_cannot_be_written_fails_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bus import UnconfirmedError

    async def refuse(*_: object) -> None:
        raise UnconfirmedError("no")

    monkeypatch.setattr(desk.gateway, "_record", refuse)
    assert (await desk.ask()).word == "yes"
