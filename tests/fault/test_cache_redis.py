"""The response cache while its Redis is killed, stuck, slow, emptied, full or cut off."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import redis
from pydantic import JsonValue
from structlog.testing import capture_logs

from agents.caches.redis import RedisCacheStore
from agents.caching.outage import LONGEST_PAUSE
from agents.caching.response_cache import ResponseCache
from bus import Clock, SystemClock
from tests.support.bus_under_test import PATIENCE, until
from tests.support.clock import ManualClock
from tests.support.mortal_redis import MortalRedis, mortal_redis
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = [pytest.mark.fault, pytest.mark.redis]

SECRET = b"known to the processes of one run"
PATIENT = 5.0
"""Seconds: a limit for calls that must not be cut short on a busy machine."""


class Maker:
    """Makes the next number, and lets a test do something meanwhile."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> JsonValue:
        self.calls += 1
        self.begun.set()
        await self.gate.wait()
        return self.calls


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MortalRedis]:
    async with mortal_redis(str(tmp_path)) as started:
        yield started


@pytest.fixture
async def proxy(server: MortalRedis) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(server.port) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def maker() -> Maker:
    return Maker()


async def opened(
    closing: AsyncExitStack, port: int, clock: Clock, *, budget: float = PATIENT
) -> ResponseCache:
    """A cache that listens, whose store is behind the local `port`."""
    store = RedisCacheStore(
        f"redis://127.0.0.1:{port}/0", secret=SECRET, clock=SystemClock(), budget=budget
    )
    await closing.enter_async_context(store)
    return await closing.enter_async_context(ResponseCache(store=store, clock=clock))


async def listens(cache: ResponseCache) -> None:
    """Return once `cache` hears what others invalidate."""

    async def it_heard() -> bool:
        return cache._heard_at > float("-inf")

    await until(it_heard)


async def test_c7_redis_killed_while_an_answer_is_made_costs_no_answer(
    server, clock, closing, maker
):
    cache = await opened(closing, server.port, clock)
    maker.gate.clear()
    asking = [asyncio.create_task(cache.get_or_make("key", maker, ttl=60)) for _ in range(10)]
    await maker.begun.wait()
    await server.kill()
    maker.gate.set()
    async with asyncio.timeout(PATIENCE):
        assert [(await task).value for task in asking] == [1] * 10
    assert (await cache.get("key")).source == "memory"
    assert cache.statistics().store_errors > 0


async def test_c7_redis_that_was_started_again_is_used_again(server, clock, closing, maker):
    cache = await opened(closing, server.port, clock)
    await cache.get_or_make("key", maker, ttl=600, tags=["data"])
    await server.kill()
    clock.advance(2)
    async with asyncio.timeout(PATIENCE):
        assert (await cache.get_or_make("key", maker, ttl=600, tags=["data"])).value == 2
    await server.start()
    other = await opened(closing, server.port, clock)

    async def it_is_shared_again() -> bool:
        clock.advance(LONGEST_PAUSE)
        await cache.put("key", "anew", ttl=600)
        answer = await other.get("key")
        return answer is not None and answer.value == "anew"

    await until(it_is_shared_again)


async def test_c7_a_stuck_redis_is_waited_for_once(server, clock, closing, maker):
    cache = await opened(closing, server.port, clock, budget=0.05)
    await listens(cache)
    server.stop()
    async with asyncio.timeout(PATIENCE):
        for number in range(100):
            answer = await cache.get_or_make(f"key {number}", maker, ttl=60)
            assert answer.value == number + 1
    assert cache.statistics().store_errors == 1
    server.go_on()


async def test_c7_a_slow_redis_costs_no_answer(proxy, clock, closing, maker):
    proxy.delay = 0.3
    cache = await opened(closing, proxy.port, clock, budget=0.05)
    async with asyncio.timeout(PATIENCE):
        for number in range(5):
            answer = await cache.get_or_make(f"key {number}", maker, ttl=60, tags=["data"])
            assert (answer.value, answer.source) == (number + 1, "made")
            clock.advance(LONGEST_PAUSE)
    assert cache.statistics().store_errors == 5


async def test_c7_after_a_flush_answers_are_made_again(server, clock, closing, maker):
    cache = await opened(closing, server.port, clock)
    other = await opened(closing, server.port, clock)
    await cache.get_or_make("key", maker, ttl=600, tags=["data"])
    with redis.Redis(port=server.port) as client:
        client.flushall()
    assert (await other.get_or_make("key", maker, ttl=600, tags=["data"])).value == 2
    await other.invalidate("data")
    clock.advance(2)
    assert (await cache.get_or_make("key", maker, ttl=600, tags=["data"])).value == 3


