"""The laws of the circuit breaker, against a naive model and against another implementation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import interlock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from agents.domain.breaker import Admission, Breaker, BreakerPolicy, Ending, ForcedCircuit
from agents.domain.call_window import CallWindow

POLICIES = st.builds(
    BreakerPolicy,
    consecutive_failures=st.sampled_from([3, 50]),
    window=st.just(6),
    window_seconds=st.sampled_from([40.0, 1e6]),
    minimum_calls=st.sampled_from([1, 4, 6]),
    failure_rate=st.sampled_from([0.25, 0.5, 1.0]),
    slow_call=st.just(30.0),
    slow_rate=st.sampled_from([0.5, 1.0]),
    open_for=st.just(16.0),
    open_for_most=st.just(64.0),
    spread=st.just(0.25),
    probes=st.sampled_from([1, 2, 3]),
    probe_wait=st.just(32.0),
)

TICKS = st.integers(0, 400).map(lambda tick: tick / 4)
"""Seconds that floats add without rounding, so that the model may compare instants."""


@dataclass
class NaiveBreaker:
    """The breaker as its documentation tells it: it keeps everything and looks it all up."""

    policy: BreakerPolicy
    draw: float
    circuit: str = "closed"
    ended: list[tuple[float, bool, bool]] = field(default_factory=list)
    row: int = 0
    until: float = 0.0
    failed_probes: int = 0
    is_shared: bool = False
    probes: dict[int, float] = field(default_factory=dict)
    good_probes: int = 0
    calls: dict[int, int] = field(default_factory=dict)
    era: int = 0

    def enter(self, circuit: str) -> None:
        self.circuit, self.era, self.is_shared = circuit, self.era + 1, False
        self.probes, self.good_probes = {}, 0
        if circuit in ("closed", "disabled", "forced_open"):
            self.ended, self.row = [], 0

    def open(self, at: float) -> None:
        longest = min(self.policy.open_for_most, self.policy.open_for * 2**self.failed_probes)
        self.failed_probes += 1
        self.enter("open")
        self.until = at + longest * (1 - self.policy.spread * self.draw)

    def known(self, now: float) -> Sequence[tuple[float, bool, bool]]:
        """The window; what fell out of it does not come back, so it is cut at every look."""
        self.ended = self.ended[-self.policy.window :]
        self.ended = [call for call in self.ended if now - call[0] <= self.policy.window_seconds]
        return self.ended

    def hang(self, now: float) -> None:
        if self.circuit == "half_open" and self.probes:
            hangs_at = min(self.probes.values()) + self.policy.probe_wait
            if now >= hangs_at:
                self.open(hangs_at)

    def refuses_for(self, now: float) -> float:
        self.hang(now)
        if self.circuit == "open":
            return max(0.0, self.until - now)
        if self.circuit == "forced_open":
            return self.policy.open_for_most
        if self.circuit == "half_open" and (
            len(self.probes) + self.good_probes >= self.policy.probes
        ):
            hangs_at = min(self.probes.values()) + self.policy.probe_wait
            return min(self.policy.open_for, hangs_at - now)
        return 0.0

    def begin(self, call: int, now: float) -> None:
        if self.circuit == "open":
            self.enter("half_open")
        if self.circuit == "half_open":
            self.probes[call] = now
        self.calls[call] = self.era

    def end(self, call: int, ending: Ending, seconds: float, now: float) -> None:
        self.hang(now)
        if self.calls.pop(call) != self.era or self.circuit == "disabled":
            return
        self.probes.pop(call, None)
        if ending == "abandoned":
            return
        failed, slow = ending == "failed", seconds > self.policy.slow_call
        if self.circuit == "half_open":
            self.end_probe(failed or slow, now)
            return
        self.ended.append((now, failed, slow))
        self.row = self.row + 1 if failed else 0
        known = self.known(now)
        failures = sum(call[1] for call in known)
        slows = sum(call[2] for call in known)
        by_rate = len(known) >= self.policy.minimum_calls and (
            failures / len(known) >= self.policy.failure_rate
            or slows / len(known) >= self.policy.slow_rate
        )
        if by_rate or self.row >= self.policy.consecutive_failures:
            self.open(now)

    def end_probe(self, was_bad: bool, now: float) -> None:
        if was_bad:
            self.open(now)
            return
        self.good_probes += 1
        if self.good_probes == self.policy.probes:
            self.failed_probes = 0
            self.enter("closed")


class BreakerMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    @initialize(policy=POLICIES, draw=st.sampled_from([0.0, 0.5]))
    def a_breaker_is_made(self, policy: BreakerPolicy, draw: float) -> None:
        self.policy = policy
        self.breaker = Breaker(policy=policy, draw=lambda: draw)
        self.model = NaiveBreaker(policy=policy, draw=draw)
        self.now = 1024.0
        self.begun = 0
        self.probes: list[Admission] = []

    @rule(seconds=TICKS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls)
    def a_call_begins(self) -> object:
        wait = self.model.refuses_for(self.now)
        admitted = self.breaker.admit(self.now)
        if not isinstance(admitted, Admission):
            assert admitted == wait > 0
            return multiple()
        assert wait == 0
        self.begun += 1
        self.model.begin(self.begun, self.now)
        assert admitted.is_probe == (self.model.circuit == "half_open")
        if admitted.is_probe:
            self.probes.append(admitted)
        return self.begun, admitted

    @rule(
        call=consumes(calls),
        ending=st.sampled_from(["succeeded", "failed", "failed", "abandoned"]),
        seconds=st.sampled_from([1.0, 30.0, 31.0]),
    )
    def a_call_ends(self, call: tuple[int, Admission], ending: Ending, seconds: float) -> None:
        number, admission = call
        self.breaker.settle(admission, ending, seconds=seconds, now=self.now)
        self.model.end(number, ending, seconds, self.now)
        if admission in self.probes:
            self.probes.remove(admission)

    @rule(circuit=st.sampled_from(["closed", "forced_open", "disabled"]))
    def somebody_sets_it_by_hand(self, circuit: ForcedCircuit) -> None:
        self.breaker.force(circuit)
        self.model.failed_probes = 0
        self.model.enter(circuit)

    @rule(seconds=TICKS, was_closed=st.booleans())
    def a_peer_opens(self, seconds: float, was_closed: bool) -> None:
        self.breaker.peer_opened(open_for=seconds, was_closed=was_closed, now=self.now)
        model = self.model
        if model.circuit == "closed" and was_closed:
            model.enter("open")
            model.is_shared, model.until = True, self.now
        if model.circuit == "open" and model.is_shared:
            longest = min(seconds, self.policy.open_for_most)
            until = self.now + longest * (1 + self.policy.spread * model.draw)
            model.until = max(model.until, until)

    @rule()
    def a_peer_closes(self) -> None:
        self.breaker.peer_closed(self.now)
        if self.model.circuit == "open" and self.model.is_shared:
            self.model.until = min(self.model.until, self.now)

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        assert self.breaker.retry_after(self.now) == self.model.refuses_for(self.now)
        assert self.breaker.circuit == self.model.circuit
        if self.breaker.circuit == "closed":
            self.breaker.window.slide(self.now)
            known = self.model.known(self.now)
            assert len(self.breaker.window) == len(known)
            assert self.breaker.window.failures == sum(call[1] for call in known)
            assert self.breaker.window.slow == sum(call[2] for call in known)

    @invariant()
    def probes_are_limited(self) -> None:
        generation = self.breaker.generation
        current = [probe for probe in self.probes if probe.generation == generation]
        assert len(current) <= self.policy.probes

    @invariant()
    def an_open_circuit_always_opens_up_again(self) -> None:
        longest = self.policy.open_for_most * (1 + self.policy.spread)
        assert self.breaker.retry_after(self.now) <= longest


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


@given(
    size=st.integers(1, 8),
    seconds=st.sampled_from([1.0, 10.0, 1e9]),
    calls=st.lists(st.tuples(TICKS, st.booleans(), st.booleans())),
)
def test_a_window_counts_the_last_calls_of_the_last_seconds(
    size: int, seconds: float, calls: list[tuple[float, bool, bool]]
) -> None:
    window, now = CallWindow(size=size, seconds=seconds), 0.0
    ended: list[tuple[float, bool, bool]] = []
    for after, failed, slow in calls:
        now += after
        window.add(now, failed, slow)
        ended.append((now, failed, slow))
        known = [call for call in ended[-size:] if now - call[0] <= seconds]
        assert len(window) == len(known)
        assert window.failures == sum(call[1] for call in known)
        assert window.slow == sum(call[2] for call in known)


class Stopwatch:
    """The clock of the other implementation."""

    def __init__(self) -> None:
        self.now = 1024.0

    def monotonic(self) -> float:
        return self.now


STATES = {
    interlock.State.CLOSED: "closed",
    interlock.State.OPEN: "open",
    interlock.State.HALF_OPEN: "half_open",
}

Step = tuple[Literal["good", "bad", "slow"], float]


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["good", "bad", "bad", "slow"]), st.sampled_from([0.0, 1.0, 9.0])
        ),
        min_size=8,
        max_size=40,
    ),
    window=st.integers(1, 6),
    minimum_calls=st.integers(1, 6),
    failure_rate=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    slow_rate=st.sampled_from([0.5, 1.0]),
)
@settings(max_examples=300, deadline=None)
def test_with_a_window_by_count_and_one_probe_it_does_what_interlock_does(
    steps: list[Step],
    window: int,
    minimum_calls: int,
    failure_rate: float,
    slow_rate: float,
) -> None:
    minimum_calls = min(minimum_calls, window)
    clock = Stopwatch()
    theirs = interlock.CircuitBreaker(
        name="reference",
        clock=clock,
        config=interlock.Config(
            failure_rate_threshold=failure_rate,
            minimum_number_of_calls=minimum_calls,
            slow_call_duration_threshold=0.5,
            slow_call_rate_threshold=slow_rate,
            permitted_calls_in_half_open=1,
            wait_duration_in_open=8.0,
            wait_duration_backoff_multiplier=2.0,
            wait_duration_in_open_max=30.0,
            window_size=window,
        ),
    )
    ours = Breaker(
        policy=BreakerPolicy(
            consecutive_failures=1000,
            window=window,
            window_seconds=1e9,
            minimum_calls=minimum_calls,
            failure_rate=failure_rate,
            slow_call=0.5,
            slow_rate=slow_rate,
            open_for=8.0,
            open_for_most=30.0,
            spread=0.0,
        ),
        draw=lambda: 0.0,
    )

    def act(kind: str) -> None:
        clock.now += 0.75 if kind == "slow" else 0.25
        if kind == "bad":
            raise OSError("down")

    for kind, pause in steps:
        clock.now += pause
        began = clock.now
        admission = ours.admit(began)
        try:
            theirs.call(act, kind)
        except OSError:
            assert kind == "bad"
        except interlock.CircuitOpenError as refused:
            assert admission == refused.retry_after
            continue
        assert isinstance(admission, Admission)
        ending: Ending = "failed" if kind == "bad" else "succeeded"
        ours.settle(admission, ending, seconds=clock.now - began, now=clock.now)
        assert ours.circuit == STATES[theirs.state]
