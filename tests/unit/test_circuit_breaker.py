"""The breaker's shell: time, timeouts, cancellation, streams, listeners and peers."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from agents.calling.circuit_breaker import CircuitBreaker, CircuitBreakers, CircuitChange, Listener
from agents.domain.breaker import Breaker, BreakerPolicy
from agents.errors import AgentUsageError, CircuitOpenError, ToolTimeoutError
from tests.support.clock import ManualClock

POLICY = BreakerPolicy(consecutive_failures=2, open_for=10.0, spread=0.0, probe_wait=60.0)


def all_count(error: Exception) -> bool:
    return True


def none_counts(error: Exception) -> bool:
    return False


class Callee:
    """Does what its script says, call by call."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: BaseException | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> str:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "answer"


class Bench:
    """A breaker, what it guards, and what it told."""

    def __init__(self, policy: BreakerPolicy = POLICY, listener: Listener | None = None) -> None:
        self.clock = ManualClock()
        self.callee = Callee()
        self.changes: list[CircuitChange] = []
        self.breaker = CircuitBreaker(
            "lookup", policy=policy, clock=self.clock, listener=listener or self.changes.append
        )

    async def call(self, limit: float = 60.0, patience: float = math.inf) -> str:
        return await self.breaker.call(
            self.callee,
            timeout=limit,
            patience=patience,
            counts=lambda error: not isinstance(error, ValueError),
        )

    async def fail(self, times: int = 1) -> None:
        self.callee.error = OSError("down")
        for _ in range(times):
            with pytest.raises(OSError, match="down"):
                await self.call()
        self.callee.error = None

    async def open(self) -> None:
        await self.fail(POLICY.consecutive_failures)
        assert self.breaker.circuit == "open"

    async def half_open(self) -> None:
        """Opened, and the wait is over: the next call is a probe."""
        await self.open()
        self.clock.advance(10.0)

    async def start(self) -> "asyncio.Task[str]":
        """A call that has reached the callee, which does not let it go."""
        self.callee.gate.clear()
        calls = self.callee.calls
        task = asyncio.create_task(self.call())
        while self.callee.calls == calls:
            await asyncio.sleep(0)
        return task


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_failures_in_a_row_open_it_and_a_good_probe_closes_it_again(bench: Bench) -> None:
    await bench.open()
    with pytest.raises(CircuitOpenError) as refused:
        await bench.call()
    assert refused.value.retry_after == 10.0
    assert bench.callee.calls == 2
    bench.clock.advance(10.0)
    assert await bench.call() == "answer"
    assert [(change.before, change.after) for change in bench.changes] == [
        ("closed", "open"),
        ("half_open", "closed"),
    ]
    assert bench.changes[0].retry_after == 10.0


async def test_while_half_open_one_of_a_hundred_calls_gets_through() -> None:
    await rush(probes=1)


async def test_while_half_open_as_many_calls_get_through_as_there_are_probes() -> None:
    await rush(probes=3)


async def rush(probes: int) -> None:
    bench = Bench(BreakerPolicy(consecutive_failures=2, open_for=10.0, spread=0.0, probes=probes))
    await bench.half_open()
    bench.callee.calls = 0
    bench.callee.gate.clear()
    calls = [asyncio.create_task(bench.call()) for _ in range(100)]
    await asyncio.sleep(0)
    bench.callee.gate.set()
    endings = await asyncio.gather(*calls, return_exceptions=True)
    refused = [ending for ending in endings if isinstance(ending, CircuitOpenError)]
    assert (bench.callee.calls, endings.count("answer"), len(refused)) == (
        probes,
        probes,
        100 - probes,
    )
    assert {error.retry_after for error in refused} == {10.0}
    assert bench.breaker.circuit == "closed"


async def test_a_cancelled_probe_gives_its_place_back(bench: Bench) -> None:
    await bench.half_open()
    probe = await bench.start()
    with pytest.raises(CircuitOpenError):
        await bench.call()
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    bench.callee.gate.set()
    assert await bench.call() == "answer"
    assert bench.breaker.circuit == "closed"


