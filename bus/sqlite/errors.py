"""From SQLite's errors to ours, at the one edge where they appear.

*Source*: SQLite, "Result and Error Codes".
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from bus.errors import StoreCorruptError, StoreError, StoreFullError, StoreLockedError


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raises a StoreError, which says what to do, for whatever SQLite raises within."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """Our error for SQLite's, about the file at `path`."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    # The index of the log could not grow: the one way in which a full disk is no SQLITE_FULL.
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        code = sqlite3.SQLITE_FULL
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLockedError(
                f"Another process holds the bus file {path} for too long: try again, or look for "
                "a process that was stopped in the middle of a write."
            )
        case sqlite3.SQLITE_CORRUPT:
            return StoreCorruptError(
                f"The bus file {path} is damaged: move it aside together with its -wal and -shm "
                "files, and a new one is made."
            )
        case sqlite3.SQLITE_NOTADB:
            return StoreCorruptError(
                f"{path} is not a bus file: name another file, or move it aside."
            )
        case sqlite3.SQLITE_FULL:
            return StoreFullError(
                f"The disk that holds the bus file {path} is full: free some room and try again."
            )
        case sqlite3.SQLITE_READONLY:
            return StoreError(
                f"The bus file {path} cannot be written: make the file and its directory writable."
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(
                f"The bus file {path} cannot be opened: check that its directory exists and that "
                "you may read and write there."
            )
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"Reading or writing the bus file {path} failed: check the disk it is on, which "
                "must be a local one, and your quota there."
            )
        case _:
            return StoreError(f"The bus file {path} refused a statement: {error}.")
