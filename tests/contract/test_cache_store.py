"""What every store of the response cache promises, see `agents.cache_store`."""

import asyncio
import os
import pickle
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Protocol

import pytest
import redis
from structlog.testing import capture_logs

from agents.cache_store import CacheStore, CacheUnavailableError, Lock, Locked, Stored
from agents.caches.redis import RedisCacheStore
from agents.caches.seal import Entry, seal
from agents.caches.sqlite import SqliteCacheStore
from agents.errors import AgentUsageError
from bus import SystemClock
from tests.support.bus_under_test import PATIENCE, fresh, next_of
from tests.support.clock import ManualClock

SECRET = b"known to the processes of one run"
BUDGET = 5.0
"""Seconds: far more than the stores allow themselves, as busy machines run these tests."""


class Place(Protocol):
    """Where the entries of the stores under test lie."""

    def open(self, *, secret: bytes = SECRET) -> CacheStore: ...

    def pass_time(self, seconds: float) -> None:
        """Let entries and leases come nearer to their end."""
        ...

    def read(self, key: str) -> bytes: ...

    def plant(self, key: str, sealed: bytes) -> None: ...

    def empty(self) -> None: ...

    def now(self) -> float:
        """Seconds since 1970 by the clock of the store."""
        ...


class SqlitePlace:
    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._clock = ManualClock()

    def open(self, *, secret: bytes = SECRET) -> CacheStore:
        return SqliteCacheStore(self._path, secret=secret, clock=self._clock, budget=BUDGET)

    def pass_time(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def read(self, key: str) -> bytes:
        ((sealed,),) = self._execute("SELECT sealed FROM answers WHERE key = ?", key)
        return sealed

    def plant(self, key: str, sealed: bytes) -> None:
        self._execute(
            "INSERT OR REPLACE INTO answers (key, sealed, expires_at) VALUES (?, ?, 9e9)",
            *(key, sealed),
        )

    def empty(self) -> None:
        for table in ("answers", "locks", "tags"):
            self._execute(f"DELETE FROM {table}")

    def now(self) -> float:
        return self._clock.now().timestamp()

    def _execute(self, statement: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()


class RedisPlace:
    def __init__(self, url: str) -> None:
        self._url = url
        self._client = redis.Redis.from_url(url)

    def open(self, *, secret: bytes = SECRET) -> CacheStore:
        return RedisCacheStore(self._url, secret=secret, clock=SystemClock(), budget=BUDGET)

    def pass_time(self, seconds: float) -> None:
        for kind in ("answer", "answer-lock"):
            for key in self._client.scan_iter(f"convener:{kind}:*"):
                left = self._client.pttl(key) - round(seconds * 1000)
                if left > 0:
                    self._client.pexpire(key, left)
                else:
                    self._client.delete(key)

    def read(self, key: str) -> bytes:
        return self._client.get(f"convener:answer:{key}")

    def plant(self, key: str, sealed: bytes) -> None:
        self._client.set(f"convener:answer:{key}", sealed)

    def empty(self) -> None:
        self._client.flushall()

    def now(self) -> float:
        seconds, microseconds = self._client.time()
        return seconds + microseconds / 1e6


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "cache.db")
    return RedisPlace(request.getfixturevalue("redis_url"))


@pytest.fixture
async def stores(place: Place) -> AsyncIterator[tuple[CacheStore, CacheStore]]:
    """Two ways to one store, as two processes have."""
    async with aclosing(place.open()) as first, aclosing(place.open()) as second:
        yield first, second


@pytest.fixture
def store(stores: tuple[CacheStore, CacheStore]) -> CacheStore:
    return stores[0]


@pytest.fixture
def other(stores: tuple[CacheStore, CacheStore]) -> CacheStore:
    return stores[1]


@pytest.fixture
def key() -> str:
    return fresh("key")


@pytest.fixture
def tag() -> str:
    return fresh("tag")


async def put(store: CacheStore, key: str, value: bytes, *tags: str, ttl: float = 60.0) -> bool:
    return await store.put(key, value, ttl=ttl, stamp=await store.stamp(tags))


async def locked(store: CacheStore, key: str, lease: float = 10.0) -> Lock:
    lock = await store.lock(key, lease=lease)
    assert isinstance(lock, Lock)
    return lock


async def test_what_was_never_put_is_not_there(store, key):
    assert await store.get(key) is None


async def test_what_one_puts_the_other_gets(store, other, key, tag):
    assert await put(store, key, b'{"a":1}', tag)
    stored = await other.get(key)
    assert stored is not None
    assert (stored.value, stored.tags) == (b'{"a":1}', {tag})
    assert stored.age == pytest.approx(0.0, abs=BUDGET)
    assert stored.left == pytest.approx(60.0, abs=BUDGET)


@pytest.mark.parametrize("value", [b"null", b"", b'"' + b"x" * 2**20 + b'"', b"\n\n\x00"])
async def test_any_bytes_are_given_back_as_they_were(store, other, key, value):
    assert await put(store, key, value)
    stored = await other.get(key)
    assert stored is not None
    assert stored.value == value


async def test_names_may_contain_anything(store, other):
    key, tag = fresh("schlüssel\n:*"), fresh("tag 'x' \"y\" \N{SNOWMAN}")
    assert await put(store, key, b"1", tag)
    assert (await other.get(key)).tags == {tag}
    await store.invalidate([tag])
    assert await other.get(key) is None


async def test_the_newest_value_is_the_one_that_counts(store, other, key):
    assert await put(store, key, b"1")
    assert await put(other, key, b"2")
    assert (await store.get(key)).value == b"2"


async def test_an_entry_ends_with_its_time(store, place, key):
    assert await put(store, key, b"1", ttl=10.0)
    place.pass_time(9)
    assert await store.get(key) is not None
    place.pass_time(2)
    assert await store.get(key) is None


async def test_c6_age_and_end_are_told_by_the_clock_of_the_store(store, place, key):
    assert await store.get(key) is None
    entry = Entry(value=b"1", made_at=place.now() - 40.0, ttl=60.0, stamp={})
    place.plant(key, seal(entry, secret=SECRET, key=key))
    stored = await store.get(key)
    assert stored is not None
    assert stored.age == pytest.approx(40.0, abs=BUDGET)
    assert stored.left == pytest.approx(20.0, abs=BUDGET)


async def test_c6_what_is_past_its_time_or_from_the_future_is_no_entry(store, place):
    for offset in (-61.0, 600.0):
        key = fresh("key")
        assert await store.get(key) is None
        entry = Entry(value=b"1", made_at=place.now() + offset, ttl=60.0, stamp={})
        place.plant(key, seal(entry, secret=SECRET, key=key))
        assert await store.get(key) is None


async def test_c5_an_invalidated_tag_takes_its_entries_along_and_no_others(store, other, tag):
    first, second, third = fresh("key"), fresh("key"), fresh("key")
    assert await put(store, first, b"1", tag)
    assert await put(store, second, b"2", tag, fresh("tag"))
    assert await put(store, third, b"3", fresh("tag"))
    await other.invalidate([tag])
    assert [await store.get(key) for key in (first, second)] == [None, None]
    assert (await store.get(third)).value == b"3"
    assert await put(store, first, b"4", tag)
    assert (await other.get(first)).value == b"4"


async def test_c5_work_begun_before_an_invalidation_is_not_kept(store, other, key, tag):
    for known in (False, True):  # the tag
        stamp = await store.stamp([tag])
        await other.invalidate([tag])
        assert not await store.put(key, b"old", ttl=60.0, stamp=stamp), known
        assert await store.get(key) is None


async def test_c7_work_begun_before_the_store_was_emptied_is_not_taken_for_new(
    store, other, place, key, tag
):
    stamp = await store.stamp([tag])
    await other.invalidate([tag])
    place.empty()
    await other.stamp([tag])
    assert not await store.put(key, b"old", ttl=60.0, stamp=stamp)
    assert await put(store, key, b"new", tag)
    assert (await other.get(key)).value == b"new"


async def test_c1_one_of_many_gets_the_lock(stores, key):
    answers = await asyncio.gather(*(stores[n % 2].lock(key, lease=10.0) for n in range(50)))
    (winner,) = [answer for answer in answers if isinstance(answer, Lock)]
    losers = [answer for answer in answers if answer is not winner]
    assert all(isinstance(loser, Locked) and 0 < loser.seconds <= 10 for loser in losers)


async def test_c1_a_lock_is_free_once_its_lease_ran_out(store, other, place, key):
    first = await locked(store, key)
    place.pass_time(9)
    assert isinstance(await other.lock(key, lease=10.0), Locked)
    place.pass_time(2)
    second = await locked(other, key)
    assert second.token > first.token


async def test_c1_a_renewed_lock_lasts_longer(store, other, place, key):
    lock = await locked(store, key)
    place.pass_time(9)
    assert await store.renew(lock, lease=10.0)
    place.pass_time(9)
    assert isinstance(await other.lock(key, lease=10.0), Locked)


async def test_c1_a_lock_that_ran_out_cannot_be_renewed(store, other, place, key):
    lock = await locked(store, key)
    place.pass_time(11)
    assert not await store.renew(lock, lease=10.0)
    newer = await locked(other, key)
    assert not await store.renew(lock, lease=10.0)
    assert await other.renew(newer, lease=10.0)


async def test_c1_a_lock_that_was_given_up_is_free_and_its_token_grows(store, other, key):
    first = await locked(store, key)
    await store.unlock(first)
    await store.unlock(first)
    assert (await locked(other, key)).token > first.token


async def test_c1_an_older_lock_cannot_end_a_newer_one(store, other, place, key):
    older = await locked(store, key)
    place.pass_time(11)
    await locked(other, key)
    await store.unlock(older)
    assert isinstance(await store.lock(key, lease=10.0), Locked)


async def test_c11_who_took_the_work_and_died_has_not_done_it(store, other, place, key):
    await locked(store, key)
    assert await other.get(key) is None
    place.pass_time(11)
    lock = await locked(other, key)
    assert await other.put(key, b"done", ttl=60.0, stamp={}, lock=lock)
    assert (await store.get(key)).value == b"done"


async def test_c1_whoever_lost_the_lock_to_another_puts_nothing(store, other, place, key):
    older = await locked(store, key)
    place.pass_time(11)
    newer = await locked(other, key)
    assert await other.put(key, b"new", ttl=60.0, stamp={}, lock=newer)
    await other.unlock(newer)
    assert not await store.put(key, b"old", ttl=60.0, stamp={}, lock=older)
    assert (await store.get(key)).value == b"new"


async def test_c1_whoever_lost_the_lock_to_nobody_may_still_put(store, place, key):
    lock = await locked(store, key)
    place.pass_time(11)
    assert await store.put(key, b"late", ttl=60.0, stamp={}, lock=lock)


@pytest.fixture
def refused() -> Callable:
    async def refuse(store: CacheStore, key: str) -> None:
        with capture_logs() as logs:
            assert await store.get(key) is None
        assert [line["event"] for line in logs] == ["agents.cache.broken_seal"]
        assert logs[0]["log_level"] == "warning"

    return refuse


class Planted:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self._path),)


