"""`JobThread`: a thread that owns a connection and does what is asked of it, in order.

Everything that waits when the thread is ready for more is handed to its session as one batch, so
that a session can commit many jobs together; the batch is then answered in one hop.

*Not here*: what a batch is done in; that is a `Session`, see `bus.sqlite.session`.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from bus.errors import StoreError

T = TypeVar("T")

Work: TypeAlias = Callable[[Connection], T]
"""Does its part on the connection and returns what its caller wants to know."""

BATCH_LIMIT: Final = 256
WAITING_LIMIT: Final = 4096
"""So many jobs may wait for the thread before `wait_for_room` holds their callers up."""


@dataclass(slots=True)
class Job:
    """Something to do, whether it must survive a power loss, and what came of it.

    One that `compacts` has no transaction around it, and a log without traces after it.
    """

    work: Work[Any]
    durable: bool
    future: asyncio.Future[Any]
    compacts: bool = False
    value: Any = None
    error: BaseException | None = None


class Session(Protocol):
    """The thread's side: opens, performs batches and closes, all on that one thread."""

    def open(self) -> None: ...

    def perform(self, batch: list[Job]) -> None:
        """Gives every job of `batch` its value or its error; never raises."""
        ...

    def close(self) -> None: ...


class JobThread:
    """One thread with one session."""

    def __init__(self, name: str, session: Session) -> None:
        self._session = session
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._room = asyncio.Event()
        self._room.set()
        self._waiting = 0
        self._is_closing = False

    async def start(self) -> None:
        """Have the session opened; raises whatever that raised. If cancelled, it is closed."""
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()
        try:
            await self._opened
        except asyncio.CancelledError:
            self._is_closing = True
            self._jobs.put(None)
            raise

    def submit(
        self, work: Work[T], *, durable: bool, compacts: bool = False
    ) -> "asyncio.Future[T]":
        """What `work` returns, once it is done; cancelling the future does not undo the work."""
        if self._is_closing:
            raise StoreError("The bus file was closed by this process.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting += 1
        if self._waiting >= WAITING_LIMIT:
            self._room.clear()
        self._jobs.put(Job(work, durable, future, compacts))
        return future

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits for the thread that no more should be asked of it."""
        return self._waiting >= WAITING_LIMIT

    async def wait_for_room(self) -> None:
        """Return once the thread is not crowded."""
        while self.is_crowded:
            await self._room.wait()

    async def aclose(self) -> None:
        """Finish what was submitted, then close the session. Idempotent."""
        if not self._is_closing:
            self._is_closing = True
            self._jobs.put(None)
        await asyncio.shield(self._ended)

    def _run(self) -> None:
        try:
            self._session.open()
        except BaseException as error:  # noqa: BLE001 - raised where start() is awaited
            self._answer(self._opening_ended, error)
            return
        self._answer(self._opening_ended, None)
        while (job := self._jobs.get()) is not None:
            batch = [job]
            is_last = self._drain_into(batch)
            self._session.perform(batch)
            self._answer(self._resolve, batch)
            if is_last:
                break
        try:
            self._session.close()
        finally:
            self._answer(self._ended.set_result, None)

    def _drain_into(self, batch: list[Job]) -> bool:
        while len(batch) < BATCH_LIMIT:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return False
            if job is None:
                return True
            batch.append(job)
        return False

    def _answer(self, answer: Callable[[Any], None], value: object) -> None:
        # A loop that was closed over us has nobody left to be answered.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(answer, value)

    def _opening_ended(self, error: BaseException | None) -> None:
        if error is not None:
            self._is_closing = True
            self._ended.set_result(None)
        if self._opened.done():
            return  # whoever waited was cancelled
        if error is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(error)

    def _resolve(self, batch: list[Job]) -> None:
        self._waiting -= len(batch)
        if not self.is_crowded:
            self._room.set()
        for job in batch:
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.value)
            else:
                job.future.set_exception(job.error)
