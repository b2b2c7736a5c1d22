"""Waiting for the file to be free: other processes' transactions take milliseconds."""

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Final

LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for other processes' transactions."""

_LONGEST_PAUSE: Final = 0.005


def until_free(act: Callable[[], object]) -> None:
    """Do `act`, waiting for other processes' transactions to end for `LOCK_TIMEOUT` at most.

    Raises:
        sqlite3.Error: it fails, or the file was not free in time.
    """
    # SQLite's own waiting goes up to 0.1 s a step, far longer than our transactions take.
    deadline = time.monotonic() + LOCK_TIMEOUT
    pause = 0.0002
    while True:
        try:
            act()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads contenders
        pause = min(pause * 2, _LONGEST_PAUSE)