async def test_a_cancelled_call_counts_neither_way(bench: Bench) -> None:
    await bench.fail()
    for _ in range(10):
        task = await bench.start()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    bench.callee.gate.set()
    snapshot = bench.breaker.snapshot()
    assert (snapshot.calls, snapshot.consecutive) == (1, 1)


async def test_our_timeout_counts_and_is_told_as_one(bench: Bench) -> None:
    bench.callee.gate.clear()
    for _ in range(POLICY.consecutive_failures):
        with pytest.raises(ToolTimeoutError, match=r"lookup took longer than 0\.01 s"):
            await bench.call(limit=0.01)
    assert bench.breaker.circuit == "open"
    assert "took longer" in bench.breaker.snapshot().last_error
    present = asyncio.current_task()
    assert present is not None
    assert present.cancelling() == 0


async def test_every_one_of_many_overdue_calls_is_ended(bench: Bench) -> None:
    bench.callee.gate.clear()
    limits = [3600.0, 0.05, 0.01, 0.03, 0.01]
    patient, *calls = [asyncio.create_task(bench.call(limit=limit)) for limit in limits]
    endings = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(ending) for ending in endings] == [ToolTimeoutError] * 4
    assert not patient.done()
    bench.callee.gate.set()
    assert await patient == "answer"


async def test_the_callers_own_shorter_deadline_does_not_count(bench: Bench) -> None:
    bench.callee.gate.clear()
    for _ in range(5):
        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(0.001):
                await bench.call(limit=30.0)
        assert not isinstance(raised.value, ToolTimeoutError)
    assert bench.breaker.snapshot().calls == 0


async def test_the_end_of_the_callers_patience_is_told_but_does_not_count(bench: Bench) -> None:
    bench.callee.gate.clear()
    for _ in range(5):
        with pytest.raises(ToolTimeoutError, match=r"0\.001 s"):
            await bench.call(limit=30.0, patience=0.001)
    assert bench.breaker.snapshot().calls == 0


async def test_a_timeout_of_the_callees_own_counts_whatever_the_classifier_says() -> None:
    bench = Bench()
    bench.callee.error = TimeoutError("the server did not answer")
    for _ in range(POLICY.consecutive_failures):
        with pytest.raises(TimeoutError, match="the server did not answer"):
            await bench.breaker.call(bench.callee, timeout=60.0, counts=none_counts)
    assert bench.breaker.circuit == "open"


async def test_a_caller_who_cancels_while_we_time_out_gets_the_cancellation(bench: Bench) -> None:
    cleaning, cleaned = asyncio.Event(), asyncio.Event()

    async def clean_up_slowly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await cleaned.wait()

    task = asyncio.create_task(bench.breaker.call(clean_up_slowly, timeout=0.001, counts=all_count))
    await cleaning.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert bench.breaker.snapshot().calls == 0


async def test_an_answer_that_comes_after_our_timeout_is_given_and_counts_as_a_failure(
    bench: Bench,
) -> None:
    async def answer_late() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"

    answer = await bench.breaker.call(answer_late, timeout=0.001, counts=all_count)
    assert answer == "late"
    assert bench.breaker.snapshot().failures == 1
    await asyncio.sleep(0)


async def test_a_callee_that_turns_our_cancellation_into_an_error_has_timed_out(
    bench: Bench,
) -> None:
    async def interrupted() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("interrupted") from None
        return "never"

    with pytest.raises(ToolTimeoutError):
        await bench.breaker.call(interrupted, timeout=0.001, counts=none_counts)
    assert bench.breaker.snapshot().failures == 1


async def test_the_classifier_says_which_errors_speak_against_the_callee(bench: Bench) -> None:
    class RateLimitedError(Exception):
        """As a model's 429."""

    def counts(error: Exception) -> bool:
        return not isinstance(error, (RateLimitedError, PermissionError, ValueError))

    for error in (ValueError("context too long"), PermissionError("key"), RateLimitedError("429")):
        bench.callee.error = error
        for _ in range(10):
            with pytest.raises(type(error)):
                await bench.breaker.call(bench.callee, timeout=60.0, counts=counts)
    snapshot = bench.breaker.snapshot()
    assert (snapshot.circuit, snapshot.calls, snapshot.last_error) == ("closed", 0, "")


