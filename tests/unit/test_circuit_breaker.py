"""The breaker's shell: time, timeouts and cancellation."""

import asyncio

import pytest

from agents.circuit_breaker import CircuitBreaker, CircuitChange
from agents.domain.breaker import BreakerPolicy
from agents.errors import CircuitOpenError, ToolTimeoutError
from tests.support.clock import ManualClock

POLICY = BreakerPolicy(consecutive_failures=2, open_for=10.0, spread=0.0)


class Callee:
    """Does what its script says, call by call."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> str:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "answer"


def breaker_with(clock: ManualClock) -> tuple[CircuitBreaker, list[CircuitChange]]:
    changes: list[CircuitChange] = []

    async def listen(change: CircuitChange) -> None:
        changes.append(change)

    return CircuitBreaker("lookup", policy=POLICY, clock=clock, listener=listen), changes


async def attempt(breaker: CircuitBreaker, callee: Callee, limit: float = 1.0) -> str:
    return await breaker.call(
        callee, timeout=limit, counts=lambda error: not isinstance(error, ValueError)
    )


async def opened(breaker: CircuitBreaker, callee: Callee) -> None:
    callee.error = OSError("down")
    for _ in range(POLICY.consecutive_failures):
        with pytest.raises(OSError, match="down"):
            await attempt(breaker, callee)


async def test_failures_in_a_row_open_it_and_a_good_probe_closes_it_again() -> None:
    clock, callee = ManualClock(), Callee()
    breaker, changes = breaker_with(clock)
    await opened(breaker, callee)
    with pytest.raises(CircuitOpenError) as refused:
        await attempt(breaker, callee)
    assert refused.value.retry_after == 10.0
    assert callee.calls == 2
    clock.advance(10.0)
    callee.error = None
    assert await attempt(breaker, callee) == "answer"
    assert [change.after for change in changes] == ["open", "closed"]


async def test_while_half_open_one_of_a_hundred_calls_gets_through() -> None:
    clock, callee = ManualClock(), Callee()
    breaker, _ = breaker_with(clock)
    await opened(breaker, callee)
    clock.advance(10.0)
    callee.calls, callee.error = 0, None
    callee.gate.clear()
    calls = [asyncio.create_task(attempt(breaker, callee)) for _ in range(100)]
    await asyncio.sleep(0)
    callee.gate.set()
    endings = await asyncio.gather(*calls, return_exceptions=True)
    assert callee.calls == 1
    assert endings.count("answer") == 1
    assert sum(isinstance(ending, CircuitOpenError) for ending in endings) == 99


async def test_a_cancelled_probe_gives_its_place_back() -> None:
    clock, callee = ManualClock(), Callee()
    breaker, _ = breaker_with(clock)
    await opened(breaker, callee)
    clock.advance(10.0)
    callee.error = None
    callee.gate.clear()
    probe = asyncio.create_task(attempt(breaker, callee))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    callee.gate.set()
    assert await attempt(breaker, callee) == "answer"
    assert breaker.circuit == "closed"


async def test_cancelled_calls_and_the_callers_mistakes_count_neither_way() -> None:
    clock, callee = ManualClock(), Callee()
    breaker, _ = breaker_with(clock)
    callee.error = ValueError("wrong question")
    for _ in range(10):
        with pytest.raises(ValueError, match="wrong question"):
            await attempt(breaker, callee)
    assert breaker.circuit == "closed"


async def test_our_timeout_counts_and_is_told_as_one() -> None:
    clock, callee = ManualClock(), Callee()
    breaker, _ = breaker_with(clock)
    callee.gate.clear()
    for _ in range(POLICY.consecutive_failures):
        with pytest.raises(ToolTimeoutError, match=r"longer than 0\.01 s"):
            await attempt(breaker, callee, limit=0.01)
    assert breaker.circuit == "open"


async def test_a_late_failure_of_an_older_generation_does_not_open_it_again() -> None:
    clock, callee, late = ManualClock(), Callee(), Callee()
    breaker, _ = breaker_with(clock)
    late.gate.clear()
    late.error = OSError("late")
    begun_before = asyncio.create_task(attempt(breaker, late, limit=60.0))
    await asyncio.sleep(0)
    await opened(breaker, callee)
    clock.advance(10.0)
    callee.error = None
    await attempt(breaker, callee)
    late.gate.set()
    with pytest.raises(OSError, match="late"):
        await begun_before
    assert breaker.circuit == "closed"


async def test_it_can_be_opened_and_closed_by_hand() -> None:
    breaker, changes = breaker_with(ManualClock())
    callee = Callee()
    await breaker.force("forced_open")
    with pytest.raises(CircuitOpenError):
        await attempt(breaker, callee)
    await breaker.force("closed")
    assert await attempt(breaker, callee) == "answer"
    assert [change.after for change in changes] == ["forced_open", "closed"]


async def test_a_listener_that_fails_does_not_disturb_the_call() -> None:
    from bus import UnconfirmedError

    async def listen(change: CircuitChange) -> None:
        raise UnconfirmedError("nobody listened")

    breaker = CircuitBreaker("lookup", policy=POLICY, clock=ManualClock(), listener=listen)
    await opened(breaker, Callee())
    assert breaker.circuit == "open"
