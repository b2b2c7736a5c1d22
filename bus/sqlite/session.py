"""What a `JobThread` does its batches in: `WritingSession` and `ReadingSession`.

*Guarantees*: a job's writes are kept whole or not at all. Jobs of one batch share one transaction
and one fsync; if one of them fails, every job of the batch is done again in a transaction of its
own, so that a failure is only ever its own. A job therefore touches nothing but its connection.

*Source*: SQLite, "Write-Ahead Logging"; group commit after DeWitt et al., "Implementation
Techniques for Main Memory Database Systems" (1984).
"""

import sqlite3
from contextlib import suppress
from typing import Literal, TypeAlias

from bus.sqlite.checkpoint import Checkpointer
from bus.sqlite.connection import MEMORY, connect, open_file
from bus.sqlite.errors import translated
from bus.sqlite.job_thread import Job
from bus.sqlite.patience import until_free

Durability: TypeAlias = Literal["full", "normal"]
"""`full`: what was confirmed survives a power loss. `normal`: it survives the death of processes,
and a power loss may take the last moments."""


class WritingSession:
    """The connection that writes, with the one that moves the log into the file beside it."""

    def __init__(self, path: str, *, durability: Durability = "full") -> None:
        self._path = path
        self._is_durable = durability == "full"
        self._is_synchronous = True
        self._checkpointer: Checkpointer | None = None

    def open(self) -> None:
        self._connection = open_file(self._path)
        with translated(self._path):
            self._connection.execute("PRAGMA busy_timeout = 0")
            self._connection.execute("PRAGMA synchronous = FULL")
            if self._path != MEMORY:
                self._checkpointer = Checkpointer(self._path)

    def perform(self, batch: list[Job]) -> None:
        """Do `batch` in one transaction, or each job alone if one of them fails."""
        if any(job.compacts for job in batch):
            for job in batch:
                if job.compacts:
                    self._compact(job)
                else:
                    self.perform([job])
            return
        failed_job: Job | None = None
        try:
            with translated(self._path):
                self._begin(is_durable=any(job.durable for job in batch))
                for job in batch:
                    failed_job = job
                    job.value = job.work(self._connection)
                failed_job = None
                self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - raised where the jobs are awaited
            self._roll_back()
            if failed_job is None or len(batch) == 1:
                for job in batch:
                    job.error = error
            else:
                for job in batch:
                    self.perform([job])
        if self._checkpointer is not None:
            self._checkpointer.after_commit(self._connection)

    def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.close(self._connection)
        self._connection.close()

    def _begin(self, *, is_durable: bool) -> None:
        # What can be lost in a power failure without harm, such as a lease, spares the fsync.
        is_synchronous = is_durable and self._is_durable
        if is_synchronous != self._is_synchronous:
            mode = "FULL" if is_synchronous else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous = {mode}")
            self._is_synchronous = is_synchronous
        until_free(lambda: self._connection.execute("BEGIN IMMEDIATE"))

    def _compact(self, job: Job) -> None:
        try:
            with translated(self._path):
                job.value = job.work(self._connection)
                if self._checkpointer is not None:
                    self._checkpointer.empty(self._connection)
        except BaseException as error:  # noqa: BLE001 - raised where the job is awaited
            job.error = error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # SQLite has rolled back already where it had to
                self._connection.execute("ROLLBACK")


class ReadingSession:
    """A connection that only reads, beside the writing one."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self) -> None:
        with translated(self._path):
            self._connection = connect(self._path)
            self._connection.execute("PRAGMA query_only = ON")

    def perform(self, batch: list[Job]) -> None:
        """Do each job of `batch` on its own."""
        for job in batch:
            try:
                with translated(self._path):
                    job.value = job.work(self._connection)
            except BaseException as error:  # noqa: BLE001 - raised where the job is awaited
                job.error = error

    def close(self) -> None:
        self._connection.close()
