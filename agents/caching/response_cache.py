"""`ResponseCache`: answers kept in memory and in a shared store, each made once however many ask.

*Guarantees*: of all who ask for a key at the same time, in all processes, one makes the answer; if
it is cancelled or dies, the next one does. Errors are never kept. After `invalidate` returned,
nobody in this process is given what was made before, others stop within about a second; an answer
that was being made meanwhile is not kept. Every answer is a fresh copy. A store that is lost, slow
or emptied costs time, never a wrong answer and no error. The store lost, an invalidation reaches
the other processes once it is back; if this process ends before, it never does.

*Not here*: what may be cached and under which key; whoever calls puts tenant, permissions and
versions of the data into it. How a store keeps entries: `agents.caches`.

*Source*: Nishtala et al., "Scaling Memcache at Facebook" (2013); Go's `singleflight`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from types import TracebackType
from typing import Literal, Self, TypeAlias

import structlog
from pydantic import JsonValue
from pydantic_core import from_json

from agents.cache_store import CacheStore, CacheUnavailableError, Lock, Stored
from agents.caching.response_memory import Filling, Remembered, ResponseMemory
from agents.caching.store_link import StoreLink
from agents.domain.cache_key import cache_key
from bus import Clock

Source: TypeAlias = Literal["made", "memory", "store", "shared"]
"""Where an answer came from; `shared`: another call in flight made it."""

__all__ = [
    "Answer",
    "CachePolicy",
    "CacheStatistics",
    "Make",
    "ResponseCache",
    "Source",
    "cache_key",
]

Make: TypeAlias = Callable[[], Awaitable[JsonValue]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """Limits of a cache; sizes are of answers as JSON, durations are seconds.

    `lease` is how long a maker that died is waited for. `unheard` is how long an answer with tags
    is given from memory while nothing is heard of the other processes.
    """

    max_entries: int = 4096
    max_bytes: int = 64 * 1024 * 1024
    max_value_bytes: int = 1024 * 1024
    lease: float = 5.0
    unheard: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`value` is the caller's own copy; `age` is seconds since it was made, 0.0 if just now."""

    value: JsonValue
    age: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """What a cache did so far; `entries` and `bytes` are what it has in memory now."""

    memory_hits: int
    store_hits: int
    shared: int
    made: int
    evictions: int
    store_errors: int
    entries: int
    bytes: int


@dataclass(slots=True, eq=False)
class _Flight:
    """A search for an answer that others wait for; `outcome` stays None if it was given up."""

    tags: frozenset[str]
    landed: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: "_Found | Exception | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An answer that landed; `encoded` is None for what is no JSON, which has no copies."""

    encoded: bytes | None
    raw: JsonValue
    age: float
    is_made: bool

    def answer(self, source: Source) -> Answer:
        value = self.raw if self.encoded is None else _decoded(self.encoded)
        return Answer(value=value, age=self.age, source=source)


