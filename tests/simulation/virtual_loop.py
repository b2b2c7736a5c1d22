"""`VirtualLoop`: an event loop whose time stands still while anything can run, and then jumps.

*Guarantees*: an hour of waiting costs nothing; callbacks run in the order that asyncio gives them,
so a run that draws all its chance from one seed is the same every time.

*Not here*: threads, sockets, subprocesses. Whatever needs them does not run in virtual time.

*Source*: Zhou et al., "FoundationDB: A Distributed Unbundled Transactional Key Value Store" (2021),
section 4, deterministic simulation.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

EPOCH: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""The instant at which virtual time begins."""

MAX_STEPS: Final = 3_000_000
"""Rounds of the loop after which a run is taken not to end by itself."""


class StandstillError(Exception):
    """Everything waits and nothing is due, or the loop turns and turns without an end."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Time begins at 0 and jumps to the next timer whenever nothing else can run."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Jump(self)
        self.steps = 0
        self.set_debug(False)

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float | None) -> None:
        """Let `seconds` pass, or stop if nothing is due ever."""
        self.steps += 1
        if seconds is None:
            raise StandstillError("Everything waits and nothing is due.")
        if self.steps > MAX_STEPS:
            raise StandstillError(f"After {MAX_STEPS:,} rounds there is still something to do.")
        if seconds > 0:
            self._now += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        raise StandstillError("Another thread called, and there are none in virtual time.")


class VirtualClock:
    """A `bus.Clock` that shows the time of the running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns, run to its end in virtual time.

    Raises:
        StandstillError: it would never end.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class _Jump:
    """Stands where a selector would wait for the operating system."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.jump(timeout)
        return []