async def test_every_third_call_failing_opens_it_by_rate_and_a_first_failure_does_not() -> None:
    policy = BreakerPolicy(consecutive_failures=5, failure_rate=0.3, minimum_calls=10, window=20)
    bench = Bench(policy)
    await bench.fail()
    assert bench.breaker.circuit == "closed"
    for _ in range(3):
        await bench.call()
        await bench.call()
        await bench.fail()
    snapshot = bench.breaker.snapshot()
    assert (snapshot.circuit, snapshot.calls, snapshot.failures) == ("open", 10, 4)


async def test_a_success_ends_the_row_of_failures(bench: Bench) -> None:
    for _ in range(4):
        await bench.fail()
        await bench.call()
    assert bench.breaker.circuit == "closed"


async def test_what_is_older_than_the_window_is_forgotten() -> None:
    bench = Bench(BreakerPolicy(window_seconds=30.0, minimum_calls=4, consecutive_failures=9))
    await bench.fail(3)
    bench.clock.advance(31.0)
    assert bench.breaker.snapshot().failures == 0
    await bench.fail(3)
    assert bench.breaker.circuit == "closed"
    await bench.fail()
    assert bench.breaker.circuit == "open"


async def test_too_many_slow_answers_open_it() -> None:
    bench = Bench(BreakerPolicy(slow_call=2.0, slow_rate=0.5, minimum_calls=4))

    async def answer_slowly() -> None:
        bench.clock.advance(2.5)

    for _ in range(2):
        await bench.call()
    for _ in range(2):
        await bench.breaker.call(answer_slowly, timeout=60.0, counts=all_count)
    assert bench.breaker.circuit == "open"
    assert bench.breaker.snapshot().slow_rate == 0.5


@pytest.mark.parametrize("error", [None, OSError("late")])
async def test_a_late_result_of_an_older_generation_changes_nothing(
    bench: Bench, error: Exception | None
) -> None:
    begun_before = await bench.start()
    late, bench.callee = bench.callee, Callee()
    await bench.open()
    late.error = error
    late.gate.set()
    await asyncio.gather(begun_before, return_exceptions=True)
    snapshot = bench.breaker.snapshot()
    assert (snapshot.circuit, snapshot.failures, snapshot.openings) == ("open", 2, 1)


async def test_jumps_of_the_wall_clock_change_nothing(bench: Bench) -> None:
    await bench.open()
    for hours in (1, -2, 1):
        monotonic = bench.clock.monotonic()
        bench.clock.advance(hours * 3600.0)
        bench.clock._monotonic = monotonic
        assert bench.breaker.retry_after == 10.0


async def test_a_probe_that_hangs_opens_it_again_even_when_nobody_else_calls(bench: Bench) -> None:
    await bench.half_open()
    probe = await bench.start()
    bench.clock.advance(59.0)
    assert bench.breaker.circuit == "half_open"
    bench.clock.advance(1.0)
    assert bench.breaker.circuit == "open"
    snapshot = bench.breaker.snapshot()
    assert (snapshot.circuit, snapshot.openings, snapshot.retry_after) == ("open", 2, 20.0)
    bench.clock.advance(20.0)
    bench.callee.gate.set()
    assert await probe == "answer"
    assert bench.breaker.circuit == "open"
    assert await bench.call() == "answer"
    assert bench.breaker.circuit == "closed"


async def test_retries_around_an_open_circuit_reach_the_callee_no_more_often(bench: Bench) -> None:
    bench.callee.error = OSError("down")
    refusals = 0
    for _ in range(20):
        try:
            await bench.call()
        except CircuitOpenError:
            refusals += 1
        except OSError:
            pass
    assert (bench.callee.calls, refusals) == (2, 18)


class HaltError(BaseException):
    """As KeyboardInterrupt, but harmless to the test."""


async def test_an_interruption_gives_the_place_of_a_probe_back(bench: Bench) -> None:
    await bench.half_open()
    bench.callee.error = HaltError()
    with pytest.raises(HaltError):
        await bench.call()
    bench.callee.error = None
    assert await bench.call() == "answer"
    assert bench.breaker.circuit == "closed"


