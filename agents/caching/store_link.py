"""`StoreLink`: how one process reaches the store of its cache, which may be away or slow.

*Guarantees*: a store that failed is left alone for a while, so that it costs its time limit now
and then and not with every call; an invalidation that did not reach it is told before anything
else is asked of it.

*Not here*: how long one call may take; each implementation of `agents.cache_store` bounds that.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing, asynccontextmanager, suppress
from itertools import count
from typing import Final, TypeVar

import structlog

from agents.cache_store import CacheStore, CacheUnavailableError, Lock, Stamp, Stored
from agents.caching.outage import Outage
from bus import Clock

T = TypeVar("T")

LISTEN_PAUSE: Final = 0.2
"""Seconds until the store is listened to again after that broke off."""
FIRST_LOOK: Final = 0.005
"""Seconds after which the work of another process is looked for; twice as long each time."""
LONGEST_LOOK: Final = 0.1

_log = structlog.get_logger(__name__)


class StoreLink:
    """The way to `store`; every method raises CacheUnavailableError where it leads nowhere."""

    def __init__(self, store: CacheStore, *, clock: Clock) -> None:
        self._store = store
        self._outage = Outage(clock)
        self._owed: dict[str, int] = {}
        self._debts = count()
        self.errors = 0

    async def ask(self, act: Callable[[CacheStore], Awaitable[T]]) -> T:
        """What `act` gets from the store."""
        if self._outage.is_on:
            raise CacheUnavailableError("The store of the cache failed a moment ago.")
        try:
            if self._owed:
                await self._tell_owed()
            result = await act(self._store)
        except CacheUnavailableError as error:
            self.errors += 1
            if self._outage.failed():
                _log.warning("agents.cache.store_lost", error=str(error))
            raise
        if self._outage.succeeded():
            _log.info("agents.cache.store_found")
        return result

    async def get(self, key: str) -> Stored | None:
        """The entry of `key`."""
        return await self.ask(lambda store: store.get(key))

    async def find_or_lock(self, key: str, *, max_age: float, lease: float) -> Stored | Lock:
        """The entry of `key` once it is at most `max_age` seconds old, or the right to make it.

        Waits for as long as another process keeps the lock.
        """
        pause = FIRST_LOOK
        while True:
            stored = await self.get(key)
            if stored is not None and stored.age <= max_age:
                return stored
            lock = await self.ask(lambda store: store.lock(key, lease=lease))
            if isinstance(lock, Lock):
                break
            await asyncio.sleep(min(pause, max(lock.seconds, FIRST_LOOK)))
            pause = min(pause * 2, LONGEST_LOOK)
        try:
            # The one who had the lock may have finished since we looked.
            stored = await self.get(key)
        except BaseException:
            await self.unlock(lock)
            raise
        if stored is None or stored.age > max_age:
            return lock
        await self.unlock(lock)
        return stored

    @asynccontextmanager
    async def held(self, lock: Lock, *, lease: float) -> AsyncIterator[None]:
        """Keep `lock` alive within the block, and give it up in the end."""
        renewing = asyncio.create_task(
            self._renew(lock, lease), name=f"lease of the answer {lock.key}"
        )
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            await self.unlock(lock)

    async def put(self, lock: Lock, value: bytes, *, ttl: float, stamp: Stamp) -> bool:
        """Put what was made under `lock`; False if it is outdated."""
        return await self.ask(
            lambda store: store.put(lock.key, value, ttl=ttl, stamp=stamp, lock=lock)
        )

    async def unlock(self, lock: Lock) -> None:
        """Give up `lock`; where that fails its lease runs out."""
        try:
            await self.ask(lambda store: store.unlock(lock))
        except CacheUnavailableError as error:
            _log.info("agents.cache.lock_left", key=lock.key, error=str(error))

    async def invalidate(self, tags: Collection[str]) -> None:
        """Have the store forget `tags` now, or as soon as it can be reached."""
        for tag in tags:
            self._owed[tag] = next(self._debts)
        await self.ask(_nothing)

    async def listen(self, heard: Callable[[frozenset[str] | None], None]) -> None:
        """Pass on what others invalidate, for ever.

        `heard` is called with None when listening begins anew, as much may have been missed; with
        no tags as a sign that the store still is heard.
        """
        is_heard = False
        while True:
            try:
                async with aclosing(self._store.invalidations()) as invalidations:
                    await anext(invalidations)
                    is_heard = True
                    heard(None)
                    async for tags in invalidations:
                        heard(tags)
                        if self._owed:
                            with suppress(CacheUnavailableError):
                                await self.ask(_nothing)
            except CacheUnavailableError as error:
                if is_heard:
                    _log.warning("agents.cache.unheard", error=str(error))
                is_heard = False
            await asyncio.sleep(LISTEN_PAUSE)

    async def _renew(self, lock: Lock, lease: float) -> None:
        while True:
            await asyncio.sleep(lease / 3)
            try:
                is_held = await self.ask(lambda store: store.renew(lock, lease=lease))
            except CacheUnavailableError:
                continue
            if not is_held:
                _log.warning("agents.cache.lock_lost", key=lock.key)
                return

    async def _tell_owed(self) -> None:
        told = dict(self._owed)
        await self._store.invalidate(told)
        for tag, debt in told.items():
            # A tag that was invalidated again meanwhile is owed again.
            if self._owed.get(tag) == debt:
                del self._owed[tag]


async def _nothing(store: CacheStore) -> None:
    """Ask for no more than `ask` does by itself."""
