"""`Database`: one bus file, written by one thread of its own and read by another.

*Guarantees*: once `write` returns, what it wrote is in the file and survives a power loss, unless
the job was not `durable` or the database was opened with durability `normal`. Writes that are due
at the same time share one fsync. Any number of processes may have the file open; it must be on a
local disk.

*Not here*: what is written; that is `bus.sqlite.deliveries` and its neighbours.
"""

import asyncio
from sqlite3 import Connection
from types import TracebackType
from typing import Self

from bus.sqlite.connection import MEMORY
from bus.sqlite.job_thread import JobThread, T, Work
from bus.sqlite.patience import until_free
from bus.sqlite.session import Durability, ReadingSession, WritingSession
from bus.sqlite.wakeup import Wakeup


class Database:
    """A bus file; `:memory:` is one that only this object can see."""

    def __init__(self, path: str, *, durability: Durability = "full") -> None:
        self.path = path
        self._writer = JobThread("bus-writer", WritingSession(path, durability=durability))
        self._reader = self._writer
        if path != MEMORY:
            self._reader = JobThread("bus-reader", ReadingSession(path))
        self.wakeup = Wakeup(path, self.read)

    @classmethod
    async def open(cls, path: str, *, durability: Durability = "full") -> Self:
        """The file at `path`, made if it is not there.

        Raises:
            StoreCorruptError: it is damaged or not a bus file.
            StoreLockedError: another process holds it.
            StoreError: it cannot be read and written, or a newer version wrote it.
        """
        database = cls(path, durability=durability)
        await database._writer.start()
        if database._reader is not database._writer:
            try:
                await database._reader.start()
            except BaseException:
                await database._writer.aclose()
                raise
        return database

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """What `work` returns once what it wrote is committed.

        `work` may be called a second time if the transaction it shared is rolled back, so it must
        change nothing but the file. If cancelled, the write may still happen.

        Raises:
            StoreLockedError: other processes held the file for more than 10 s.
            StoreFullError: the disk is full.
            StoreError: the file cannot be written.
        """
        await self.wait_for_room()
        return await self._writer.submit(work, durable=durable)

    async def wait_for_room(self) -> None:
        """Return once not too many writes wait, for whoever is going to `submit` one."""
        if self._writer.is_crowded:
            await self._writer.wait_for_room()

    async def compact(self) -> None:
        """Write the file anew, so that nothing that was deleted or overwritten is left in it.

        SQLite moves rows from page to page and leaves copies of them behind, so overwriting is not
        enough. It takes some 2 s for 100 MB, during which nobody else can write, and as much room
        again beside the file.

        Raises:
            StoreLockedError: other processes held the file for more than 10 s.
            StoreFullError: the disk is full.
            StoreError: the file cannot be written.
        """
        await self._writer.submit(_rewrite, durable=True, compacts=True)

    def submit(self, work: Work[T], *, durable: bool = True) -> "asyncio.Future[T]":
        """`write` for whoever does not wait, or must not be cancelled: never held up."""
        return self._writer.submit(work, durable=durable)

    @property
    def is_crowded(self) -> bool:
        """Whether so many writes wait that what is not needed should be left out."""
        return self._writer.is_crowded

    async def read(self, work: Work[T]) -> T:
        """What `work` finds; it sees every write that returned before.

        Keep it short: the log of the file cannot be reused while it reads.
        """
        if self._reader.is_crowded:
            await self._reader.wait_for_room()
        return await self._reader.submit(work, durable=False)

    async def aclose(self) -> None:
        """Finish the writes that were asked for and let go of the file. Idempotent."""
        await self.wakeup.aclose()
        await self._reader.aclose()
        await self._writer.aclose()


def _rewrite(connection: Connection) -> None:
    until_free(lambda: connection.execute("VACUUM"))
