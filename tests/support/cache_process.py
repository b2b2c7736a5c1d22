"""A process with a response cache, for tests that run several and kill some.

`python -m tests.support.cache_process ROLE STORE LOG` prints a line for every step that it took;
LOG is a file to which each making of an answer adds a line. STORE is a Redis URL or a path.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from pydantic import JsonValue

from agents.cache_store import CacheStore
from agents.caches.redis import RedisCacheStore
from agents.caches.sqlite import SqliteCacheStore
from agents.caching.response_cache import CachePolicy, ResponseCache
from bus import SystemClock

SECRET = b"known to the processes of one run"
KEY = "the key that all ask for"
TAG = "data"
CONCURRENT = 50
LEASE = 1.0
BUDGET = 10.0
"""Seconds: far more than the stores allow themselves, as busy machines run these tests."""


def open_store(place: str) -> CacheStore:
    """The store at `place`."""
    if place.startswith("redis://"):
        return RedisCacheStore(place, secret=SECRET, clock=SystemClock(), budget=BUDGET)
    return SqliteCacheStore(place, secret=SECRET, clock=SystemClock(), budget=BUDGET)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def told() -> str:
    """The next line from the test."""
    return (await asyncio.to_thread(sys.stdin.readline)).strip()


async def ask(cache: ResponseCache, log: Path) -> None:
    """Asks many times at once when told to, and says who made what it got."""

    async def make() -> JsonValue:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        await asyncio.sleep(1.5 * LEASE)  # for longer than a lease that nobody renews
        return os.getpid()

    await cache.get("something else")
    say("ready")
    await told()
    answers = await asyncio.gather(
        *(cache.get_or_make(KEY, make, ttl=600) for _ in range(CONCURRENT))
    )
    say("got", *(answer.value for answer in answers))


async def hang(cache: ResponseCache, log: Path) -> None:
    """Makes an answer for ever."""

    async def make() -> JsonValue:
        with log.open("a") as lines:
            lines.write(f"{os.getpid()}\n")
        say("making")
        await asyncio.Event().wait()

    await cache.get_or_make(KEY, make, ttl=600)


async def watch(cache: ResponseCache, log: Path) -> None:
    """Remembers an answer with a tag, and says where it has it from when told to look."""
    await cache.put(KEY, "kept", ttl=600, tags=[TAG])
    say("kept")
    while await told():
        answer = await cache.get(KEY)
        say("none" if answer is None else answer.source)


ROLES: dict[str, Callable[[ResponseCache, Path], Awaitable[None]]] = {
    "ask": ask,
    "hang": hang,
    "watch": watch,
}


async def main(role: str, place: str, log: str) -> None:
    policy = CachePolicy(lease=LEASE)
    async with (
        aclosing(open_store(place)) as store,
        ResponseCache(store=store, clock=SystemClock(), policy=policy) as cache,
    ):
        await ROLES[role](cache, Path(log))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
