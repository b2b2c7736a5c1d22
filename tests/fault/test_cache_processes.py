"""The response cache of several processes, some of which are killed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import JsonValue

from agents.caching.response_cache import CachePolicy, ResponseCache
from bus import SystemClock
from tests.support.bus_under_test import PATIENCE, until
from tests.support.cache_process import CONCURRENT, KEY, LEASE, TAG, open_store

pytestmark = pytest.mark.fault


class CacheProcess:
    """A process of `tests.support.cache_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self) -> list[str]:
        """The next line it printed, as words."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode().split()

    async def tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._process.stdin.drain()

    async def kill(self) -> None:
        """End it without warning."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "new" / "cache.db")
    import redis

    url: str = request.getfixturevalue("redis_url")
    redis.Redis.from_url(url).flushall()
    return url


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "makings"


@pytest.fixture
async def start(place: str, log: Path) -> AsyncIterator[Callable]:
    started: list[CacheProcess] = []

    async def start_process(role: str) -> CacheProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.cache_process", role, place, str(log)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        started.append(CacheProcess(process))
        return started[-1]

    yield start_process
    for process in started:
        await process.kill()


@pytest.fixture
async def cache(place: str) -> AsyncIterator[ResponseCache]:
    policy = CachePolicy(lease=LEASE)
    async with (
        aclosing(open_store(place)) as store,
        ResponseCache(store=store, clock=SystemClock(), policy=policy) as opened,
    ):
        yield opened


async def test_c1_of_four_processes_with_fifty_callers_each_one_makes_the_answer(start, log):
    processes = await asyncio.gather(*(start("ask") for _ in range(4)))
    assert [await process.line() for process in processes] == [["ready"]] * 4
    for process in processes:
        await process.tell()
    answers = [await process.line() for process in processes]
    (maker,) = log.read_text().split()
    assert answers == [["got", *[maker] * CONCURRENT]] * 4


async def test_c1_a_maker_that_is_killed_is_succeeded_after_its_lease(start, cache, log):
    killed = await start("hang")
    assert await killed.line() == ["making"]
    calls = 0

    async def make() -> JsonValue:
        nonlocal calls
        calls += 1
        return "ours"

    waiting = [asyncio.create_task(cache.get_or_make(KEY, make, ttl=60)) for _ in range(5)]
    await killed.kill()
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*waiting)
    assert [answer.value for answer in answers] == ["ours"] * 5
    assert calls == 1
    assert log.read_text().split() == [str(killed.pid)]


async def test_c1_whoever_waits_for_another_process_waits_no_longer_than_it_may(start, cache):
    maker = await start("hang")
    assert await maker.line() == ["making"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LEASE / 2):
            await cache.get_or_make(KEY, asyncio.Event().wait, ttl=60)


async def test_c5_an_invalidation_empties_the_memory_of_another_process(start, cache):
    process = await start("watch")
    assert await process.line() == ["kept"]

    async def look() -> list[str]:
        await process.tell()
        return await process.line()

    async def it_remembers() -> bool:
        return await look() == ["memory"]

    async def it_forgot() -> bool:
        return await look() == ["none"]

    await until(it_remembers)
    await cache.invalidate(TAG)
    await until(it_forgot)
