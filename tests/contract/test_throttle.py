"""What every throttle promises, see `agents.throttle`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
import redis
from structlog.testing import capture_logs

from agents.caching.outage import FIRST_PAUSE, LONGEST_PAUSE
from agents.errors import AgentUsageError
from agents.throttle import LONGEST_PAUSE as LONGEST_THROTTLE
from agents.throttle import Throttle
from agents.throttles.local import LocalThrottle
from agents.throttles.redis import RedisThrottle
from bus import SystemClock
from tests.support.bus_under_test import fresh
from tests.support.clock import ManualClock
from tests.support.tcp_proxy import tcp_proxy

BUDGET = 5.0
NOWHERE = "redis://127.0.0.1:1/0"
PAUSING = """
import asyncio, sys
from agents.throttles.redis import RedisThrottle
from bus import SystemClock

async def main(url, endpoint, seconds):
    async with RedisThrottle(url, clock=SystemClock(), budget=5.0) as throttle:
        await throttle.pause(endpoint, float(seconds))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.redis)])
async def throttle(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Throttle]:
    if request.param == "local":
        yield LocalThrottle(clock=clock)
        return
    url = request.getfixturevalue("redis_url")
    async with aclosing(RedisThrottle(url, clock=clock, budget=BUDGET)) as opened:
        yield opened


@pytest.fixture
def pass_time(request: pytest.FixtureRequest, clock: ManualClock) -> Callable[[float], None]:
    """Lets time go on for whoever keeps the pauses."""

    def go_on(seconds: float) -> None:
        clock.advance(seconds)
        if "redis_url" not in request.fixturenames:
            return
        client = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        for key in client.scan_iter("convener:pause:*"):
            client.pexpire(key, max(0, client.pttl(key) - round(seconds * 1000)))

    return go_on


@pytest.fixture
def endpoint() -> str:
    return fresh("https://key@models.example/v1 ")


async def test_without_a_pause_calls_may_go_out(throttle, endpoint):
    assert await throttle.pause_left(endpoint) == 0.0


async def test_a_pause_lasts_as_long_as_was_said(throttle, endpoint, pass_time):
    await throttle.pause(endpoint, 10.0)
    assert await throttle.pause_left(endpoint) == pytest.approx(10.0, abs=BUDGET)
    pass_time(4)
    assert 0 < await throttle.pause_left(endpoint) <= 6.0
    pass_time(6)
    assert await throttle.pause_left(endpoint) == 0.0


async def test_a_pause_concerns_its_endpoint_only(throttle, endpoint):
    await throttle.pause(endpoint, 10.0)
    assert await throttle.pause_left(f"{endpoint}2") == 0.0


async def test_a_pause_never_becomes_shorter(throttle, endpoint, pass_time):
    await throttle.pause(endpoint, 100.0)
    await throttle.pause(endpoint, 1.0)
    assert await throttle.pause_left(endpoint) > 50
    await throttle.pause(endpoint, 200.0)
    assert await throttle.pause_left(endpoint) > 150


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("-inf")])
async def test_what_is_no_duration_pauses_nothing(throttle, endpoint, seconds):
    await throttle.pause(endpoint, seconds)
    assert await throttle.pause_left(endpoint) == 0.0


@pytest.mark.parametrize("seconds", [1e12, float("inf")])
async def test_no_pause_is_longer_than_the_longest(throttle, endpoint, seconds):
    await throttle.pause(endpoint, seconds)
    left = await throttle.pause_left(endpoint)
    assert LONGEST_THROTTLE - BUDGET < left <= LONGEST_THROTTLE


async def test_the_longest_of_pauses_told_at_once_holds(throttle, endpoint):
    await asyncio.gather(*(throttle.pause(endpoint, float(n)) for n in range(1, 60)))
    assert await throttle.pause_left(endpoint) == pytest.approx(59.0, abs=BUDGET)


@pytest.mark.redis
async def test_a_pause_holds_for_another_process(redis_url, endpoint):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PAUSING, redis_url, endpoint, "60"), cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == 0
    async with RedisThrottle(redis_url, clock=SystemClock(), budget=BUDGET) as ours:
        assert 30 < await ours.pause_left(endpoint) <= 60
        await ours.pause(endpoint, 1.0)
        assert await ours.pause_left(endpoint) > 30


@pytest.mark.redis
async def test_the_name_of_an_endpoint_is_not_written_to_redis(redis_url, endpoint):
    client = redis.Redis.from_url(redis_url)
    async with RedisThrottle(redis_url, clock=SystemClock(), budget=BUDGET) as throttle:
        await throttle.pause(endpoint, 60.0)
    assert not any(b"key@" in name for name in client.scan_iter("convener:pause:*"))


async def test_without_redis_a_process_knows_what_it_was_told(clock, endpoint):
    async with RedisThrottle(NOWHERE, clock=clock) as throttle:
        with capture_logs() as logs:
            await throttle.pause(endpoint, 10.0)
            assert await throttle.pause_left(endpoint) == 10.0
            clock.advance(11)
            assert await throttle.pause_left(endpoint) == 0.0
    assert [log["event"] for log in logs] == ["agents.throttle.redis_lost"]


@pytest.mark.redis
async def test_a_slow_redis_is_not_waited_for_and_told_later(redis_url, clock, endpoint):
    port = int(redis_url.split(":")[2].split("/")[0])
    async with (
        tcp_proxy(port) as proxy,
        RedisThrottle(f"redis://127.0.0.1:{proxy.port}/0", clock=clock, budget=0.2) as slow,
        RedisThrottle(redis_url, clock=clock, budget=BUDGET) as other,
    ):
        proxy.fall_silent()
        await slow.pause(endpoint, 60.0)
        assert await slow.pause_left(endpoint) == 60.0
        assert await other.pause_left(endpoint) == 0.0
        proxy.recover()
        clock.advance(FIRST_PAUSE)
        left = await slow.pause_left(endpoint)
        while await other.pause_left(endpoint) == 0.0:  # on a busy machine, once more
            clock.advance(LONGEST_PAUSE)
            left = await slow.pause_left(endpoint)
        assert left > 0


@pytest.mark.redis
async def test_a_pause_that_redis_told_outlives_redis(redis_url, clock, endpoint):
    port = int(redis_url.split(":")[2].split("/")[0])
    async with (
        tcp_proxy(port) as proxy,
        RedisThrottle(f"redis://127.0.0.1:{proxy.port}/0", clock=clock, budget=BUDGET) as ours,
        RedisThrottle(redis_url, clock=clock, budget=BUDGET) as other,
    ):
        await other.pause(endpoint, 60.0)
        assert await ours.pause_left(endpoint) > 30
        await proxy.close()
        assert await ours.pause_left(endpoint) > 30


async def test_what_is_no_redis_url_is_refused(clock):
    with pytest.raises(AgentUsageError, match="no Redis URL") as caught:
        RedisThrottle("http://user:secret@127.0.0.1/", clock=clock)
    assert "secret" not in str(caught.value)
