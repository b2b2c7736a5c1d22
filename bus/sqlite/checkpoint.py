"""`Checkpointer`: moves the write-ahead log into the file without meeting a commit.

SQLite 3.7.0 to 3.51.2 can damage a file when a checkpoint races a commit of another connection. A
checkpoint is therefore made only while a connection of ours holds the write lock, and never by
SQLite itself.

*Guarantees*: no commit of any process overlaps a checkpoint of ours. The log stays at a few times
`LIMIT` unless a reader holds on to it. Once `empty` has returned, nothing older is left in it.

*Source*: SQLite release notes 3.51.3 (the WAL-reset bug); "Write-Ahead Logging", section 3.
"""

import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from bus.errors import StoreLockedError
from bus.sqlite.connection import connect
from bus.sqlite.patience import until_free
from bus.sqlite.queries import QUERIES

LIMIT: Final = 4 * 1024 * 1024
"""Bytes by which the log may grow before it is moved."""

COMMITS: Final = 2000
"""Commits after which a log of more than `LIMIT` is moved although its file did not grow."""

PATIENCE: Final = 10.0
"""Seconds that readers, who take milliseconds, may hold on to the log while it is emptied."""

EMPTY: Final = 16 * 1024
"""Bytes of a log that was begun anew: one small commit."""

_LOOK_EVERY: Final = 16
_PAUSE: Final = 0.005


class Checkpointer:
    """Watches the size of the log and moves it when it is due."""

    def __init__(self, path: str) -> None:
        self._log = Path(f"{path}-wal")
        self._connection = connect(path)
        self._commits = 0
        self._size_before = 0

    def after_commit(self, writer: sqlite3.Connection) -> None:
        """Move the log if it has grown enough; `writer` must be outside a transaction."""
        self._commits += 1
        if self._commits % _LOOK_EVERY:
            return
        size = self._log_size()
        if size - self._size_before >= LIMIT or (self._commits >= COMMITS and size >= LIMIT):
            self._move(writer)
            self._commits = 0
            self._size_before = size

    def empty(self, writer: sqlite3.Connection) -> None:
        """Have everything that stands in the log gone from it, not only moved.

        Raises:
            sqlite3.Error: the log cannot be moved or cut.
            StoreLockedError: somebody reads from it for longer than `PATIENCE`.
        """
        deadline = time.monotonic() + PATIENCE
        writer.execute("PRAGMA journal_size_limit = 0")
        try:
            while True:
                self._move(writer)
                # The first commit after all was moved begins the log anew, and cuts off the rest.
                until_free(lambda: writer.execute(QUERIES["change_routing"]))
                if self._log_size() <= EMPTY:
                    return
                if time.monotonic() > deadline:
                    raise StoreLockedError(
                        "What was erased is gone from the history, but traces are left in the "
                        "bus file's log, which another process reads: do it again."
                    )
                time.sleep(_PAUSE)
        finally:
            writer.execute("PRAGMA journal_size_limit = -1")

    def close(self, writer: sqlite3.Connection) -> None:
        """Move what there is and let go."""
        self._move(writer)
        self._connection.close()

    def _log_size(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _move(self, writer: sqlite3.Connection) -> None:
        # What fails now, because another process writes or the disk is full, is due again soon.
        with suppress(sqlite3.Error):
            writer.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                writer.execute("ROLLBACK")
