"""The file of a `SqliteCacheStore` and the one thread that uses it.

*Guarantees*: a new file is readable by its owner only, and so is a directory made for it; a file
of another program is refused, never changed. A file that was deleted or replaced is opened anew.
Jobs are done one after the other; one whose caller gave up before its turn is left out.

*Not here*: the file of the bus; that is `bus.sqlite`.

*Source*: SQLite, "PRAGMA Statements", "Write-Ahead Logging".
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from agents.cache_store import CacheUnavailableError

T = TypeVar("T")

_APPLICATION_ID: Final = 0x436E7643  # "CnvC"
_VERSION: Final = 1
_CHECKED_SIZE: Final = 32 * 1024 * 1024
_PAUSE: Final = 0.005
_making: Final = threading.Lock()
_SCHEMA: Final = """
CREATE TABLE answers (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, sealed BLOB NOT NULL,
  expires_at REAL NOT NULL
) STRICT;
CREATE INDEX answers_by_end ON answers (expires_at);
CREATE TABLE locks (
  key TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, ends_at REAL NOT NULL
) STRICT;
CREATE TABLE tags (tag TEXT PRIMARY KEY, version TEXT NOT NULL, used_at REAL NOT NULL) STRICT;
CREATE TABLE news (
  number INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, tag TEXT NOT NULL
) STRICT
"""


class SqliteFile:
    """The file at `path`, opened when first used; no job takes longer than `budget` seconds."""

    def __init__(self, path: str, *, budget: float) -> None:
        self.path = path
        self._budget = budget
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="response-cache")
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._is_closed = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns. If cancelled, it may still be done.

        Raises:
            CacheUnavailableError: the file cannot be used, or others held it for too long.
        """
        if self._is_closed:
            raise CacheUnavailableError("The file of the response cache was closed.")
        try:
            async with asyncio.timeout(self._budget):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._do, work)
        except TimeoutError as error:
            raise CacheUnavailableError(
                f"The cache file {self.path} is held by others for too long."
            ) from error

    @property
    def identity(self) -> tuple[int, int] | None:
        """Which file is open; another one if it was replaced."""
        return self._identity

    async def aclose(self) -> None:
        """Let go of the file. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        finally:
            self._thread.shutdown(wait=False)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._opened())
        except sqlite3.Error as error:
            if not _is_busy(error):
                self._close()
            raise CacheUnavailableError(
                f"The cache file {self.path} cannot be used ({error}): delete it together with "
                "its -wal and -shm files, and a new one is made."
            ) from error
        except OSError as error:
            self._close()
            raise CacheUnavailableError(
                f"The cache file {self.path} cannot be used ({error}): name one in a directory "
                "where you may read and write."
            ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and _identity_of(self.path) == self._identity:
            return self._connection
        self._close()
        path = Path(self.path)
        _make_private(path)
        identity = _identity_of(self.path)
        connection = sqlite3.connect(
            self.path, timeout=self._budget * 0.8, isolation_level=None, cached_statements=64
        )
        try:
            _identify(connection)
            _use_write_ahead_log(connection, within=self._budget)
            connection.execute("PRAGMA synchronous = NORMAL")
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, identity
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One that may write from its beginning, so that it never has to give way later."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _make_private(path: Path) -> None:
    # Only a file that is new is opened here: closing one that another connection of this process
    # has open would drop that connection's locks, and another process could delete the log.
    with _making:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _identify(connection: sqlite3.Connection) -> None:
    if _version_of(connection) == _VERSION:
        return
    with transaction(connection):
        if _version_of(connection) == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version_of(connection: sqlite3.Connection) -> int:
    """The version of the schema, 0 in a file that is still empty."""
    application_id, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application_id == version == tables == 0:
        return 0
    if (application_id, version) != (_APPLICATION_ID, _VERSION):
        raise sqlite3.DatabaseError("it is not a cache file of this version")
    return _VERSION


def _use_write_ahead_log(connection: sqlite3.Connection, *, within: float) -> None:
    # SQLite does not wait here, although others may be just as busy opening the new file.
    deadline = time.monotonic() + within
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_PAUSE)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size > _CHECKED_SIZE:
        return
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {finding}")


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
