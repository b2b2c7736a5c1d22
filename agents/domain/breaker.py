"""The circuit breaker as a state machine.

Closed, it lets calls through and counts how they end; too many failures open it. Open, it refuses
until a wait is over. Half-open, it lets a few probes through and closes or opens again by how they
end. By hand it is forced open, which refuses until further notice, or disabled, which lets
everything through and counts nothing. A call carries the generation in which it was admitted, and a
result of an older generation changes nothing.

Breakers of one name in several processes tell each other. One that was closed opens with a peer
that was closed, too, somewhat longer than the peer, so that the peer probes first. What was opened
so ends early when a peer closes: then it probes by itself. An opening of its own it ends by itself
alone, and a peer that opens again after a failed probe opens nobody who is closed: so one process
that cannot reach the callee does not keep all others from it.

*Guarantees* (property-tested): while half-open at most `probes` calls are in flight; an abandoned
probe gives its place back; a probe that hangs opens the circuit by the passing of time alone; a
late result neither opens nor closes anything; a circuit opens exactly when the counts of its window
say so.

*Not here*: time, tasks, counting towards metrics; `agents.calling.circuit_breaker` is the shell.

*Source*: Nygard, "Release It!" (2007), Circuit Breaker; resilience4j for window and probe rules.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from agents.domain.call_window import CallWindow
from agents.errors import AgentUsageError

Circuit: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "disabled"]
ForcedCircuit: TypeAlias = Literal["closed", "forced_open", "disabled"]
"""What a circuit can be put to by hand; `closed` is a reset."""
Ending: TypeAlias = Literal["succeeded", "failed", "abandoned"]
"""How a call ended; `abandoned` is one that says nothing about the callee: it was cancelled, or the
fault was the caller's."""

_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens, and for how long. Times are seconds.

    It opens after `consecutive_failures` in a row, or when of the last `window` calls, those of the
    last `window_seconds` and at least `minimum_calls` of them, the share `failure_rate` failed or
    the share `slow_rate` took longer than `slow_call`. It stays open for `open_for`, twice as long
    after every failed probe up to `open_for_most`, of which the part `spread` is random. `probes`
    calls are let through then, and as many successes close it. A probe that has not ended after
    `probe_wait`, or was slow, counts as failed.

    Raises:
        AgentUsageError: a value is out of its range, or `minimum_calls` never fit into `window`.
    """

    consecutive_failures: int = 5
    window: int = 20
    window_seconds: float = 300.0
    minimum_calls: int = 10
    failure_rate: float = 0.5
    slow_call: float = 30.0
    slow_rate: float = 1.0
    open_for: float = 5.0
    open_for_most: float = 120.0
    spread: float = 0.2
    probes: int = 1
    probe_wait: float = 60.0

    def __post_init__(self) -> None:
        for name in ("consecutive_failures", "window", "minimum_calls", "probes"):
            if getattr(self, name) < 1:
                raise AgentUsageError(f"{name} of a breaker's policy must be at least 1.")
        for name in ("window_seconds", "slow_call", "open_for", "open_for_most", "probe_wait"):
            if not getattr(self, name) > 0:
                raise AgentUsageError(f"{name} of a breaker's policy must be more than 0 seconds.")
        for name in ("failure_rate", "slow_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise AgentUsageError(f"{name} of a breaker's policy must be in (0, 1].")
        if not 0 <= self.spread <= 1:
            raise AgentUsageError("spread of a breaker's policy must be in [0, 1].")
        if not self.open_for <= self.open_for_most < math.inf:
            raise AgentUsageError("open_for_most of a breaker's policy must be at least open_for.")
        if self.minimum_calls > self.window:
            raise AgentUsageError("minimum_calls of a breaker's policy never fit into its window.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The right to make one call, to be given back with its ending.

    `probing_since` is the instant at which a probe was admitted, None for any other call.
    """

    generation: int
    probing_since: float | None = None

    @property
    def is_probe(self) -> bool:
        """Whether the call decides if a half-open circuit closes."""
        return self.probing_since is not None


