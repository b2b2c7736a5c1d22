"""The async shell of the circuit breaker: time, timeouts, cancellation, and telling the others.

*Guarantees*: a refused call's coroutine is never created; a cancelled call counts neither way and
gives its place back; a timeout of ours counts as a failure, one of the caller's does not.

*Not here*: when a circuit opens; that is `agents.domain.breaker`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import structlog

from agents.domain.breaker import Admission, Breaker, BreakerPolicy, Circuit, Ending
from agents.errors import CircuitOpenError, ToolTimeoutError
from bus import BusError, Clock

R = TypeVar("R")

Counts: TypeAlias = Callable[[Exception], bool]
"""Whether an error says something about the callee rather than about the caller."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange:
    """What a breaker tells its listener; `retry_after` is seconds."""

    name: str
    before: Circuit
    after: Circuit
    retry_after: float


Listener: TypeAlias = Callable[[CircuitChange], Awaitable[None]]


class CircuitBreaker:
    """Guards calls of one callee."""

    def __init__(
        self, name: str, *, policy: BreakerPolicy, clock: Clock, listener: Listener
    ) -> None:
        self.name = name
        self._breaker = Breaker(policy=policy)
        self._clock = clock
        self._listener = listener

    @property
    def circuit(self) -> Circuit:
        """The present state."""
        return self._breaker.circuit

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be let through; 0 if one would be now."""
        return self._breaker.retry_after(self._clock.monotonic())

    async def call(self, act: Callable[[], Awaitable[R]], *, timeout: float, counts: Counts) -> R:
        """The result of `act()`, unless the circuit is open.

        Raises:
            CircuitOpenError: it was not called.
            ToolTimeoutError: it took longer than `timeout` seconds.
            Whatever `act` raises.
        """
        breaker, clock = self._breaker, self._clock
        before, started = breaker.circuit, clock.monotonic()
        admission = breaker.admit(started, random.random())  # noqa: S311  (jitter)
        if not isinstance(admission, Admission):
            await self._tell(before)
            raise CircuitOpenError(self.name, retry_after=admission)
        ending: Ending = "abandoned"
        try:
            async with asyncio.timeout(timeout) as timer:
                result = await act()
            ending = "succeeded"
            return result
        except TimeoutError as error:
            ending = "failed"
            if not timer.expired():
                raise
            raise ToolTimeoutError(
                self.name, f"{self.name} took longer than {timeout:g} s."
            ) from error
        except Exception as error:  # passed on; here it is only weighed
            ending = "failed" if counts(error) else "abandoned"
            raise
        finally:
            now = clock.monotonic()
            breaker.settle(
                admission,
                ending,
                seconds=now - started,
                now=now,
                jitter=random.random(),  # noqa: S311
            )
            if breaker.circuit != before:
                await self._tell(before)

    async def force(self, circuit: Literal["closed", "forced_open", "disabled"]) -> None:
        """Put the circuit there by hand."""
        before = self._breaker.circuit
        self._breaker.force(circuit)
        await self._tell(before)

    def share(self, change_retry_after: float) -> None:
        """Open because a peer's circuit of this name opened; tells nobody, they know."""
        self._breaker.share(open_for=change_retry_after, now=self._clock.monotonic())

    async def _tell(self, before: Circuit) -> None:
        after = self._breaker.circuit
        if after == before:
            return
        _log.warning("agents.circuit.changed", name=self.name, before=before, after=after)
        change = CircuitChange(
            name=self.name, before=before, after=after, retry_after=self.retry_after
        )
        try:
            await self._listener(change)
        except BusError as error:
            _log.warning("agents.circuit.untold", name=self.name, error=str(error))


class CircuitBreakers:
    """The breakers of one process, by name, made when first asked for."""

    def __init__(
        self, *, clock: Clock, listener: Listener, policy: BreakerPolicy | None = None
    ) -> None:
        self._clock = clock
        self._listener = listener
        self._policy = policy or BreakerPolicy()
        self._breakers: dict[str, CircuitBreaker] = {}

    def __getitem__(self, name: str) -> CircuitBreaker:
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = CircuitBreaker(
                name, policy=self._policy, clock=self._clock, listener=self._listener
            )
        return breaker

    def __iter__(self) -> Iterator[CircuitBreaker]:
        return iter(self._breakers.values())
