"""`SqliteCacheStore`: answers of processes on one machine, in a file on a local disk.

*Guarantees*: those of `agents.cache_store`. Time runs by the clock of the machine; where that is
set back, what came from the future counts as none. The file stays within `max_bytes`, about: what
was put first goes first. A crash of the machine may lose what was put last.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Collection
from functools import partial
from typing import Final, Self
from uuid import uuid4

import structlog

from agents.cache_store import CacheUnavailableError, Lock, Locked, Stamp, Stored
from agents.caches.seal import BrokenSealError, Entry, checked_secret, seal, unseal
from agents.caches.sqlite_file import SqliteFile, transaction
from bus import Clock

BUDGET: Final = 0.5
"""Seconds that one call may take."""
MAX_BYTES: Final = 256 * 1024 * 1024
KEEP: Final = 7 * 24 * 3600
"""Seconds for which the version of a tag and the last token of a lock are kept."""
KEPT_NEWS: Final = 10_000
"""So many invalidations are kept for those who listen."""

_LOOK: Final = 0.2
_DAY: Final = 24 * 3600
_LONGEST_LEASE: Final = 60.0
_TIDY_EVERY: Final = 256

_log = structlog.get_logger(__name__)


class SqliteCacheStore:
    """The store in the file at `path`, which is made when first used.

    Raises:
        AgentUsageError: `secret` is too short.
    """

    def __init__(
        self,
        path: str,
        *,
        secret: bytes,
        clock: Clock,
        budget: float = BUDGET,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._secret = checked_secret(secret)
        self._clock = clock
        self._max_bytes = max_bytes
        self._file = SqliteFile(path, budget=budget)
        self._origin = uuid4().hex
        self._puts = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def get(self, key: str) -> Stored | None:
        return await self._file.run(partial(self._get, key))

    async def stamp(self, tags: Collection[str]) -> Stamp:
        return await self._file.run(partial(self._stamp, tuple(tags))) if tags else {}

    async def put(
        self, key: str, value: bytes, *, ttl: float, stamp: Stamp, lock: Lock | None = None
    ) -> bool:
        entry = Entry(value=value, made_at=self._now(), ttl=ttl, stamp=stamp)
        return await self._file.run(partial(self._put, key, entry, lock))

    async def lock(self, key: str, *, lease: float) -> Lock | Locked:
        return await self._file.run(partial(self._lock, key, lease))

    async def renew(self, lock: Lock, *, lease: float) -> bool:
        return await self._file.run(partial(self._prolong, lock, lease))

    async def unlock(self, lock: Lock) -> None:
        await self._file.run(partial(self._prolong, lock, 0.0))

    async def invalidate(self, tags: Collection[str]) -> None:
        await self._file.run(partial(self._invalidate, tuple(tags)))

    async def invalidations(self) -> AsyncGenerator[frozenset[str], None]:
        _, _, last = await self._file.run(_news_since)
        identity = self._file.identity
        yield frozenset()
        while True:
            await asyncio.sleep(_LOOK)
            news, first, newest = await self._file.run(partial(_news_since, last=last))
            if self._file.identity != identity or newest < last or first > last + 1:
                raise CacheUnavailableError(
                    f"Some invalidations in the cache file {self._file.path} were missed."
                )
            last = newest
            yield frozenset(tag for origin, tag in news if origin != self._origin)

    async def aclose(self) -> None:
        await self._file.aclose()

    def _get(self, key: str, connection: sqlite3.Connection) -> Stored | None:
        row = connection.execute("SELECT sealed FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            entry = unseal(row[0], secret=self._secret, key=key)
        except BrokenSealError as error:
            _log.warning(
                "agents.cache.broken_seal", store=self._file.path, key=key, error=str(error)
            )
            return None
        return entry.at(self._now()) if _is_current(connection, entry.stamp) else None

    def _stamp(self, tags: tuple[str, ...], connection: sqlite3.Connection) -> Stamp:
        now = self._now()
        stamp = _versions_of(connection, tags, used_since=now - _DAY)
        missing = [(tag, uuid4().hex, now) for tag in tags if tag not in stamp]
        if not missing:
            return stamp
        with transaction(connection):
            connection.executemany(
                "INSERT INTO tags VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET used_at = excluded.used_at",
                missing,
            )
            return _versions_of(connection, tags)

    def _put(
        self, key: str, entry: Entry, lock: Lock | None, connection: sqlite3.Connection
    ) -> bool:
        sealed = seal(entry, secret=self._secret, key=key)
        self._puts += 1
        with transaction(connection):
            if lock is not None:
                row = connection.execute("SELECT token FROM locks WHERE key = ?", (key,)).fetchone()
                if row is not None and row[0] > lock.token:
                    return False
            if not _is_current(connection, entry.stamp):
                return False
            connection.execute(
                "INSERT OR REPLACE INTO answers (key, sealed, expires_at) VALUES (?, ?, ?)",
                (key, sealed, entry.made_at + entry.ttl),
            )
            connection.execute("DELETE FROM answers WHERE expires_at <= ?", (entry.made_at,))
            _make_room(connection, self._max_bytes)
            if self._puts % _TIDY_EVERY == 0:
                long_ago = (entry.made_at - KEEP,)
                connection.execute("DELETE FROM locks WHERE ends_at < ?", long_ago)
                connection.execute("DELETE FROM tags WHERE used_at < ?", long_ago)
        return True

    def _lock(self, key: str, lease: float, connection: sqlite3.Connection) -> Lock | Locked:
        holder, now = uuid4().hex, self._now()
        with transaction(connection):
            row = connection.execute(
                "SELECT ends_at, token FROM locks WHERE key = ?", (key,)
            ).fetchone()
            ends_at, token = row or (now, 0)
            # A lease that seems too long is from before the clock was set back.
            if 0 < ends_at - now <= max(lease, _LONGEST_LEASE):
                return Locked(seconds=ends_at - now)
            connection.execute(
                "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?)",
                (key, holder, token + 1, now + lease),
            )
        return Lock(key=key, holder=holder, token=token + 1)

    def _prolong(self, lock: Lock, lease: float, connection: sqlite3.Connection) -> bool:
        # A row whose lease ended stays, as the next lock of the key must have a higher token.
        now = self._now()
        changed = connection.execute(
            "UPDATE locks SET ends_at = ? WHERE key = ? AND holder = ? AND ends_at > ?",
            (now + lease, lock.key, lock.holder, now),
        ).rowcount
        return changed > 0

    def _invalidate(self, tags: tuple[str, ...], connection: sqlite3.Connection) -> None:
        now = self._now()
        with transaction(connection):
            connection.executemany(
                "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)",
                [(tag, uuid4().hex, now) for tag in tags],
            )
            connection.executemany(
                "INSERT INTO news (origin, tag) VALUES (?, ?)",
                [(self._origin, tag) for tag in tags],
            )
            connection.execute(
                "DELETE FROM news WHERE number <= (SELECT max(number) FROM news) - ?",
                (KEPT_NEWS,),
            )

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _versions_of(
    connection: sqlite3.Connection, tags: Collection[str], *, used_since: float = 0.0
) -> dict[str, str]:
    versions = {}
    for tag in tags:
        row = connection.execute(
            "SELECT version FROM tags WHERE tag = ? AND used_at >= ?", (tag, used_since)
        ).fetchone()
        if row is not None:
            versions[tag] = row[0]
    return versions


def _is_current(connection: sqlite3.Connection, stamp: Stamp) -> bool:
    return _versions_of(connection, stamp) == dict(stamp)


def _news_since(
    connection: sqlite3.Connection, *, last: int = 0
) -> tuple[list[tuple[str, str]], int, int]:
    """What was invalidated by whom after `last`, and the first and last numbers that are kept."""
    first, newest = connection.execute(
        "SELECT coalesce(min(number), 0), coalesce(max(number), 0) FROM news"
    ).fetchone()
    news = connection.execute(
        "SELECT origin, tag FROM news WHERE number > ? AND number <= ?", (last, newest)
    ).fetchall()
    return news, first, newest


def _make_room(connection: sqlite3.Connection, max_bytes: int) -> None:
    while True:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if (pages - free) * size <= max_bytes:
            return
        gone = connection.execute(
            "DELETE FROM answers WHERE number IN (SELECT number FROM answers ORDER BY number "
            "LIMIT (SELECT count(*) / 10 + 1 FROM answers))"
        ).rowcount
        if gone == 0:
            return
