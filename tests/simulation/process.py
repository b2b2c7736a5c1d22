"""`Process`: one life of one simulated process, and the wire through which it acts on the world.

*Guarantees*: every task that a process starts belongs to it. When it dies, its wires are dead
before any of its tasks is cancelled, so nothing that its cleanup does reaches the world.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from bus.errors import BusError
from tests.simulation.chance import Chance
from tests.simulation.trace import Trace

T = TypeVar("T")

_CURRENT: ContextVar["Process | None"] = ContextVar("process", default=None)

_ROUNDS: Final = 1000
"""How often a dead process's tasks are cancelled before they count as immortal."""


class Process:
    """One life, from start to death. `name` tells the lives of one machine apart."""

    def __init__(self, name: str, *, trace: Trace, is_mortal: bool = True) -> None:
        self.name = name
        self.is_alive = True
        self.is_mortal = is_mortal
        self.on_death: list[Callable[[], None]] = []
        self._trace = trace
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, main: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run `main` as this process."""
        before = _CURRENT.set(self)
        try:
            return asyncio.get_running_loop().create_task(main, name=self.name)
        finally:
            _CURRENT.reset(before)

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """`task` lives and dies with this process."""
        self._tasks.append(task)

    def die(self) -> None:
        """End at once, as by `kill -9`."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._trace.note(self.name, "DIES")
        for tell in self.on_death:
            tell()
        for task in self._tasks:
            task.cancel()

    async def bury(self) -> None:
        """Returns once nothing of a dead process runs any more."""
        for _ in range(_ROUNDS):
            self._tasks = [task for task in self._tasks if not task.done()]
            if not self._tasks:
                return
            for task in self._tasks:
                task.cancel()
            await asyncio.sleep(0)
        raise AssertionError(f"{self.name} is dead and does not stop: {self._tasks}")


def adopting_tasks(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T], **options: Any
) -> "asyncio.Task[T]":
    """A task factory that gives every task to the process that starts it."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    process = _CURRENT.get()
    if process is not None:
        process.adopt(task)
        if not process.is_alive:
            task.cancel()
    return task


class Wire:
    """The way from one process to one far side."""

    def __init__(self, process: Process, *, chance: Chance, trace: Trace) -> None:
        self.process = process
        self.is_cut = False
        self._chance = chance
        self._trace = trace
        self._cuts = 0

    def cut(self) -> None:
        """Break it: what is under way gets no answer, what comes is refused until `mend`."""
        self.is_cut = True
        self._cuts += 1

    def mend(self) -> None:
        """Let calls through again."""
        self.is_cut = False

    async def call(
        self,
        what: str,
        detail: str,
        act: Callable[[], T],
        *,
        lost: Callable[[], BusError],
        unanswered: Callable[[], BusError] | None = None,
    ) -> T:
        """What `act` gives, carried out at the far side in one step, if it gets there and back.

        Raises:
            What `lost` makes, if it did not get there.
            What `unanswered` makes, by default the same, if it did and the answer did not get back.
        """
        unanswered = unanswered or lost
        cuts = self._cuts
        await self._travel()
        fate = self._chance.fate()
        if not self.process.is_mortal and fate.startswith("dies"):
            fate = "done"
        if fate == "dies_before":
            self._die(f"before {what}")
        if fate == "lost" or self.is_cut or cuts != self._cuts:
            self._trace.note(self.process.name, f"{what} LOST", detail)
            raise lost()
        result = act()
        if fate == "dies_after":
            self._trace.note(self.process.name, what, detail)
            self._die(f"after {what}")
        if fate == "unanswered":
            self._trace.note(self.process.name, f"{what} UNANSWERED", detail)
            raise unanswered()
        self._trace.note(self.process.name, what, detail)
        await self._travel()
        if cuts != self._cuts:
            raise unanswered()
        return result

    async def call_surely(self, what: str, detail: str, act: Callable[[], T]) -> T:
        """What `act` gives, after the way there and back, for what implementations repeat."""
        await self._travel()
        result = act()
        self._trace.note(self.process.name, what, detail)
        await self._travel()
        return result

    async def _travel(self) -> None:
        if not self.process.is_alive:
            raise asyncio.CancelledError
        await asyncio.sleep(self._chance.way())
        if not self.process.is_alive:
            raise asyncio.CancelledError

    def _die(self, when: str) -> None:
        self._trace.note(self.process.name, "is struck", when)
        self.process.die()
        raise asyncio.CancelledError