async def test_c3_a_planted_pickle_is_never_run(store, place, key, tmp_path, refused):
    trap = tmp_path / "sprung"
    await store.get(key)
    place.plant(key, pickle.dumps(Planted(trap)))
    await refused(store, key)
    assert not trap.exists()


@pytest.mark.parametrize("junk", [b"", b"\n", b'{"value":1}', b"\x00" * 32, b"\xff" * 100])
async def test_c3_what_nobody_sealed_is_no_entry(store, place, key, junk, refused):
    await store.get(key)
    place.plant(key, junk)
    await refused(store, key)


async def test_c3_swapped_entries_are_none(store, place, refused):
    one, two = fresh("key"), fresh("key")
    await put(store, one, b"1")
    await put(store, two, b"2")
    first, second = place.read(one), place.read(two)
    place.plant(one, second)
    place.plant(two, first)
    await refused(store, one)
    await refused(store, two)


async def test_c3_an_entry_with_any_byte_altered_is_none(store, place, key, tag, refused):
    await put(store, key, b"{}", tag)
    sealed = place.read(key)
    for index in range(0, len(sealed), 5):
        altered = bytearray(sealed)
        altered[index] ^= 1
        place.plant(key, bytes(altered))
        await refused(store, key)
    place.plant(key, sealed)
    assert (await store.get(key)).value == b"{}"


