"""`RedisServer`: the Redis that keeps the ledger, the keys of the history and answers, looked at.

*Guarantees*: what is written to see whether that works is gone again within seconds.

*Source*: Redis manual, "INFO", "Persistence", "Key eviction".
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from redis import exceptions
from redis.asyncio import Redis

from bus.clock import Clock, SystemClock
from bus.diagnosis.check import Check, Verdict, failed, fine, warned
from bus.errors import StoreError
from bus.redis_client import open_redis, translated

SLOW: Final = 0.1
"""Seconds for a round trip; every task takes a few of them."""

SKEW: Final = 5.0
"""Seconds; tokens allow for twice as much."""

_LEFT: Final = 10
"""Seconds after which what was written is gone, should it not be deleted."""

_PERSIST: Final = "Set `appendonly yes` in its configuration, or `redis-cli config set`."


class RedisServer:
    """The server at `url`; unless it `keeps_the_record`, everything in it can be made again."""

    def __init__(self, url: str, *, keeps_the_record: bool, clock: Clock | None = None) -> None:
        self._url = url
        self._clock_here = clock or SystemClock()
        self._keeps_the_record = keeps_the_record
        self._client: Redis | None = None
        self._name = ""

    def checks(self) -> Sequence[Check]:
        reached = Check(name="redis", probe=self._reach)
        writing = Check(name="redis writing", probe=self._write, needs="redis")
        clock = Check(name="clock", probe=self._clock, needs="redis")
        if not self._keeps_the_record:
            return (reached, writing, clock)
        return (reached, Check(name="redis keeps", probe=self._keep, needs="redis"), writing, clock)

    async def aclose(self) -> None:
        """Let go of the connection. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _reach(self) -> Verdict:
        self._client, self._name = await open_redis(self._url)
        started = time.perf_counter()
        with translated(self._name, "anything"):
            await self._client.ping()
        seconds = time.perf_counter() - started
        version = (await self._info("server")).get("redis_version", "of an unknown version")
        what = f"Redis {version} at {self._name} answers in {1000 * seconds:.1f} ms."
        if seconds > SLOW:
            return warned(what, "Run the workers nearer to it, or give it more power.")
        return fine(what)

    async def _keep(self) -> Verdict:
        return judged_persistence({**await self._info("persistence"), **await self._info("memory")})

    async def _write(self) -> Verdict:
        assert self._client is not None
        key = f"convener:doctor:{uuid4().hex}"
        try:
            with translated(self._name, "what is written"):
                await self._client.set(key, b"", ex=_LEFT)
                await self._client.delete(key)
        except StoreError as error:
            if isinstance(error.__cause__, exceptions.ReadOnlyError):
                return failed(
                    f"Redis at {self._name} is a replica, which cannot be written.",
                    "Name the primary in CONVENER_REDIS.",
                )
            if "MISCONF" in str(error):
                return failed(
                    f"Redis at {self._name} takes no writes, since it could not save its data.",
                    "Look into its log; mostly its disk is full, or its folder cannot be written.",
                )
            raise
        return fine("It can be written.")

    async def _clock(self) -> Verdict:
        assert self._client is not None
        before = self._clock_here.now().timestamp()
        with translated(self._name, "anything"):
            seconds, microseconds = await self._client.time()
        after = self._clock_here.now().timestamp()
        return judged_skew((before + after) / 2 - (seconds + microseconds / 1e6))

    async def _info(self, section: str) -> Mapping[str, Any]:
        assert self._client is not None
        with translated(self._name, "anything"):
            return dict(await self._client.info(section))


def judged_persistence(info: Mapping[str, Any]) -> Verdict:
    """What a server keeps that gives this `info` on memory and persistence."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    if not info.get("aof_enabled"):
        return failed(
            "It keeps nothing safe: `appendonly` is off, so a crash loses what tasks have done, "
            "and the keys that the history is encrypted with.",
            _PERSIST,
        )
    if policy != "noeviction" and info.get("maxmemory"):
        return failed(
            f"It drops keys when memory is short (`maxmemory-policy {policy}`).",
            "Set `maxmemory-policy noeviction`, and another Redis for what may be dropped.",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return failed("Its last write to the disk failed.", "Look into its log and at its disk.")
    if policy != "noeviction":
        return warned(
            f"It would drop keys if `maxmemory` were set (`maxmemory-policy {policy}`).",
            "Set `maxmemory-policy noeviction`.",
        )
    return fine("It keeps what it accepts (`appendonly yes`, `noeviction`).")


def judged_skew(seconds: float) -> Verdict:
    """What it means that the clock here is ahead of the server's by so many seconds."""
    if abs(seconds) > SKEW:
        way = "ahead of" if seconds > 0 else "behind"
        return failed(
            f"The clock of this machine is {abs(seconds):.0f} s {way} that of Redis: tokens and "
            "deadlines are judged by it.",
            "Set both by NTP.",
        )
    return fine(f"The clocks of this machine and of Redis differ by {abs(seconds):.1f} s.")
