"""Work in threads that the event loop can wait for together and stop.

*Guarantees*: work asked for twice while it is under way is done once; it is stopped when nobody
waits for it any more, and not before.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event, Lock
from typing import Final, Generic, Protocol, TypeVar

import duckdb

T = TypeVar("T")

INTERRUPT_EVERY: Final = 0.05
"""Seconds; an interrupt that arrives before its statement has begun is lost, so it is repeated."""


class Interruptible(Protocol):
    """Something that another thread may tell to stop, such as a connection of DuckDB or SQLite."""

    def interrupt(self) -> None:
        """Stop what is running, if anything is; does not wait for it."""
        ...


class Interruption:
    """How the loop tells a thread, and the statement it runs, to stop."""

    def __init__(self) -> None:
        self._asked = Event()
        self._lock = Lock()
        self._running: Interruptible | None = None

    def ask(self) -> None:
        """Stop as soon as possible; may be called again."""
        self._asked.set()
        with self._lock:
            if self._running is not None:
                self._running.interrupt()

    def wait(self, seconds: float) -> None:
        """Sleep in the thread unless asked to stop.

        Raises:
            duckdb.InterruptException: it was asked to stop.
        """
        self._asked.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raises duckdb.InterruptException once `ask` was called."""
        if self._asked.is_set():
            raise duckdb.InterruptException("Interrupted.")

    @contextmanager
    def of(self, running: Interruptible) -> Iterator[None]:
        """Let `ask` interrupt this while the block runs, and what it was before after that."""
        with self._lock:
            before, self._running = self._running, running
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._running = before


class SharedWork(Generic[T]):
    """Functions run in an executor, one at a time for each key; its loop is the caller's."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self._under_way: dict[Hashable, _Work[T]] = {}

    async def run(self, key: Hashable, function: Callable[[Interruption], T]) -> T:
        """The result of `function`, or of the one under way for `key`.

        If cancelled, and nobody else waits, the function is interrupted and left to end by itself.
        """
        work = self._under_way.get(key)
        if work is None or work.is_stopping:
            work = self._under_way[key] = _Work(self._executor, function)
            work.done.add_done_callback(partial(self._forget, key, work))
        return await work.result()

    def _forget(self, key: Hashable, work: "_Work[T]", _: object) -> None:
        if self._under_way.get(key) is work:
            del self._under_way[key]

    def interrupt(self) -> None:
        """Stop everything that is under way."""
        for work in list(self._under_way.values()):
            work.stop()


class _Work(Generic[T]):
    def __init__(self, executor: ThreadPoolExecutor, function: Callable[[Interruption], T]) -> None:
        self._interruption = Interruption()
        self._waiting = 0
        self.is_stopping = False
        self._thread: Future[T] = executor.submit(function, self._interruption)
        self.done: asyncio.Future[T] = asyncio.wrap_future(self._thread)
        # Whoever waits gets the error; when nobody does, nobody needs it.
        self.done.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def result(self) -> T:
        self._waiting += 1
        try:
            return await asyncio.shield(self.done)
        finally:
            self._waiting -= 1
            if self._waiting == 0 and not self.done.done():
                self.stop()

    def stop(self) -> None:
        self.is_stopping = True
        if not self._thread.cancel() and not self._thread.done():
            self._interruption.ask()
            self.done.get_loop().call_later(INTERRUPT_EVERY, self.stop)
