"""The async shell of the circuit breaker: time, timeouts, cancellation, and telling the others.

*Guarantees*: a refused call's coroutine is never created; a cancelled call counts neither way and
gives its place back; a timeout of ours counts as a failure, one of the caller's does not; a
listener neither delays nor breaks a call.

*Not here*: when a circuit opens; that is `agents.domain.breaker`. Retries: they stand around the
breaker, and an open circuit ends them.
"""

import asyncio
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

import structlog

from agents.calling.time_limit import TimeLimits
from agents.domain.breaker import Admission, Breaker, BreakerPolicy, Circuit, Ending, ForcedCircuit
from agents.domain.circuit import CircuitSnapshot
from agents.errors import CircuitOpenError, ToolTimeoutError
from bus import Clock

R = TypeVar("R")

Counts: TypeAlias = Callable[[Exception], bool]
"""Whether an error says something about the callee rather than about the caller."""

LONGEST_ERROR: Final = 200
"""Characters of the last error that a snapshot keeps."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange:
    """What a breaker tells its listener; `retry_after` is seconds."""

    name: str
    before: Circuit
    after: Circuit
    retry_after: float


Listener: TypeAlias = Callable[[CircuitChange], None]
"""Takes note of a change at once; whatever takes time it leaves to somebody else."""


class CircuitBreaker:
    """Guards calls of one callee, from the tasks of one event loop.

    The listener is told of every change but that to half-open, which lasts for a call, and of none
    that a peer brought about. A half-open circuit whose probe hangs is told to be open again only
    once somebody calls; `circuit` shows it at once.
    """

    def __init__(
        self, name: str, *, policy: BreakerPolicy, clock: Clock, listener: Listener
    ) -> None:
        self.name = name
        self._breaker = Breaker(policy=policy, draw=random.random)
        self._clock = clock
        self._listener = listener
        self._limits: TimeLimits | None = None
        self._noticed: Circuit = "closed"
        self._noticed_generation = 0
        self._last_error = ""

    @property
    def circuit(self) -> Circuit:
        """The present state."""
        self._breaker.advance(self._clock.monotonic())
        return self._breaker.circuit

    @property
    def retry_after(self) -> float:
        """Seconds until a call may be let through; 0 if one would be now."""
        return self._breaker.retry_after(self._clock.monotonic())

    def snapshot(self) -> CircuitSnapshot:
        """The present state with its figures, for people."""
        breaker, now = self._breaker, self._clock.monotonic()
        retry_after = breaker.retry_after(now)
        if breaker.circuit == "closed":
            breaker.window.slide(now)
        return CircuitSnapshot(
            name=self.name,
            circuit=breaker.circuit,
            calls=len(breaker.window),
            failures=breaker.window.failures,
            slow=breaker.window.slow,
            consecutive=breaker.consecutive,
            openings=breaker.openings,
            retry_after=round(retry_after, 3),
            last_error=self._last_error,
            is_shared=breaker.is_shared,
        )

    async def call(
        self,
        act: Callable[[], Awaitable[R]],
        *,
        timeout: float,
        counts: Counts,
        patience: float = math.inf,
    ) -> R:
        """The result of `act()`, unless the circuit is open.

        `timeout` is the seconds that the callee may take, `patience` those that the caller has: if
        they are fewer and run out, that says nothing about the callee. A TimeoutError that `act`
        raises itself counts as a failure whatever `counts` says.

        Raises:
            CircuitOpenError: it was not called.
            ToolTimeoutError: it took longer than `timeout` or `patience`.
            AgentUsageError: the breaker was used on another event loop before.
            Whatever `act` raises.
        If cancelled, the call counts neither way.
        """
        limits = self._limits
        if limits is None:
            limits = self._limits = TimeLimits()
        task = limits.present_task()
        started = self._clock.monotonic()
        admission = self._admit(started)
        ending: Ending = "abandoned"
        is_over = False
        try:
            limit = limits.begin(task, timeout if timeout <= patience else patience)  # noqa: FURB136  (fast)
            try:
                result = await act()
            finally:
                is_over = limits.end(limit)
            ending = "succeeded"
            if is_over and timeout <= patience:  # it came after all, but too late
                ending = self._failed(self._timeout_error(timeout))
            return result
        except (Exception, asyncio.CancelledError) as error:
            if is_over:
                late = self._timeout_error(min(timeout, patience))
                if timeout <= patience:
                    ending = self._failed(late)
                raise late from error
            ending = self._weighed(error, counts)
            raise
        finally:
            now = self._clock.monotonic()
            self._settle(admission, ending, seconds=now - started, now=now)

    @asynccontextmanager
    async def stream(
        self, act: Callable[[], AsyncIterator[R]], *, timeout: float, counts: Counts
    ) -> AsyncIterator[AsyncIterator[R]]:
        """The items of `act()`, unless the circuit is open: one call, however many items.

        `timeout` is the seconds that each item may take. It fails once if the callee fails on any
        item, succeeds when the items come to their end, and counts neither way when the block is
        left before. What the block itself takes, or raises, is not the callee's. What the callee
        holds open is closed when the block is left, for which it has `timeout` once more.

        Raises:
            CircuitOpenError: it was not called.
            ToolTimeoutError, whatever `act` raises: from the iterator, within the block.
        """
        if self._limits is None:
            self._limits = TimeLimits()
        self._limits.present_task()
        admission = self._admit(self._clock.monotonic())
        ending: Ending = "abandoned"
        waited = 0.0
        items: AsyncIterator[R] | None = None

        async def each() -> AsyncGenerator[R, None]:
            nonlocal ending, items, waited
            while True:
                began = self._clock.monotonic()
                try:
                    async with asyncio.timeout(timeout) as timer:
                        if items is None:
                            items = act()
                        item = await anext(items)
                except StopAsyncIteration:
                    ending = "succeeded"
                    return
                except Exception as error:
                    if timer.expired():
                        late = self._timeout_error(timeout)
                        ending = self._failed(late)
                        raise late from error
                    ending = self._weighed(error, counts)
                    raise
                finally:
                    waited += self._clock.monotonic() - began
                yield item

        try:
            async with aclosing(each()) as guarded:
                yield guarded
        finally:
            self._settle(admission, ending, seconds=waited, now=self._clock.monotonic())
            if isinstance(items, AsyncGenerator):
                with suppress(TimeoutError):
                    async with asyncio.timeout(timeout):
                        await items.aclose()

    def force(self, circuit: ForcedCircuit) -> None:
        """Put the circuit there by hand, in this process; `closed` is a reset."""
        self._breaker.force(circuit)
        if circuit == "closed":
            self._last_error = ""
        self._notice()

    def follow(self, change: CircuitChange) -> None:
        """Heed that a peer's circuit of this name changed; tells nobody, they know.

        States that were set by hand are not followed: who sets them tells every process.
        """
        breaker, now = self._breaker, self._clock.monotonic()
        breaker.advance(now)
        if breaker.generation != self._noticed_generation:
            self._notice()
        if change.after == "open":
            breaker.peer_opened(
                open_for=change.retry_after, was_closed=change.before == "closed", now=now
            )
        elif change.after == "closed":
            breaker.peer_closed(now)
        if breaker.generation != self._noticed_generation:
            _log.warning("agents.circuit.followed", name=self.name, after=breaker.circuit)
            self._noticed = breaker.circuit
            self._noticed_generation = breaker.generation

    def _admit(self, now: float) -> Admission:
        admission = self._breaker.admit(now)
        if self._breaker.generation != self._noticed_generation:
            self._notice()
        if not isinstance(admission, Admission):
            raise CircuitOpenError(self.name, retry_after=admission)
        return admission

    def _settle(self, admission: Admission, ending: Ending, *, seconds: float, now: float) -> None:
        self._breaker.settle(admission, ending, seconds=seconds, now=now)
        if self._breaker.generation != self._noticed_generation:
            self._notice()

    def _weighed(self, error: BaseException, counts: Counts) -> Ending:
        if not isinstance(error, Exception):
            return "abandoned"
        if isinstance(error, TimeoutError) or counts(error):
            return self._failed(error)
        return "abandoned"

    def _failed(self, error: Exception) -> Literal["failed"]:
        self._last_error = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        return "failed"

    def _timeout_error(self, seconds: float) -> ToolTimeoutError:
        return ToolTimeoutError(self.name, f"{self.name} took longer than {seconds:g} s.")

    def _notice(self) -> None:
        before, after = self._noticed, self._breaker.circuit
        self._noticed, self._noticed_generation = after, self._breaker.generation
        if after in (before, "half_open"):
            return
        _log.warning("agents.circuit.changed", name=self.name, before=before, after=after)
        change = CircuitChange(
            name=self.name, before=before, after=after, retry_after=self.retry_after
        )
        try:
            self._listener(change)
        except Exception:  # noqa: BLE001  (the listener is not ours, and the call goes on)
            _log.exception("agents.circuit.untold", name=self.name)


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

    def get(self, name: str) -> CircuitBreaker | None:
        """The breaker of that name, if it was ever asked for."""
        return self._breakers.get(name)

    def unavailable(self, *, for_longer_than: float = 0.0) -> frozenset[str]:
        """The names whose circuits let no call through for that many seconds.

        A half-open circuit is about to be decided and not among them.
        """
        return frozenset(
            breaker.name
            for breaker in self
            if breaker.circuit in ("open", "forced_open") and breaker.retry_after > for_longer_than
        )

    def follow(self, change: CircuitChange) -> None:
        """Heed that a circuit changed in another process."""
        if change.after == "open":
            self[change.name].follow(change)
        elif (breaker := self._breakers.get(change.name)) is not None:
            breaker.follow(change)