@dataclass(slots=True, kw_only=True)
class Breaker:
    """The state of one circuit. `now` is seconds of a monotonic clock throughout.

    It is changed in place, by one owner: a breaker stands on the path of every call, and a copy per
    call would cost more than the rest of it. `draw` gives numbers from [0, 1), asked for whenever
    the circuit opens. `openings` counts how often it did; `window` and `consecutive` of an open
    circuit are as they were when it opened.
    """

    policy: BreakerPolicy
    draw: Callable[[], float]
    circuit: Circuit = "closed"
    generation: int = 0
    consecutive: int = 0
    openings: int = 0
    is_shared: bool = False
    window: CallWindow = field(init=False)
    _pass: Admission = field(init=False)
    _doublings: int = 0
    _opened_until: float = 0.0
    _probing: list[float] = field(default_factory=list)
    _probes_succeeded: int = 0

    def __post_init__(self) -> None:
        self.window = CallWindow(size=self.policy.window, seconds=self.policy.window_seconds)
        self._pass = Admission(generation=self.generation)

    def admit(self, now: float) -> Admission | float:
        """An admission, or the seconds after which to ask again."""
        if self.circuit == "closed":
            return self._pass
        self.advance(now)
        match self.circuit:
            case "disabled":
                return self._pass
            case "forced_open":
                return self.retry_after(now)
            case "open":
                if now < self._opened_until:
                    return self._opened_until - now
                self._enter("half_open")
            case "half_open":
                if not self._has_place:
                    return self.retry_after(now)
        self._probing.append(now)
        return Admission(generation=self.generation, probing_since=now)

    def settle(self, admission: Admission, ending: Ending, *, seconds: float, now: float) -> None:
        """Take back `admission`: the call ended `now` as `ending` after `seconds`."""
        if admission is self._pass and self.circuit == "closed":
            if ending != "abandoned":
                self._count(ending == "failed", seconds > self.policy.slow_call, now)
            return
        self.advance(now)
        if admission.generation != self.generation or admission.probing_since is None:
            return
        self._probing.remove(admission.probing_since)
        if ending == "failed" or (ending == "succeeded" and seconds > self.policy.slow_call):
            self._open(now)
        elif ending == "succeeded":
            self._probes_succeeded += 1
            if self._probes_succeeded >= self.policy.probes:
                self._doublings = 0
                self._enter("closed")

    def advance(self, now: float) -> None:
        """Do what time alone brings about: a half-open circuit whose probe hangs opens again."""
        if self.circuit == "half_open" and self._probing:
            hangs_at = self._probing[0] + self.policy.probe_wait
            if now >= hangs_at:
                self._open(hangs_at)

    def force(self, circuit: ForcedCircuit) -> None:
        """Put it there by hand; whatever was counted is forgotten."""
        self._doublings = 0
        self._enter(circuit)

    def peer_opened(self, *, open_for: float, was_closed: bool, now: float) -> None:
        """A peer opened for `open_for` seconds, having been closed or, if not, half-open.

        No peer opens it for longer than this breaker's own policy would, but for the spread.
        """
        if self.circuit == "closed" and was_closed:
            self._enter("open")
            self.openings += 1
            self.is_shared = True
            self._opened_until = now
        if self.circuit == "open" and self.is_shared:
            policy = self.policy
            bounded = min(max(0.0, open_for), policy.open_for_most)
            until = now + bounded * (1.0 + policy.spread * self.draw())
            self._opened_until = max(self._opened_until, until)

    def peer_closed(self, now: float) -> None:
        """A peer closed: an opening that was taken over from a peer gives way to a probe."""
        if self.circuit == "open" and self.is_shared:
            self._opened_until = min(self._opened_until, now)

    def retry_after(self, now: float) -> float:
        """Seconds until it may let a call through; 0 if it would now.

        How long the probes of a half-open circuit take is unknown: no longer than `probe_wait`, and
        not worth waiting for longer than another opening.
        """
        self.advance(now)
        match self.circuit:
            case "open":
                return max(0.0, self._opened_until - now)
            case "forced_open":
                return self.policy.open_for_most
            case "half_open" if not self._has_place:
                hangs_in = self._probing[0] + self.policy.probe_wait - now
                return min(self.policy.open_for, hangs_in)
            case _:
                return 0.0

    @property
    def _has_place(self) -> bool:
        return len(self._probing) + self._probes_succeeded < self.policy.probes

    def _count(self, failed: bool, slow: bool, now: float) -> None:
        window = self.window
        window.add(now, failed, slow)
        if failed:
            self.consecutive += 1
        elif self.consecutive:
            self.consecutive = 0
        if (window.failures or window.slow) and self._should_open():
            self._open(now)

    def _should_open(self) -> bool:
        policy, window = self.policy, self.window
        if self.consecutive >= policy.consecutive_failures:
            return True
        known = len(window)
        if known < policy.minimum_calls:
            return False
        return (
            window.failures / known >= policy.failure_rate
            or window.slow / known >= policy.slow_rate
        )

    def _open(self, at: float) -> None:
        policy = self.policy
        doubled = policy.open_for * 2.0 ** min(self._doublings, _MOST_DOUBLINGS)
        self._doublings += 1
        self.openings += 1
        self._opened_until = at + min(policy.open_for_most, doubled) * (
            1.0 - policy.spread * self.draw()
        )
        self._enter("open")

    def _enter(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.generation += 1
        self.is_shared = False
        self._pass = Admission(generation=self.generation)
        self._probing.clear()
        self._probes_succeeded = 0
        if circuit not in ("open", "half_open"):
            self.consecutive = 0
            self.window.clear()
