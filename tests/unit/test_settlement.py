"""The settlement table, row by row; what uses up an attempt; what a shutdown hands back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus import (
    AgentMessage,
    BusError,
    ConnectionLostError,
    Context,
    MessageBus,
    Payload,
    Registry,
    RequestTimeoutError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    UnconfirmedError,
    connect,
)
from bus.domain.retry import RetryPolicy
from bus.domain.settlement import (
    Acknowledge,
    DeliveryLost,
    Failed,
    HandBack,
    Leave,
    OutageMet,
    Outcome,
    Park,
    PostponeWanted,
    RequestCancelled,
    Retry,
    RetryWanted,
    Returned,
    Settlement,
    ShutDown,
    settle,
)

POLICY = RetryPolicy(max_attempts=3, base_delay=2.0, max_delay=5.0, spread=0.5)


@pytest.mark.parametrize(
    ("outcome", "attempt", "settlement"),
    [
        (Returned(), 1, Acknowledge()),
        (RetryWanted("busy"), 1, Retry(2.0)),
        (RetryWanted("busy"), 2, Retry(4.0)),
        (RetryWanted("busy", delay=9.0), 2, Retry(9.0)),
        (RetryWanted("busy"), 3, Park("attempts_exhausted", "busy")),
        (PostponeWanted(7.0), 3, Retry(7.0, counted=False)),
        (OutageMet("Redis is gone"), 1, Retry(2.0, counted=False)),
        (OutageMet("Redis is gone"), 3, Retry(5.0, counted=False)),
        (Failed("expired", "late"), 1, Park("expired", "late")),
        (RequestCancelled(), 1, Acknowledge(cancelled=True)),
        (ShutDown(), 2, HandBack()),
        (DeliveryLost(), 1, Leave()),
    ],
)
def test_every_outcome_has_its_settlement(
    outcome: Outcome, attempt: int, settlement: Settlement
) -> None:
    assert settle(outcome, attempt=attempt, policy=POLICY, jitter=0.0) == settlement


def test_jitter_shortens_a_delay_by_at_most_the_spread() -> None:
    assert POLICY.delay(1, 0.0) == 2.0
    assert POLICY.delay(1, 1.0) == 1.0
    assert POLICY.delay(50, 0.0) == 5.0


class Asked(Payload):
    message_type = "test.question.asked.v1"


BOUND = 10.0
QUICK = RetryPolicy(max_attempts=2, base_delay=0.0)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[MessageBus]:
    async with connect(f"sqlite:///{tmp_path}/bus.db", registry=Registry(Asked)) as opened:
        yield opened


class Failing:
    """A handler that raises `error` the first `times` it is called."""

    def __init__(self, error: BusError, times: int) -> None:
        self.attempts: list[int] = []
        self.succeeded = asyncio.Event()
        self._error = error
        self._times = times

    async def __call__(self, message: AgentMessage[Asked], context: Context) -> None:
        self.attempts.append(context.attempt)
        if len(self.attempts) <= self._times:
            raise self._error
        self.succeeded.set()


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLostError("Redis does not answer."),
        UnconfirmedError("No confirmation came."),
        StoreLockedError("The file is held."),
        StoreFullError("The disk is full."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_outage_of_the_bus_costs_time_and_no_attempt(
    bus: MessageBus, error: BusError
) -> None:
    handler = Failing(error, times=QUICK.max_attempts + 2)
    async with bus.serve("questions", handler, group="answerers", policy=QUICK):
        await bus.publish(Asked(), to="questions")
        async with asyncio.timeout(BOUND):
            await handler.succeeded.wait()
    assert handler.attempts == [1] * (QUICK.max_attempts + 3)
    assert await bus.dead_letters.list() == []


@pytest.mark.parametrize(
    ("error", "attempts", "reason"),
    [
        (RequestTimeoutError("Nobody answered."), [1, 2], "attempts_exhausted"),
        (StoreError("It is broken for good."), [1], "failed"),
    ],
    ids=["retryable_but_not_an_outage", "an_outage_for_good"],
)
async def test_whatever_else_fails_is_parked_in_the_end(
    bus: MessageBus, error: BusError, attempts: list[int], reason: str
) -> None:
    handler = Failing(error, times=10)
    async with bus.serve("questions", handler, group="answerers", policy=QUICK):
        await bus.publish(Asked(), to="questions")
        async with asyncio.timeout(BOUND):
            while not (letters := await bus.dead_letters.list()):
                await asyncio.sleep(0.01)
    assert [letter.reason for letter in letters] == [reason]
    assert handler.attempts == attempts


class Lingering:
    """A handler that ends when it is let go, and says how it ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.let_go = asyncio.Event()
        self.finished = False

    async def __call__(self, message: AgentMessage[Asked], context: Context) -> None:
        self.started.set()
        await self.let_go.wait()
        self.finished = True


async def test_a_running_handler_has_its_grace_although_it_is_stopped_again(
    bus: MessageBus,
) -> None:
    handler = Lingering()
    async with bus.serve("questions", handler, group="answerers", grace=BOUND) as consumer:
        await bus.publish(Asked(), to="questions")
        await asyncio.wait_for(handler.started.wait(), BOUND)
        consumer.stop()
        consumer.stop()
        # After several turns of the loop: leaving the block stops the consumer once more.
        asyncio.get_running_loop().call_later(0.05, handler.let_go.set)
    assert handler.finished


async def test_whoever_hurries_waits_for_no_handler(bus: MessageBus) -> None:
    handler = Lingering()
    async with asyncio.timeout(BOUND):
        async with bus.serve("questions", handler, group="answerers", grace=1000.0) as consumer:
            await bus.publish(Asked(), to="questions")
            await handler.started.wait()
            consumer.stop()
            consumer.hurry()
        assert not handler.finished
        again = Failing(BusError("never"), times=0)
        async with bus.serve("questions", again, group="answerers"):
            await again.succeeded.wait()
    assert again.attempts == [1]
