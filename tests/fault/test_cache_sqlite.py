"""The response cache while its file is damaged, held, full, deleted or somebody else's."""

import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agents.caches.sqlite import SqliteCacheStore
from agents.caches.sqlite_file import SqliteFile
from agents.caching.outage import LONGEST_PAUSE
from agents.caching.response_cache import ResponseCache
from tests.support.bus_under_test import until
from tests.support.clock import ManualClock

pytestmark = pytest.mark.fault

SECRET = b"known to the processes of one run"

ON_A_FULL_DISK = """
import asyncio, resource, sys
from agents.caches.sqlite import SqliteCacheStore
from agents.caching.response_cache import ResponseCache
from bus import SystemClock

async def main(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    store = SqliteCacheStore(path, secret=b"x" * 16, clock=SystemClock(), budget=5.0)
    cache = ResponseCache(store=store, clock=SystemClock())

    async def make():
        return "x" * 50_000

    for number in range(10):
        answer = await cache.get_or_make(f"key {number}", make, ttl=60)
        assert (answer.value, answer.source) == ("x" * 50_000, "made")
    assert cache.statistics().store_errors > 0
    await store.aclose()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[SqliteCacheStore]:
    async with SqliteCacheStore(str(path), secret=SECRET, clock=clock) as opened:
        yield opened


@pytest.fixture
def cache(store: SqliteCacheStore, clock: ManualClock) -> ResponseCache:
    return ResponseCache(store=store, clock=clock)


async def answers_are_right(cache: ResponseCache) -> None:
    for number in range(20):

        async def make(number: int = number) -> int:
            return number

        answer = await cache.get_or_make(f"right {number}", make, ttl=60, tags=["data"])
        assert answer.value == number


async def make_one() -> int:
    return 1


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\x00"])
async def test_c7_a_file_that_is_no_database_costs_one_warning(path, cache, clock, content):
    path.write_bytes(content)
    with capture_logs() as logs:
        await answers_are_right(cache)
        clock.advance(LONGEST_PAUSE)
        await answers_are_right(cache)
    warnings = [log for log in logs if log["log_level"] == "warning"]
    assert [log["event"] for log in warnings] == ["agents.cache.store_lost"]
    assert "delete it" in warnings[0]["error"]
    assert path.read_bytes() == content


async def test_c7_a_file_of_another_program_is_left_as_it_is(path, cache):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    await answers_are_right(cache)
    assert path.read_bytes() == before
    assert cache.statistics().store_errors == 1


async def test_c7_a_file_that_is_damaged_in_use_costs_no_answer(path, cache, clock):
    await answers_are_right(cache)
    for name in (path, path.with_name("cache.db-wal")):
        with name.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 20_000)
    for number in range(5):
        answer = await cache.get_or_make(f"key {number}", make_one, ttl=60)
        assert answer.value == 1
        clock.advance(LONGEST_PAUSE)


async def test_c7_a_file_that_another_process_holds_costs_no_answer(path, cache):
    await answers_are_right(cache)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert (await cache.get_or_make("key", make_one, ttl=60)).value == 1
        assert cache.statistics().store_errors == 1
        await answers_are_right(cache)


async def test_c7_a_full_disk_costs_no_answer(path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ON_A_FULL_DISK, str(path)), cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == 0


async def test_c7_a_file_that_cannot_be_made_costs_no_answer(tmp_path, clock):
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "cache.db")
    async with SqliteCacheStore(path, secret=SECRET, clock=clock) as store:
        await answers_are_right(ResponseCache(store=store, clock=clock))


async def test_c7_a_file_that_was_deleted_is_made_anew(path, cache, store, clock):
    await cache.put("key", 1, ttl=600)
    for name in tuple(path.parent.glob("cache.db*")):
        name.unlink()
    await cache.put("other", 2, ttl=600)
    async with SqliteCacheStore(str(path), secret=SECRET, clock=clock) as newcomer:
        assert await newcomer.get("key") is None
        assert (await newcomer.get("other")).value == b"2"


async def test_c5_whoever_listens_when_the_file_is_replaced_hears_the_new_one(
    path, cache, store, clock
):
    async with cache, SqliteCacheStore(str(path), secret=SECRET, clock=clock) as store_of_other:
        other = ResponseCache(store=store_of_other, clock=clock)
        await cache.put("key", 1, ttl=600, tags=["data"])
        for name in tuple(path.parent.glob("cache.db*")):
            name.unlink()
        await cache.put("key", 2, ttl=600, tags=["data"])

        async def it_forgot() -> bool:
            await other.invalidate("data")
            return await cache.get("key") is None

        await until(it_forgot)


async def test_the_file_and_its_folder_are_private(tmp_path, clock):
    path = tmp_path / "new" / "cache.db"
    async with SqliteCacheStore(str(path), secret=SECRET, clock=clock) as store:
        await store.put("key", b"1", ttl=60, stamp={})
        for name in (path, path.with_name("cache.db-wal"), path.with_name("cache.db-shm")):
            assert stat.S_IMODE(name.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_c9_the_file_stays_within_its_bytes_and_keeps_what_is_new(path, clock):
    async with SqliteCacheStore(
        str(path), secret=SECRET, clock=clock, max_bytes=2_000_000
    ) as store:
        for number in range(100):
            await store.put(f"key {number}", b"x" * 100_000, ttl=600, stamp={})
        assert path.stat().st_size < 2_500_000
        assert await store.get("key 99") is not None
        assert await store.get("key 0") is None


async def test_c6_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(path, clock):
    async with SqliteCacheStore(str(path), secret=SECRET, clock=clock) as store:
        clock.advance(3600)
        await store.lock("key", lease=5.0)
        clock.advance(-3600)
        assert hasattr(await store.lock("key", lease=5.0), "token")


async def test_jobs_that_nobody_waits_for_any_more_are_left_out(path):
    file = SqliteFile(str(path), budget=5.0)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    done: list[str] = []

    def hold(connection: sqlite3.Connection) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        done.append("held")

    def note(connection: sqlite3.Connection) -> None:
        done.append("left out")

    holding = asyncio.create_task(file.run(hold))
    leaving = asyncio.create_task(file.run(note))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.set()
    await holding
    await file.aclose()
    assert done == ["held"]