async def test_c7_a_flush_while_an_answer_is_made_does_not_bring_it_back(
    server, clock, closing, maker
):
    cache = await opened(closing, server.port, clock)
    other = await opened(closing, server.port, clock)
    maker.gate.clear()
    making = asyncio.create_task(cache.get_or_make("key", maker, ttl=600, tags=["data"]))
    await maker.begun.wait()
    await other.invalidate("data")
    with redis.Redis(port=server.port) as client:
        client.flushall()
    maker.gate.set()
    assert (await making).value == 1
    assert await other.get("key") is None


async def test_c7_a_full_redis_costs_no_answer(server, clock, closing, maker):
    cache = await opened(closing, server.port, clock)
    with redis.Redis(port=server.port) as client:
        client.config_set("maxmemory", 1)
        for number in range(5):
            answer = await cache.get_or_make(f"key {number}", maker, ttl=600, tags=["data"])
            assert answer.value == number + 1
            clock.advance(LONGEST_PAUSE)
    assert cache.statistics().store_errors == 5


async def test_c7_a_redis_that_refuses_us_costs_no_answer(server, clock, closing, maker):
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "wrong for us")
    cache = await opened(closing, server.port, clock)
    assert (await cache.get_or_make("key", maker, ttl=600)).value == 1
    assert cache.statistics().store_errors == 1


async def test_c3_a_key_of_another_kind_is_no_entry(server, clock, closing, maker):
    cache = await opened(closing, server.port, clock)
    with redis.Redis(port=server.port) as client:
        client.rpush("convener:answer:key", "planted")
    with capture_logs() as logs:
        assert (await cache.get_or_make("key", maker, ttl=600)).value == 1
    assert {log["event"] for log in logs} == {"agents.cache.broken_seal"}
    other = await opened(closing, server.port, clock)
    assert (await other.get("key")).value == 1


async def test_c5_a_lost_listener_leaves_memory_untrusted_until_it_listens_again(
    proxy, clock, closing
):
    cache = await opened(closing, proxy.port, clock)
    await listens(cache)
    await cache.put("key", 1, ttl=600, tags=["data"])
    await proxy.close()
    clock.advance(1.1)
    assert await cache.get("key") is None
    await proxy.open()
    clock.advance(LONGEST_PAUSE)
    assert (await cache.get("key")).source == "store"


async def test_c5_a_listener_that_hears_nothing_leaves_memory_untrusted(server, clock, closing):
    cache = await opened(closing, server.port, clock)
    await listens(cache)
    await cache.put("key", 1, ttl=600, tags=["data"])
    server.stop()

    async def memory_is_distrusted() -> bool:
        clock.advance(0.5)
        return await cache.get("key") is None

    cache._link._store._budget = 0.05
    await until(memory_is_distrusted)
    server.go_on()


async def test_c5_an_invalidation_missed_while_cut_off_is_caught_up(server, proxy, clock, closing):
    cache = await opened(closing, proxy.port, clock)
    other = await opened(closing, server.port, clock)
    await listens(cache)
    await cache.put("key", 1, ttl=600, tags=["data"])
    await proxy.cut()
    await other.invalidate("data")

    async def it_forgot() -> bool:
        return await cache.get("key") is None

    await until(it_forgot)


async def test_c5_an_invalidation_made_while_cut_off_is_told_later(server, proxy, clock, closing):
    cache = await opened(closing, proxy.port, clock)
    other = await opened(closing, server.port, clock)
    await listens(cache)
    await listens(other)
    await other.put("key", 1, ttl=600, tags=["data"])
    await proxy.close()
    await cache.invalidate("data")
    assert (await other.get("key")).value == 1
    await proxy.open()

    async def the_other_forgot() -> bool:
        clock.advance(LONGEST_PAUSE)
        return await other.get("key") is None

    await until(the_other_forgot)


async def test_c8_a_call_that_was_given_up_leaves_no_reply_to_another(proxy):
    url = f"redis://127.0.0.1:{proxy.port}/0"
    async with RedisCacheStore(url, secret=SECRET, clock=SystemClock(), budget=PATIENT) as store:
        keys = [f"key {number}" for number in range(8)]
        for key in keys:
            assert await store.put(key, key.encode(), ttl=600, stamp=await store.stamp([key]))
        proxy.delay = 0.005
        right = given_up = 0

        async def look_for_ever(key: str, chance: random.Random) -> None:
            nonlocal right, given_up
            for _ in range(20):
                try:
                    async with asyncio.timeout(chance.choice([None, chance.uniform(0.0, 0.05)])):
                        stored = await store.get(key)
                except TimeoutError:
                    given_up += 1
                    continue
                assert stored is not None
                assert (stored.value, stored.tags) == (key.encode(), {key})
                right += 1

        async with asyncio.TaskGroup() as tasks:
            for number, key in enumerate(keys):
                tasks.create_task(look_for_ever(key, random.Random(number)))
        assert right > 0
        assert given_up > 0
        proxy.delay = 0.0
        for key in keys:
            assert (await store.get(key)).value == key.encode()
