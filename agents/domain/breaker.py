"""The circuit breaker as a state machine.

Closed, it lets calls through and counts how they end; too many failures open it. Open, it refuses
until a wait is over. Half-open, it lets a few probes through and closes or opens again by how they
end. A call carries the generation in which it was admitted, and a result of an older generation
changes nothing.

*Guarantees* (property-tested): while half-open at most `probes` calls are in flight; an abandoned
probe gives its place back; a late result neither opens nor closes anything.

*Not here*: time, tasks, counting towards metrics; `agents.circuit_breaker` is the shell.

*Source*: Nygard, "Release It!" (2007), Circuit Breaker; resilience4j for window and probe rules.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Circuit: TypeAlias = Literal["closed", "open", "half_open", "forced_open", "disabled"]
Ending: TypeAlias = Literal["succeeded", "failed", "abandoned"]
"""How a call ended; `abandoned` is one that says nothing about the callee: it was cancelled, or the
fault was the caller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens, and for how long. Times are seconds.

    It opens after `consecutive_failures` in a row, or when of the last `window` calls, at least
    `minimum_calls` of them known, the share `failure_rate` failed or the share `slow_rate` took
    longer than `slow_call`. It stays open for `open_for`, twice as long after every failed probe up
    to `open_for_most`, of which the part `spread` is random. `probes` calls are let through then,
    and as many successes close it. A probe that has not ended after `probe_wait` counts as failed.
    """

    consecutive_failures: int = 5
    window: int = 20
    minimum_calls: int = 10
    failure_rate: float = 0.5
    slow_call: float = 30.0
    slow_rate: float = 1.0
    open_for: float = 5.0
    open_for_most: float = 120.0
    spread: float = 0.2
    probes: int = 1
    probe_wait: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The right to make one call, to be given back with its ending."""

    generation: int
    is_probe: bool


@dataclass(slots=True, kw_only=True)
class Breaker:
    """The state of one circuit. `now` is seconds of a monotonic clock throughout.

    It is changed in place, by one owner: a breaker stands on the path of every call, and a copy per
    call would cost more than the rest of it.
    """

    policy: BreakerPolicy
    circuit: Circuit = "closed"
    generation: int = 0
    _consecutive: int = 0
    _openings: int = 0
    _opened_until: float = 0.0
    _probes_in_flight: int = 0
    _probes_succeeded: int = 0
    _half_open_since: float = 0.0
    _recent: list[tuple[bool, bool]] = field(default_factory=list)

    def admit(self, now: float, jitter: float = 0.0) -> Admission | float:
        """An admission, or the seconds after which to ask again; `jitter` is drawn from [0, 1)."""
        match self.circuit:
            case "closed" | "disabled":
                return Admission(generation=self.generation, is_probe=False)
            case "forced_open":
                return self.policy.open_for_most
            case "open":
                if now < self._opened_until:
                    return self._opened_until - now
                self._enter("half_open")
                self._half_open_since = now
            case "half_open":
                if now - self._half_open_since >= self.policy.probe_wait:
                    self._open(now, jitter)
                    return self._opened_until - now
        if self._probes_in_flight + self._probes_succeeded >= self.policy.probes:
            return max(0.0, self._half_open_since + self.policy.probe_wait - now)
        self._probes_in_flight += 1
        return Admission(generation=self.generation, is_probe=True)

    def settle(
        self, admission: Admission, ending: Ending, *, seconds: float, now: float, jitter: float
    ) -> None:
        """Take back `admission`: the call ended as `ending` after `seconds`."""
        if admission.generation != self.generation:
            return
        if admission.is_probe:
            self._probes_in_flight -= 1
        if ending == "abandoned" or self.circuit in ("forced_open", "disabled"):
            return
        failed = ending == "failed"
        if self.circuit == "half_open":
            if failed or seconds > self.policy.slow_call:
                self._open(now, jitter)
            else:
                self._probes_succeeded += 1
                if self._probes_succeeded >= self.policy.probes:
                    self._openings = 0
                    self._enter("closed")
            return
        self._consecutive = self._consecutive + 1 if failed else 0
        self._recent.append((failed, seconds > self.policy.slow_call))
        if len(self._recent) > self.policy.window:
            del self._recent[0]
        if self._should_open():
            self._open(now, jitter)

    def force(self, circuit: Literal["closed", "forced_open", "disabled"]) -> None:
        """Put it there by hand; `closed` also forgets what was counted."""
        self._openings = 0
        self._enter(circuit)

    def share(self, *, open_for: float, now: float) -> None:
        """Open it because a peer's breaker of the same name opened, for as long as the peer's."""
        if self.circuit == "closed":
            self._enter("open")
            self._opened_until = now + open_for

    def retry_after(self, now: float) -> float:
        """Seconds until it may let a call through; 0 if it would now."""
        match self.circuit:
            case "open":
                return max(0.0, self._opened_until - now)
            case "forced_open":
                return self.policy.open_for_most
            case _:
                return 0.0

    def _should_open(self) -> bool:
        policy, recent = self.policy, self._recent
        if self._consecutive >= policy.consecutive_failures:
            return True
        if len(recent) < policy.minimum_calls:
            return False
        failures = _share(failed for failed, _ in recent)
        slow = _share(was_slow for _, was_slow in recent)
        return failures >= policy.failure_rate or slow >= policy.slow_rate

    def _open(self, now: float, jitter: float) -> None:
        policy = self.policy
        longest = min(policy.open_for_most, policy.open_for * 2.0 ** min(self._openings, 16))
        self._openings += 1
        self._opened_until = now + longest * (1.0 - policy.spread * jitter)
        self._enter("open")

    def _enter(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.generation += 1
        self._consecutive = 0
        self._probes_in_flight = 0
        self._probes_succeeded = 0
        self._recent.clear()


def _share(flags: Iterable[bool]) -> float:
    known = tuple(flags)
    return sum(known) / len(known)
