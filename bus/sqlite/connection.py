"""Opening the bus file: making it, and telling it apart from every other file.

*Guarantees*: a new file is readable by its owner only, and so is a directory made for it. A file
that is no bus file, is damaged or was written by a newer version is refused, never changed. One of
an older version is brought up to date in one transaction, with all that is in it.

*Source*: SQLite, "PRAGMA Statements", "Write-Ahead Logging", "How To Corrupt An SQLite Database
File", section 2.2 (POSIX advisory locks).
"""

import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from bus.domain.message import request_key
from bus.errors import StoreCorruptError, StoreError
from bus.sqlite.errors import translated
from bus.sqlite.queries import QUERIES, SCHEMA, UPGRADES

MEMORY: Final = ":memory:"
"""The path of a bus that lives and dies within one process."""

CHECKED_SIZE: Final = 32 * 1024 * 1024
"""Files up to this many bytes are checked for damage when they are opened, in about 0.04 s."""

_APPLICATION_ID: Final = 0x436E7672  # "Cnvr"
_VERSION: Final = 3
_OPEN_TIMEOUT: Final = 10.0
_PAUSE: Final = 0.005

_making: Final = threading.Lock()


def open_file(path: str) -> sqlite3.Connection:
    """A connection to the bus file at `path`, made and checked where needed.

    Raises:
        StoreCorruptError: it is damaged or not a bus file.
        StoreLockedError: another process holds it for more than 10 s.
        StoreError: it cannot be read and written, or a newer version wrote it.
    """
    if path != MEMORY:
        _make_private(Path(path))
        _refuse_remains(Path(path))
    with translated(path):
        connection = connect(path)
        try:
            _identify(connection, path)
            if path != MEMORY:
                _use_write_ahead_log(connection)
                _check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def connect(path: str) -> sqlite3.Connection:
    """A connection to a file that was opened before."""
    connection = sqlite3.connect(
        path, timeout=_OPEN_TIMEOUT, isolation_level=None, cached_statements=256
    )
    connection.create_function("request_key", 2, request_key, deterministic=True)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA secure_delete = FAST")
    return connection


def _make_private(path: Path) -> None:
    # Only a file that is new is opened here: closing one that another connection of this process
    # has open would drop that connection's locks, and another process could delete the log.
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a bus file: name a file in it.")
    try:
        with _making:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError(
            f"The bus file {path} cannot be opened ({reason}): choose a file in a directory where "
            "you may read and write."
        ) from error


def _refuse_remains(path: Path) -> None:
    """Refuse to make a new file beside the log of one that is gone: SQLite would delete the log."""
    log = Path(f"{path}-wal")
    # In this order: whoever is just making the file has filled it before there is a log.
    if log.exists() and log.stat().st_size > 0 and path.stat().st_size == 0:
        raise StoreCorruptError(
            f"The bus file {path} is empty, but {log.name} beside it is not: put the file back, or "
            f"move {log.name} aside, and a new one is made."
        )


def _identify(connection: sqlite3.Connection, path: str) -> None:
    if _version_of(connection, path) == _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version_of(connection, path)
        if version == 0:
            statements = [*SCHEMA, f"PRAGMA application_id = {_APPLICATION_ID}"]
        else:
            steps = range(version, _VERSION)
            statements = [statement for step in steps for statement in UPGRADES[step]]
        for statement in [*statements, f"PRAGMA user_version = {_VERSION}"]:
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    # SQLite does not wait here, although others may be just as busy opening the new file.
    deadline = time.monotonic() + _OPEN_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_PAUSE)


def _version_of(connection: sqlite3.Connection, path: str) -> int:
    """The version of the schema, 0 in a file that is still empty."""
    # In one statement, so that nobody can make the file in between.
    application_id, version, tables = connection.execute(QUERIES["identity"]).fetchone()
    if application_id == version == tables == 0:
        return 0
    if application_id != _APPLICATION_ID:
        raise StoreCorruptError(
            f"{path} is a database of another program, not a bus file: name another file."
        )
    if version > _VERSION:
        raise StoreError(
            f"The bus file {path} was written by a newer version of convener: upgrade this one, or "
            "name another file."
        )
    return int(version)


def _check(connection: sqlite3.Connection, path: str) -> None:
    if Path(path).stat().st_size > CHECKED_SIZE:
        return
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise StoreCorruptError(
            f"The bus file {path} is damaged ({finding}): move it aside together with its -wal and "
            "-shm files, and a new one is made."
        )
