"""The laws of the circuit breaker, against arbitrary calls and clocks."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from agents.domain.breaker import Admission, Breaker, BreakerPolicy

POLICY = BreakerPolicy(
    consecutive_failures=3, window=6, minimum_calls=4, open_for=10.0, open_for_most=40.0, probes=2
)

ROUNDING = 1e-9
"""What a sum and a difference of floats may be off by, at instants of some thousand seconds."""


class BreakerMachine(RuleBasedStateMachine):
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(policy=POLICY)
        self.now = 0.0
        self.probes_in_flight: list[Admission] = []

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=calls, jitter=st.floats(0, 1, exclude_max=True))
    def a_call_begins(self, jitter: float) -> Admission | None:
        before = self.breaker.circuit
        admitted = self.breaker.admit(self.now, jitter)
        if not isinstance(admitted, Admission):
            assert admitted >= 0
            assert before != "closed"
            return None
        if admitted.is_probe:
            self.probes_in_flight.append(admitted)
        return admitted

    @rule(
        call=consumes(calls),
        ending=st.sampled_from(["succeeded", "failed", "abandoned"]),
        seconds=st.floats(0, 60),
        jitter=st.floats(0, 1, exclude_max=True),
    )
    def a_call_ends(self, call: Admission | None, ending, seconds: float, jitter: float) -> None:  # type: ignore[no-untyped-def]
        if call is None:
            return
        before = (self.breaker.circuit, self.breaker.generation)
        self.breaker.settle(call, ending, seconds=seconds, now=self.now, jitter=jitter)
        if call in self.probes_in_flight:
            self.probes_in_flight.remove(call)
        if call.generation != before[1] or ending == "abandoned":
            assert (self.breaker.circuit, self.breaker.generation) == before

    @invariant()
    def probes_are_limited(self) -> None:
        current = [
            probe for probe in self.probes_in_flight if probe.generation == self.breaker.generation
        ]
        assert len(current) <= POLICY.probes

    @invariant()
    def an_open_circuit_always_opens_up_again(self) -> None:
        if self.breaker.circuit == "open":
            longest = POLICY.open_for_most + ROUNDING
            assert self.breaker.retry_after(self.now) <= longest


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