async def test_c3_another_secret_opens_nothing(store, place, key, refused):
    await put(store, key, b"1")
    async with aclosing(place.open(secret=b"another secret altogether")) as stranger:
        await refused(stranger, key)


async def test_c3_a_short_secret_is_refused(place):
    with pytest.raises(AgentUsageError, match="secret"):
        place.open(secret=b"short")


async def test_c5_others_are_told_what_is_invalidated(store, other, tag):
    async with aclosing(other.invalidations()) as invalidations:
        assert await next_of(invalidations) == frozenset()
        await other.invalidate([fresh("tag")])
        await store.invalidate([tag, f"{tag} as well"])
        told: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            while not told:
                told |= await anext(invalidations)
        assert told == {tag, f"{tag} as well"}


async def test_c5_whoever_listens_gets_signs_of_life_without_news(store):
    async with aclosing(store.invalidations()) as invalidations:
        assert [await next_of(invalidations) for _ in range(4)] == [frozenset()] * 4


async def test_c5_what_was_invalidated_before_is_not_told(store, other, tag):
    await store.invalidate([tag])
    async with aclosing(other.invalidations()) as invalidations:
        assert [await next_of(invalidations) for _ in range(3)] == [frozenset()] * 3


async def test_closing_twice_is_no_error(store, key):
    await store.get(key)
    await store.aclose()
    await store.aclose()


async def test_a_store_that_was_closed_unused_is_closed(place):
    store = place.open()
    await store.aclose()


def test_what_is_stored_says_so():
    entry = Entry(value=b"1", made_at=100.0, ttl=10.0, stamp={"a": "1"})
    assert entry.at(104.0) == Stored(value=b"1", age=4.0, left=6.0, tags=frozenset({"a"}))
    assert entry.at(110.0) is None
    assert issubclass(CacheUnavailableError, Exception)