async def test_an_error_before_the_coroutine_exists_is_weighed_as_any_other(bench: Bench) -> None:
    def refuse() -> "asyncio.Future[None]":
        raise OSError("no socket")

    await bench.half_open()
    with pytest.raises(OSError, match="no socket"):
        await bench.breaker.call(refuse, timeout=60.0, counts=all_count)
    assert bench.breaker.circuit == "open"


async def test_a_refused_calls_coroutine_is_never_created(bench: Bench) -> None:
    await bench.open()

    def create() -> "asyncio.Future[None]":
        raise AssertionError("it must not be called")

    with pytest.raises(CircuitOpenError):
        await bench.breaker.call(create, timeout=60.0, counts=all_count)


class Source:
    """Gives items until it fails, hangs or ends."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs
        self.is_closed = False

    async def __call__(self) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
            if self.hangs:
                await asyncio.Event().wait()
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


async def read(bench: Bench, source: Callable[[], AsyncIterator[int]]) -> list[int]:
    async with bench.breaker.stream(source, timeout=0.01, counts=all_count) as items:
        return [item async for item in items]


async def test_a_stream_that_fails_in_the_middle_counts_once(bench: Bench) -> None:
    with pytest.raises(OSError, match="cut"):
        await read(bench, Source(OSError("cut")))
    snapshot = bench.breaker.snapshot()
    assert (snapshot.calls, snapshot.failures) == (1, 1)


async def test_a_stream_that_ends_counts_as_one_success(bench: Bench) -> None:
    assert await read(bench, Source()) == [1, 2]
    snapshot = bench.breaker.snapshot()
    assert (snapshot.calls, snapshot.failures) == (1, 0)


async def test_a_stream_that_stalls_times_out_and_counts(bench: Bench) -> None:
    source = Source(hangs=True)
    with pytest.raises(ToolTimeoutError):
        await read(bench, source)
    assert bench.breaker.snapshot().failures == 1
    assert source.is_closed


async def test_leaving_a_stream_early_or_failing_at_it_counts_neither_way(bench: Bench) -> None:
    source = Source()

    async def stumble() -> None:
        async with bench.breaker.stream(source, timeout=1.0, counts=all_count) as items:
            async for item in items:
                item / 0

    with pytest.raises(ZeroDivisionError):
        await stumble()
    assert source.is_closed
    async with bench.breaker.stream(source, timeout=1.0, counts=all_count):
        pass
    assert bench.breaker.snapshot().calls == 0


async def test_what_a_reader_takes_for_an_item_is_not_the_streams_time() -> None:
    bench = Bench(BreakerPolicy(slow_call=2.0))
    async with bench.breaker.stream(Source(), timeout=1.0, counts=all_count) as items:
        async for _ in items:
            bench.clock.advance(100.0)
    snapshot = bench.breaker.snapshot()
    assert (snapshot.calls, snapshot.slow) == (1, 0)


async def test_what_a_stream_takes_for_its_items_adds_up() -> None:
    bench = Bench(BreakerPolicy(slow_call=2.0))

    async def trickle() -> AsyncIterator[int]:
        for item in range(2):
            bench.clock.advance(1.5)
            yield item

    assert await read(bench, trickle) == [0, 1]
    assert bench.breaker.snapshot().slow == 1


async def test_an_open_circuit_begins_no_stream_and_a_stream_can_be_the_probe(bench: Bench) -> None:
    await bench.open()
    with pytest.raises(CircuitOpenError):
        await read(bench, Source())
    bench.clock.advance(10.0)
    async with bench.breaker.stream(Source(), timeout=1.0, counts=all_count) as items:
        assert await anext(items) == 1
        assert bench.breaker.circuit == "half_open"
        with pytest.raises(CircuitOpenError):
            await bench.call()
        assert [item async for item in items] == [2]
    assert bench.breaker.circuit == "closed"


async def test_callees_of_different_names_are_kept_apart() -> None:
    breakers = CircuitBreakers(clock=ManualClock(), listener=print, policy=POLICY)
    tenant, other = Callee(), Callee()
    tenant.error = OSError("bad key")
    for _ in range(3):
        with suppress(OSError, CircuitOpenError):
            await breakers["model:x@a"].call(tenant, timeout=60.0, counts=all_count)
        await breakers["model:x@b"].call(other, timeout=60.0, counts=all_count)
    assert breakers["model:x@a"].circuit == "open"
    assert breakers["model:x@b"].circuit == "closed"


async def test_a_listener_that_raises_does_not_break_the_call() -> None:
    def fail(change: CircuitChange) -> None:
        raise RuntimeError("nobody listens")

    bench = Bench(listener=fail)
    await bench.half_open()
    assert await bench.call() == "answer"
    assert bench.breaker.circuit == "closed"


async def test_it_serves_many_tasks_of_one_event_loop_and_refuses_those_of_another(
    bench: Bench,
) -> None:
    calls = [asyncio.create_task(bench.call()) for _ in range(10)]
    assert await asyncio.gather(*calls) == ["answer"] * 10

    async def answer() -> str:
        return "answer"

    refused = []

    def on_another_loop() -> None:
        try:
            asyncio.run(call())
        except AgentUsageError as error:
            refused.append(str(error))

    async def call() -> str:
        return await bench.breaker.call(answer, timeout=1.0, counts=all_count)

    await asyncio.to_thread(on_another_loop)
    while_this_task_runs = threading.Thread(target=on_another_loop)
    while_this_task_runs.start()
    while_this_task_runs.join()
    assert len(refused) == 2
    assert "one event loop" in refused[0]
    assert bench.breaker.snapshot().calls == 10


def test_a_second_event_loop_in_the_same_thread_is_refused_too() -> None:
    breaker = CircuitBreaker("lookup", policy=POLICY, clock=ManualClock(), listener=print)

    async def call() -> str:
        return await breaker.call(Callee(), timeout=1.0, counts=all_count)

    assert asyncio.run(call()) == "answer"
    with pytest.raises(AgentUsageError, match="one event loop"):
        asyncio.run(call())


def test_every_failed_probe_doubles_the_wait_up_to_the_most_less_the_spread() -> None:
    policy = BreakerPolicy(
        consecutive_failures=1, open_for=10.0, open_for_most=60.0, spread=0.5, probe_wait=5.0
    )
    waits = []
    for draw in (0.0, 0.5):
        breaker, now = Breaker(policy=policy, draw=lambda draw=draw: draw), 0.0
        for _ in range(5):
            admission = breaker.admit(now)
            assert not isinstance(admission, float)
            breaker.settle(admission, "failed", seconds=0.0, now=now)
            waits.append(breaker.retry_after(now))
            now += waits[-1]
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0, 7.5, 15.0, 30.0, 45.0, 45.0]


async def test_a_good_probe_makes_the_next_wait_a_short_one_again(bench: Bench) -> None:
    await bench.half_open()
    await bench.fail()
    assert bench.breaker.retry_after == 20.0
    bench.clock.advance(20.0)
    await bench.call()
    await bench.open()
    assert bench.breaker.retry_after == 10.0


async def test_a_refusal_says_after_how_long_a_call_may_get_through(bench: Bench) -> None:
    await bench.open()
    bench.clock.advance(4.0)
    with pytest.raises(CircuitOpenError) as refused:
        await bench.call()
    assert refused.value.retry_after == bench.breaker.retry_after == 6.0
    bench.clock.advance(6.0)
    assert bench.breaker.retry_after == 0.0
    await bench.start()
    with pytest.raises(CircuitOpenError) as refused:
        await bench.call()
    assert refused.value.retry_after == bench.breaker.retry_after == POLICY.open_for
    bench.clock.advance(55.0)
    assert bench.breaker.retry_after == 5.0
    bench.callee.gate.set()
    bench.breaker.force("forced_open")
    with pytest.raises(CircuitOpenError) as refused:
        await bench.call()
    assert refused.value.retry_after == POLICY.open_for_most


async def test_it_can_be_forced_open_disabled_and_reset(bench: Bench) -> None:
    bench.breaker.force("forced_open")
    with pytest.raises(CircuitOpenError):
        await bench.call()
    bench.breaker.force("disabled")
    await bench.fail(10)
    assert bench.breaker.snapshot().calls == 0
    bench.breaker.force("closed")
    assert await bench.call() == "answer"
    assert [change.after for change in bench.changes] == ["forced_open", "disabled", "closed"]
    assert bench.breaker.snapshot().last_error == ""


async def test_a_snapshot_has_the_figures_and_the_last_error(bench: Bench) -> None:
    await bench.call()
    await bench.open()
    snapshot = bench.breaker.snapshot()
    assert snapshot.model_dump() == {
        "name": "lookup",
        "circuit": "open",
        "calls": 3,
        "failures": 2,
        "slow": 0,
        "consecutive": 2,
        "openings": 1,
        "retry_after": 10.0,
        "last_error": "OSError: down",
        "is_shared": False,
    }
    assert round(snapshot.failure_rate, 2) == 0.67


def peer(after: str, before: str = "closed", retry_after: float = 8.0) -> CircuitChange:
    return CircuitChange(
        name="lookup",
        before=before,  # type: ignore[arg-type]
        after=after,  # type: ignore[arg-type]
        retry_after=retry_after,
    )


async def test_it_opens_with_a_peer_and_tells_nobody(bench: Bench) -> None:
    bench.breaker.follow(peer("open"))
    with pytest.raises(CircuitOpenError) as refused:
        await bench.call()
    assert refused.value.retry_after == 8.0
    assert bench.breaker.snapshot().is_shared
    assert bench.changes == []


async def test_what_a_peer_opened_gives_way_to_a_probe_of_its_own_when_the_peer_closes(
    bench: Bench,
) -> None:
    bench.breaker.follow(peer("open"))
    bench.breaker.follow(peer("closed", before="half_open"))
    probe = await bench.start()
    assert bench.breaker.circuit == "half_open"
    bench.callee.gate.set()
    assert await probe == "answer"
    assert [(change.before, change.after) for change in bench.changes] == [("half_open", "closed")]


async def test_an_opening_of_its_own_is_not_ended_by_a_peer(bench: Bench) -> None:
    await bench.open()
    bench.breaker.follow(peer("closed", before="half_open"))
    assert bench.breaker.retry_after == 10.0


async def test_a_peer_that_opens_again_prolongs_what_it_opened_but_opens_nobody_who_is_closed(
    bench: Bench,
) -> None:
    bench.breaker.follow(peer("open", before="half_open"))
    assert bench.breaker.circuit == "closed"
    bench.breaker.follow(peer("open"))
    bench.breaker.follow(peer("open", before="half_open", retry_after=30.0))
    assert bench.breaker.retry_after == 30.0


async def test_no_peer_keeps_it_open_for_longer_than_its_own_policy_does(bench: Bench) -> None:
    bench.breaker.follow(peer("open", retry_after=1e9))
    assert bench.breaker.retry_after == POLICY.open_for_most


async def test_states_set_by_hand_at_a_peer_are_not_followed(bench: Bench) -> None:
    bench.breaker.follow(peer("forced_open"))
    bench.breaker.follow(peer("disabled"))
    assert bench.breaker.circuit == "closed"
    bench.breaker.force("forced_open")
    bench.breaker.follow(peer("closed", before="forced_open"))
    assert bench.breaker.circuit == "forced_open"


async def test_looking_at_breakers_makes_none() -> None:
    clock = ManualClock()
    breakers = CircuitBreakers(clock=clock, listener=print, policy=POLICY)
    assert breakers.get("lookup") is None
    breakers.follow(peer("closed", before="half_open"))
    assert (breakers.unavailable(), list(breakers)) == (frozenset(), [])
    breakers.follow(peer("open"))
    breakers["other"].force("disabled")
    assert breakers.unavailable(for_longer_than=1.0) == {"lookup"}
    clock.advance(7.5)
    assert breakers.unavailable(for_longer_than=1.0) == frozenset()
    assert breakers.unavailable() == {"lookup"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"probes": 0},
        {"window": 5},
        {"failure_rate": 0.0},
        {"slow_rate": 1.5},
        {"open_for": math.nan},
        {"open_for": 200.0},
        {"open_for_most": math.inf},
        {"spread": -0.1},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AgentUsageError, match="policy"):
        BreakerPolicy(**wrong)  # type: ignore[arg-type]
