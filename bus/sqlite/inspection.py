"""Statements that look at a bus file from outside: who consumes what, what waits, what is parked.

*Source*: SQLite release notes 3.51.3, with the backports 3.44.6 and 3.50.7 (the WAL-reset bug).
"""

from collections.abc import Sequence
from contextlib import closing
from sqlite3 import Connection, Error, connect, sqlite_version_info
from typing import Final
from urllib.parse import quote

from bus.sqlite import queues
from bus.sqlite.queries import QUERIES

_SHARED: Final = ""
"""The scope of the bus that all processes share."""

_SPAN: Final = 50_000
"""Positions at the end of a log that are looked through for what began lately."""


def queue(
    connection: Connection, *, group: str, now: float, monotonic_now: float
) -> tuple[int, int, float | None] | None:
    """Consumers of `group`, messages that wait, and for how many seconds the oldest has done so.

    None if nobody ever subscribed as `group`.
    """
    if connection.execute(QUERIES["find_queue"], (_SHARED, group)).fetchone() is None:
        return None
    consumers = queues.count_present(connection, _SHARED, group, monotonic_now)
    waiting, since = connection.execute(
        QUERIES["waiting_for_group"], (_SHARED, group, monotonic_now)
    ).fetchone()
    return consumers, waiting, None if since is None else max(0.0, now - since)


def parked(connection: Connection) -> int:
    """How many messages are parked."""
    (count,) = connection.execute(QUERIES["count_dead_letters"], (_SHARED,)).fetchone()
    return int(count)


def recent(path: str, *, message_type: str, begun: str, limit: int) -> Sequence[tuple[str, str]]:
    """Conversation and time of the latest messages of a type, latest first.

    Only of those whose conversation begins with `begun`. The file is opened for reading alone; if
    that is not possible, or it is no bus file, there are none.
    """
    try:
        opened = connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=0)
        with closing(opened) as connection:
            statement = QUERIES["recent_conversations"]
            found = connection.execute(statement, (message_type, begun, limit, _SPAN))
            return [(str(id), str(time)) for id, time in found]
    except Error:
        return []


def is_sound(version: Sequence[int] = sqlite_version_info) -> bool:
    """Whether that SQLite may move its log while others commit."""
    major, minor, patch = version[:3]
    backported = {(3, 44): 6, (3, 50): 7}.get((major, minor))
    if backported is not None:
        return patch >= backported
    return (major, minor, patch) >= (3, 51, 3)


def version() -> str:
    """Of the library that is in use."""
    return ".".join(map(str, sqlite_version_info))
