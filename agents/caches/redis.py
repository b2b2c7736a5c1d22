"""`RedisCacheStore`: answers of processes on many machines, in Redis.

*Guarantees*: those of `agents.cache_store`, for a single Redis or one with replicas, not for a
cluster. Time runs by the server's clock. A call takes no longer than `budget` seconds; one that was
cut short or cancelled takes its connection with it, so no reply reaches anybody else.

*Source*: Redis manual, "Distributed Locks", "Scripting with Lua", "Pub/Sub"; redis-py issue 2665,
replies that reached another caller.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, Self
from uuid import uuid4

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from redis import exceptions

from agents.cache_store import CacheUnavailableError, Lock, Locked, Stamp, Stored
from agents.caches.seal import BrokenSealError, Entry, checked_secret, seal, unseal
from agents.caching.redis_client import impatient_client
from bus import Clock
from bus.logs.redaction import without_password

BUDGET: Final = 0.05
"""Seconds that one call may take."""
LISTEN_TIMEOUT: Final = 1.0
"""Seconds that it may take to begin listening, and to answer while listening."""
KEEP: Final = 7 * 24 * 3600
"""Seconds for which the version of a tag and the last token of a lock are kept."""
CONNECTIONS: Final = 16
"""So many calls are under way at once; more wait for their turn."""

_HEARTBEAT: Final = 0.25
_CHANNEL: Final = "convener:cache:invalidated"

_LOCK: Final = """
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return {0, left} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local token = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return {1, token}
"""
_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_UNLOCK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
_PUT: Final = """
local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[3]) > 0 and newest > tonumber(ARGV[3]) then return 0 end
for index = 3, #KEYS do
  if redis.call('GET', KEYS[index]) ~= ARGV[index + 1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_log = structlog.get_logger(__name__)


class RedisCacheStore:
    """The store in the Redis at `url`, `redis://` or `rediss://`, which may be away for now.

    Raises:
        AgentUsageError: `url` is no Redis URL, or `secret` is too short.
    """

    def __init__(self, url: str, *, secret: bytes, clock: Clock, budget: float = BUDGET) -> None:
        self._secret = checked_secret(secret)
        self._clock = clock
        self._budget = budget
        self._name = without_password(url)
        self._client = impatient_client(url, timeout=budget)
        self._listener = impatient_client(url, timeout=LISTEN_TIMEOUT)
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._origin = uuid4().hex
        self._ahead: float | None = None
        self._lock = self._client.register_script(_LOCK)
        self._renew = self._client.register_script(_RENEW)
        self._unlock = self._client.register_script(_UNLOCK)
        self._put = self._client.register_script(_PUT)

    async def __aenter__(self) -> Self:
        """Connect, which takes longer than a call may; that Redis is away is no error."""
        with suppress(CacheUnavailableError), _translated(self._name):
            async with asyncio.timeout(LISTEN_TIMEOUT):
                for script in (_LOCK, _RENEW, _UNLOCK, _PUT):
                    await self._client.script_load(script)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def get(self, key: str) -> Stored | None:
        async with self._call():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.time()
            pipeline.get(_entry_key(key))
            time, sealed = await pipeline.execute(raise_on_error=False)
            now = self._synchronised(time)
            entry = self._opened(key, sealed)
            if entry is None:
                return None
            tags = list(entry.stamp)
            versions = await self._client.mget(map(_tag_key, tags)) if tags else []
        if versions != [entry.stamp[tag].encode() for tag in tags]:
            return None
        return entry.at(now)

    async def stamp(self, tags: Collection[str]) -> Stamp:
        names = list(tags)
        if not names:
            return {}
        async with self._call():
            pipeline = self._client.pipeline(transaction=False)
            for name in names:
                pipeline.set(_tag_key(name), uuid4().hex, nx=True, ex=KEEP)
                pipeline.expire(_tag_key(name), KEEP)
            pipeline.mget(map(_tag_key, names))
            replies = await pipeline.execute()
        # What is no version of ours matches nothing when the entry is put.
        versions = [(version or b"").decode(errors="replace") for version in replies[-1]]
        return dict(zip(names, versions, strict=True))

    async def put(
        self, key: str, value: bytes, *, ttl: float, stamp: Stamp, lock: Lock | None = None
    ) -> bool:
        keys = [_entry_key(key), _token_key(key), *map(_tag_key, stamp)]
        token = 0 if lock is None else lock.token
        async with self._call():
            if self._ahead is None:
                now = self._synchronised(await self._client.time())
            else:
                now = self._clock.monotonic() + self._ahead
            entry = Entry(value=value, made_at=now, ttl=ttl, stamp=stamp)
            sealed = seal(entry, secret=self._secret, key=key)
            kept = await self._put(
                keys=keys, args=[sealed, _milliseconds(ttl), token, *stamp.values()]
            )
        return bool(kept)

    async def lock(self, key: str, *, lease: float) -> Lock | Locked:
        holder = uuid4().hex
        async with self._call():
            is_ours, detail = await self._lock(
                keys=[_lock_key(key), _token_key(key)], args=[holder, _milliseconds(lease), KEEP]
            )
        if is_ours:
            return Lock(key=key, holder=holder, token=int(detail))
        return Locked(seconds=int(detail) / 1000)

    async def renew(self, lock: Lock, *, lease: float) -> bool:
        async with self._call():
            renewed = await self._renew(
                keys=[_lock_key(lock.key)], args=[lock.holder, _milliseconds(lease)]
            )
        return bool(renewed)

    async def unlock(self, lock: Lock) -> None:
        async with self._call():
            await self._unlock(keys=[_lock_key(lock.key)], args=[lock.holder])

    async def invalidate(self, tags: Collection[str]) -> None:
        news = json.dumps({"origin": self._origin, "tags": list(tags)})
        async with self._call():
            pipeline = self._client.pipeline(transaction=True)
            for tag in tags:
                pipeline.set(_tag_key(tag), uuid4().hex, ex=KEEP)
            pipeline.publish(_CHANNEL, news)
            await pipeline.execute()

    async def invalidations(self) -> AsyncGenerator[frozenset[str], None]:
        with _translated(self._name):
            async with self._listener.pubsub() as channel:
                await channel.subscribe(_CHANNEL)
                is_subscribed = False
                silence = 0.0
                while True:
                    message = await channel.get_message(timeout=_HEARTBEAT)
                    if message is None:
                        silence += _HEARTBEAT
                        if silence > LISTEN_TIMEOUT / 2 or not is_subscribed:
                            raise CacheUnavailableError(f"Redis at {self._name} fell silent.")
                        await channel.ping()
                        continue
                    silence = 0.0
                    if message["type"] == "subscribe":
                        if is_subscribed:  # anew, so the connection broke in between
                            raise CacheUnavailableError(f"Redis at {self._name} was away.")
                        is_subscribed = True
                    yield self._news_in(message)

    async def aclose(self) -> None:
        with suppress(CacheUnavailableError), _translated(self._name):
            async with asyncio.timeout(LISTEN_TIMEOUT):
                await self._client.aclose()
                await self._listener.aclose()

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Bound and translate what is asked within."""
        with _translated(self._name):
            async with asyncio.timeout(self._budget), self._turns:
                yield

    def _synchronised(self, time: tuple[int, int] | exceptions.ResponseError) -> float:
        """The server's time in seconds, by which ours is set."""
        if isinstance(time, exceptions.ResponseError):
            raise time
        now = time[0] + time[1] / 1e6
        self._ahead = now - self._clock.monotonic()
        return now

    def _opened(self, key: str, sealed: bytes | exceptions.ResponseError | None) -> Entry | None:
        if sealed is None:
            return None
        try:
            if isinstance(sealed, exceptions.ResponseError):
                if not str(sealed).startswith("WRONGTYPE"):
                    raise sealed
                raise BrokenSealError("An entry of the response cache is no string.") from sealed
            return unseal(sealed, secret=self._secret, key=key)
        except BrokenSealError as error:
            _log.warning("agents.cache.broken_seal", store=self._name, key=key, error=str(error))
            return None

    def _news_in(self, message: Mapping[str, Any]) -> frozenset[str]:
        """The tags that somebody else invalidated; none if it is a sign of life."""
        if message["type"] != "message":
            return frozenset()
        try:
            news = _News.model_validate_json(message["data"])
        except ValidationError:
            _log.warning("agents.cache.strange_news", store=self._name)
            return frozenset()
        return frozenset() if news.origin == self._origin else news.tags


class _News(BaseModel):
    """What is published when tags are invalidated, and by which store."""

    model_config = ConfigDict(frozen=True)

    origin: str
    tags: frozenset[str]


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (exceptions.RedisError, OSError) as error:  # of which TimeoutError is one
        reason = str(error) or type(error).__name__
        raise CacheUnavailableError(
            f"Redis at {name} does not keep answers now ({reason}): check that it runs there."
        ) from error


def _entry_key(key: str) -> str:
    return f"convener:answer:{key}"


def _lock_key(key: str) -> str:
    return f"convener:answer-lock:{key}"


def _token_key(key: str) -> str:
    return f"convener:answer-token:{key}"


def _tag_key(tag: str) -> str:
    return f"convener:answer-tag:{tag}"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