class ResponseCache:
    """Answers of one process, shared through `store` if there is one, which it does not close.

    `async with` it to hear at once what other processes invalidate, by a task in the background;
    without, an answer with tags is given from memory for no more than `policy.unheard` seconds.
    """

    def __init__(
        self, *, store: CacheStore | None, clock: Clock, policy: CachePolicy | None = None
    ) -> None:
        self._clock = clock
        self._policy = policy or CachePolicy()
        self._link = None if store is None else StoreLink(store, clock=clock)
        self._memory = ResponseMemory(
            max_entries=self._policy.max_entries, max_bytes=self._policy.max_bytes
        )
        self._flights: dict[str, _Flight] = {}
        self._heard_at = float("-inf")
        self._listening: asyncio.Task[None] | None = None
        self._memory_hits = self._store_hits = self._shared = self._made = 0

    async def __aenter__(self) -> Self:
        if self._link is not None:
            self._listening = asyncio.create_task(
                self._link.listen(self._hear), name="invalidations of the response cache"
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.wait([listening])
            self._heard_at = float("-inf")

    async def get_or_make(
        self,
        key: str,
        make: Make,
        *,
        ttl: float,
        max_age: float | None = None,
        tags: Collection[str] = (),
    ) -> Answer:
        """The answer that is kept, at most `max_age` seconds old, or the one that `make` gives.

        What `make` gives is kept for `ttl` seconds, unless one of `tags` is invalidated. Whoever
        asks while it is made waits for it and, if `make` fails, gets the same error. If cancelled,
        `make` is cancelled, and one of those who wait calls its own.

        Raises:
            Whatever `make` raises.
        """
        oldest = inf if max_age is None else max_age
        while True:
            answer = self._recall(key, oldest)
            if answer is not None:
                return answer
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, make, ttl, oldest, frozenset(tags))
            await flight.landed.wait()
            found = flight.outcome
            if isinstance(found, Exception):
                raise found
            if found is None or found.age > oldest:
                continue
            if found.is_made:
                self._shared += 1
                return found.answer("shared")
            self._store_hits += 1
            return found.answer("store")

    async def get(self, key: str, *, max_age: float | None = None) -> Answer | None:
        """The answer that is kept, at most `max_age` seconds old."""
        oldest = inf if max_age is None else max_age
        answer = self._recall(key, oldest)
        if answer is not None or self._link is None:
            return answer
        with self._memory.filling() as filling:
            try:
                stored = await self._link.get(key)
            except CacheUnavailableError:
                return None
            if stored is None or stored.age > oldest:
                return None
            return self._take(key, stored, filling).answer("store")

    async def put(
        self, key: str, value: JsonValue, *, ttl: float, tags: Collection[str] = ()
    ) -> None:
        """Keep `value` for `ttl` seconds; has no effect on what is no JSON or too large."""
        encoded = self._encoded(key, value)
        if encoded is None or not self._is_keepable(encoded, ttl):
            return
        with self._memory.filling() as filling:
            is_valid = True
            if self._link is not None:
                try:
                    stamp = await self._link.ask(lambda store: store.stamp(tags))
                    is_valid = await self._link.ask(
                        lambda store: store.put(key, encoded, ttl=ttl, stamp=stamp)
                    )
                except CacheUnavailableError:
                    is_valid = True  # as far as we know, and for as long as we trust that
            if is_valid:
                self._remember(key, encoded, ttl, frozenset(tags), filling)

    async def invalidate(self, *tags: str) -> None:
        """Forget every answer that has one of `tags`, here and in every other process."""
        dropped = frozenset(tags)
        self._drop(dropped)
        if self._link is None or not dropped:
            return
        try:
            await self._link.invalidate(dropped)
        except CacheUnavailableError as error:
            _log.warning("agents.cache.invalidation_owed", tags=sorted(tags), error=str(error))
        finally:
            self._drop(dropped)

    def statistics(self) -> CacheStatistics:
        """What happened so far."""
        return CacheStatistics(
            memory_hits=self._memory_hits,
            store_hits=self._store_hits,
            shared=self._shared,
            made=self._made,
            evictions=self._memory.evictions,
            store_errors=0 if self._link is None else self._link.errors,
            entries=len(self._memory),
            bytes=self._memory.bytes,
        )

    def _recall(self, key: str, oldest: float) -> Answer | None:
        now = self._clock.monotonic()
        entry = self._memory.get(key, now)
        if entry is None:
            return None
        if entry.tags and self._link is not None:
            known_at = max(entry.kept_at, self._heard_at)
            if now - known_at > self._policy.unheard:
                return None
        age = now - entry.made_at
        if age > oldest:
            return None
        self._memory_hits += 1
        return Answer(value=_decoded(entry.value), age=age, source="memory")

    async def _lead(
        self, key: str, make: Make, ttl: float, oldest: float, tags: frozenset[str]
    ) -> Answer:
        flight = self._flights[key] = _Flight(tags)
        try:
            with self._memory.filling() as filling:
                found = await self._find_or_make(flight, key, make, ttl, oldest, filling)
        except Exception as error:  # those who wait get it as well
            flight.outcome = error
            raise
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()
        return found.answer("made" if found.is_made else "store")

    async def _find_or_make(
        self, flight: _Flight, key: str, make: Make, ttl: float, oldest: float, filling: Filling
    ) -> _Found:
        found: Stored | Lock | None = None
        if self._link is not None:
            with suppress(CacheUnavailableError):
                found = await self._link.find_or_lock(key, max_age=oldest, lease=self._policy.lease)
        if isinstance(found, Stored):
            flight.outcome = self._take(key, found, filling)
            return flight.outcome
        if self._link is None or found is None:
            made = flight.outcome = await self._make(key, make)
            if made.encoded is not None and self._is_keepable(made.encoded, ttl):
                self._remember(key, made.encoded, ttl, flight.tags, filling)
            return made
        async with self._link.held(found, lease=self._policy.lease):
            stamp = None
            with suppress(CacheUnavailableError):
                stamp = await self._link.ask(lambda store: store.stamp(flight.tags))
            made = flight.outcome = await self._make(key, make)
            if made.encoded is None or not self._is_keepable(made.encoded, ttl):
                return made
            is_valid = True
            if stamp is not None:
                with suppress(CacheUnavailableError):
                    is_valid = await self._link.put(found, made.encoded, ttl=ttl, stamp=stamp)
            if is_valid:
                self._remember(key, made.encoded, ttl, flight.tags, filling)
            return made

    async def _make(self, key: str, make: Make) -> _Found:
        value = await make()
        self._made += 1
        return _Found(encoded=self._encoded(key, value), raw=value, age=0.0, is_made=True)

    def _take(self, key: str, stored: Stored, filling: Filling) -> _Found:
        """What came from the store, remembered for the next time."""
        now = self._clock.monotonic()
        entry = Remembered(
            value=stored.value,
            made_at=now - stored.age,
            kept_at=now,
            expires_at=now + stored.left,
            tags=stored.tags,
        )
        self._memory.put(key, entry, filling)
        self._store_hits += 1
        return _Found(encoded=stored.value, raw=None, age=stored.age, is_made=False)

    def _remember(
        self, key: str, encoded: bytes, ttl: float, tags: frozenset[str], filling: Filling
    ) -> None:
        now = self._clock.monotonic()
        entry = Remembered(value=encoded, made_at=now, kept_at=now, expires_at=now + ttl, tags=tags)
        self._memory.put(key, entry, filling)

    def _encoded(self, key: str, value: JsonValue) -> bytes | None:
        try:
            return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
        except (TypeError, ValueError, RecursionError) as error:
            _log.warning("agents.cache.no_json", key=key, error=str(error))
            return None

    def _is_keepable(self, encoded: bytes, ttl: float) -> bool:
        return ttl > 0 and len(encoded) <= self._policy.max_value_bytes

    def _hear(self, tags: frozenset[str] | None) -> None:
        if tags is None or tags:
            self._drop(tags)
        self._heard_at = self._clock.monotonic()

    def _drop(self, tags: frozenset[str] | None) -> None:
        self._memory.drop(tags)
        for key, flight in tuple(self._flights.items()):
            # Its followers asked before; whoever asks from now on gets something newer.
            if flight.tags if tags is None else not flight.tags.isdisjoint(tags):
                del self._flights[key]


def _decoded(encoded: bytes) -> JsonValue:
    try:
        value: JsonValue = from_json(encoded)
    except ValueError:  # half of a surrogate pair, or nested too deeply for the faster one
        value = json.loads(encoded)
    return value
