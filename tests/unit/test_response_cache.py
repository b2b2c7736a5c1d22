"""The response cache of one process, with a store that is there, away, or none."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from math import nan
from uuid import uuid4

import pytest
from pydantic import JsonValue
from structlog.testing import capture_logs

from agents.cache_store import CacheUnavailableError, Lock, Locked, Stamp, Stored
from agents.caching.outage import FIRST_PAUSE, LONGEST_PAUSE
from agents.caching.response_cache import Answer, CachePolicy, ResponseCache, cache_key
from tests.support.clock import ManualClock


class Maker:
    """Makes `value`, or raises `error`, once its gate is open."""

    def __init__(self, value: JsonValue = "made", *, is_open: bool = True) -> None:
        self.value = value
        self.error: Exception | None = None
        self.calls = 0
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def __call__(self) -> JsonValue:
        self.calls += 1
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return self.value


class DictStore:
    """A store in memory, which several caches may share and which can be away."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.entries: dict[str, tuple[bytes, float, float, Stamp]] = {}
        self.versions: dict[str, str] = {}
        self.locks: dict[str, Lock] = {}
        self.listeners: set[asyncio.Queue[frozenset[str]]] = set()
        self.is_away = False
        self.calls = 0
        self.during_get: Callable[[], None] | None = None
        self.before_lock: Callable[[], Awaitable[object]] | None = None

    async def _called(self) -> None:
        await asyncio.sleep(0)
        self.calls += 1
        if self.is_away:
            raise CacheUnavailableError("It is away.")

    async def get(self, key: str) -> Stored | None:
        await self._called()
        value, made_at, ttl, stamp = self.entries.get(key, (b"", 0.0, 0.0, {}))
        if self.during_get is not None:
            self.during_get()
        age = self._clock.monotonic() - made_at
        if age >= ttl or any(self.versions[tag] != stamp[tag] for tag in stamp):
            return None
        return Stored(value=value, age=age, left=ttl - age, tags=frozenset(stamp))

    async def stamp(self, tags: Collection[str]) -> Stamp:
        await self._called()
        return {tag: self.versions.setdefault(tag, uuid4().hex) for tag in tags}

    async def put(
        self, key: str, value: bytes, *, ttl: float, stamp: Stamp, lock: Lock | None = None
    ) -> bool:
        await self._called()
        if any(self.versions[tag] != stamp[tag] for tag in stamp):
            return False
        self.entries[key] = (value, self._clock.monotonic(), ttl, stamp)
        return True

    async def lock(self, key: str, *, lease: float) -> Lock | Locked:
        await self._called()
        if self.before_lock is not None:
            await self.before_lock()
        if key in self.locks:
            return Locked(seconds=lease)
        self.locks[key] = Lock(key=key, holder=uuid4().hex, token=1)
        return self.locks[key]

    async def renew(self, lock: Lock, *, lease: float) -> bool:
        await self._called()
        return self.locks.get(lock.key) == lock

    async def unlock(self, lock: Lock) -> None:
        await self._called()
        if self.locks.get(lock.key) == lock:
            del self.locks[lock.key]

    async def invalidate(self, tags: Collection[str]) -> None:
        await self._called()
        self.versions.update((tag, uuid4().hex) for tag in tags)
        for listener in self.listeners:
            listener.put_nowait(frozenset(tags))

    async def invalidations(self) -> AsyncGenerator[frozenset[str], None]:
        await self._called()
        news: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        self.listeners.add(news)
        try:
            yield frozenset()
            while True:
                yield await news.get()
        finally:
            self.listeners.discard(news)

    async def aclose(self) -> None:
        pass


def _nested(depth: int) -> JsonValue:
    nested: JsonValue = []
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> ResponseCache:
    return ResponseCache(store=None, clock=clock)


@pytest.fixture
def store(clock: ManualClock) -> DictStore:
    return DictStore(clock)


@pytest.fixture
def shared(store: DictStore, clock: ManualClock) -> ResponseCache:
    return ResponseCache(store=store, clock=clock)


def limited(clock: ManualClock, **limits: int) -> ResponseCache:
    return ResponseCache(store=None, clock=clock, policy=CachePolicy(**limits))


async def begun(maker: Maker) -> None:
    async with asyncio.timeout(5):
        await maker.begun.wait()


async def all_ready() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_answer_is_made_once_and_then_remembered_with_its_age(cache, clock) -> None:
    maker = Maker({"rows": 3})
    first = await cache.get_or_make("key", maker, ttl=60)
    clock.advance(5)
    second = await cache.get_or_make("key", maker, ttl=60)
    assert first == Answer(value={"rows": 3}, age=0.0, source="made")
    assert second == Answer(value={"rows": 3}, age=5.0, source="memory")
    assert maker.calls == 1


async def test_an_answer_ends_with_its_time(cache, clock) -> None:
    maker = Maker()
    await cache.get_or_make("key", maker, ttl=60)
    clock.advance(60)
    assert await cache.get("key") is None
    assert (await cache.get_or_make("key", maker, ttl=60)).source == "made"


async def test_an_answer_that_is_too_old_for_a_caller_is_made_anew(cache, clock) -> None:
    maker = Maker("old")
    await cache.get_or_make("key", maker, ttl=60)
    clock.advance(10)
    maker.value = "new"
    assert await cache.get("key", max_age=9.9) is None
    assert (await cache.get_or_make("key", maker, ttl=60, max_age=10)).value == "old"
    assert (await cache.get_or_make("key", maker, ttl=60, max_age=9.9)).value == "new"
    assert (await cache.get("key")).age == 0.0


async def test_what_is_not_to_be_kept_is_not(cache) -> None:
    maker = Maker()
    for _ in range(2):
        assert (await cache.get_or_make("key", maker, ttl=0)).source == "made"
    await cache.put("key", 1, ttl=-1)
    assert await cache.get("key") is None


async def test_null_is_an_answer(cache) -> None:
    await cache.put("key", None, ttl=60)
    assert await cache.get("key") == Answer(value=None, age=0.0, source="memory")


async def test_what_is_put_is_given_until_one_of_its_tags_is_invalidated(cache) -> None:
    await cache.put("a", 1, ttl=60, tags=["x", "y"])
    await cache.put("b", 2, ttl=60, tags=["y"])
    await cache.put("c", 3, ttl=60)
    await cache.invalidate("x", "unheard of")
    assert await cache.get("a") is None
    assert (await cache.get("b")).value == 2
    await cache.invalidate()
    await cache.invalidate("y")
    assert await cache.get("b") is None
    assert (await cache.get("c")).value == 3


async def test_c1_of_many_who_ask_at_once_one_makes_and_all_share(cache) -> None:
    maker = Maker([1], is_open=False)
    asking = [asyncio.create_task(cache.get_or_make("key", maker, ttl=60)) for _ in range(100)]
    await begun(maker)
    maker.gate.set()
    answers = await asyncio.gather(*asking)
    assert maker.calls == 1
    assert [answer.source for answer in answers] == ["made"] + ["shared"] * 99
    assert all(answer.value == [1] and answer.age == 0.0 for answer in answers)
    assert (cache.statistics().made, cache.statistics().shared) == (1, 99)


async def test_c1_those_who_share_need_no_longer_life_than_the_call(cache) -> None:
    maker = Maker(is_open=False)
    first = asyncio.create_task(cache.get_or_make("key", maker, ttl=0, max_age=0))
    second = asyncio.create_task(cache.get_or_make("key", maker, ttl=0, max_age=0))
    await begun(maker)
    maker.gate.set()
    assert [(await task).source for task in (first, second)] == ["made", "shared"]


async def test_c1_a_cancelled_maker_is_succeeded_by_one_who_waits(cache) -> None:
    first, second = Maker("first", is_open=False), Maker("second", is_open=False)
    leader = asyncio.create_task(cache.get_or_make("key", first, ttl=60))
    await begun(first)
    waiting = [asyncio.create_task(cache.get_or_make("key", second, ttl=60)) for _ in range(5)]
    await all_ready()
    leader.cancel()
    await begun(second)
    second.gate.set()
    answers = await asyncio.gather(*waiting)
    with pytest.raises(asyncio.CancelledError):
        await leader
    assert (first.cancelled, second.calls) == (1, 1)
    assert [answer.value for answer in answers] == ["second"] * 5
    assert sorted(answer.source for answer in answers) == ["made"] + ["shared"] * 4


async def test_c1_a_maker_whose_time_is_up_is_succeeded_too(cache) -> None:
    first, second = Maker("first", is_open=False), Maker("second")

    async def hasty() -> None:
        async with asyncio.timeout(0):
            await cache.get_or_make("key", first, ttl=60)

    leader = asyncio.create_task(hasty())
    waiting = asyncio.create_task(cache.get_or_make("key", second, ttl=60))
    assert (await waiting).value == "second"
    with pytest.raises(TimeoutError):
        await leader


async def test_c1_one_who_waits_may_be_cancelled_without_harm(cache) -> None:
    maker = Maker(is_open=False)
    leader = asyncio.create_task(cache.get_or_make("key", maker, ttl=60))
    await begun(maker)
    waiting = [asyncio.create_task(cache.get_or_make("key", maker, ttl=60)) for _ in range(2)]
    await all_ready()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    maker.gate.set()
    assert (await leader).source == "made"
    assert (await waiting[1]).source == "shared"


async def test_c4_an_error_reaches_all_who_wait_and_is_not_kept(cache) -> None:
    maker = Maker(is_open=False)
    maker.error = ValueError("no such table")
    asking = [asyncio.create_task(cache.get_or_make("key", maker, ttl=60)) for _ in range(3)]
    await begun(maker)
    maker.gate.set()
    for task in asking:
        with pytest.raises(ValueError, match="no such table"):
            await task
    assert maker.calls == 1
    maker.error = None
    assert (await cache.get_or_make("key", maker, ttl=60)).source == "made"


async def test_c4_an_error_leaves_the_lock_to_the_next(shared, store) -> None:
    maker = Maker()
    maker.error = ValueError("no such table")
    with pytest.raises(ValueError, match="no such table"):
        await shared.get_or_make("key", maker, ttl=60)
    assert store.locks == {}
    assert store.entries == {}


@pytest.mark.parametrize("has_store", [False, True])
async def test_c5_an_answer_is_not_kept_when_its_tag_falls_while_it_is_made(
    cache, shared, has_store
) -> None:
    cache = shared if has_store else cache
    old, new = Maker("old", is_open=False), Maker("new")
    early = asyncio.create_task(cache.get_or_make("key", old, ttl=60, tags=["data"]))
    await begun(old)
    await cache.invalidate("data")
    old.gate.set()
    assert (await early).value == "old"
    assert (await cache.get_or_make("key", new, ttl=60, tags=["data"])).value == "new"


async def test_c5_whoever_asks_after_an_invalidation_does_not_share_older_work(cache) -> None:
    old, new = Maker("old", is_open=False), Maker("new")
    early = asyncio.create_task(cache.get_or_make("key", old, ttl=60, tags=["data"]))
    await begun(old)
    await cache.invalidate("data")
    assert (await cache.get_or_make("key", new, ttl=60, tags=["data"])).value == "new"
    old.gate.set()
    assert (await early).value == "old"
    assert (await cache.get("key")).value == "new"


async def test_c5_an_answer_on_its_way_from_the_store_is_not_remembered_if_its_tag_falls(
    shared, store
) -> None:
    await shared.put("key", 1, ttl=60, tags=["data"])
    shared._memory.drop(None)
    store.during_get = lambda: shared._hear(frozenset({"data"}))
    assert (await shared.get("key")).source == "store"
    assert (await shared.get("key")).source == "store"


async def test_c5_what_another_process_invalidates_is_forgotten_when_heard(
    store, clock, shared
) -> None:
    other = ResponseCache(store=store, clock=clock)
    async with shared:
        await all_ready()
        await shared.put("key", 1, ttl=600, tags=["data"])
        assert (await shared.get("key")).source == "memory"
        await other.invalidate("data")
        await all_ready()
        assert shared.statistics().entries == 0
        assert await shared.get("key") is None


async def test_c5_unheard_of_the_others_memory_is_not_trusted_for_long(store, clock, shared):
    other = ResponseCache(store=store, clock=clock)
    await shared.put("tagged", 1, ttl=600, tags=["data"])
    await shared.put("plain", 2, ttl=600)
    clock.advance(0.9)
    assert (await shared.get("tagged")).source == "memory"
    clock.advance(0.2)
    assert (await shared.get("tagged")).source == "store"
    clock.advance(1.1)
    await other.invalidate("data")
    assert await shared.get("tagged") is None
    assert (await shared.get("plain")).source == "memory"


async def test_c5_what_was_remembered_before_listening_began_is_asked_for_anew(shared) -> None:
    await shared.put("key", 1, ttl=600, tags=["data"])
    async with shared:
        await all_ready()
        assert (await shared.get("key")).source == "store"
        assert (await shared.get("key")).source == "memory"


async def test_c7_a_store_that_is_away_costs_no_answer_and_is_left_alone(shared, store, clock):
    store.is_away = True
    maker = Maker()
    with capture_logs() as logs:
        for number in range(20):
            answer = await shared.get_or_make(f"key {number}", maker, ttl=60)
            assert (answer.value, answer.source) == ("made", "made")
        await shared.put("key", 1, ttl=60)
        assert (await shared.get("key")).value == 1
        await shared.invalidate("data")
        assert await shared.get("unknown") is None
    assert store.calls == shared.statistics().store_errors == 1
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
        "agents.cache.store_lost",
        "agents.cache.invalidation_owed",
    ]
    clock.advance(FIRST_PAUSE)
    assert await shared.get("unknown") is None
    assert store.calls == 2


async def test_c7_a_store_that_is_back_is_used_again(shared, store, clock) -> None:
    store.is_away = True
    await shared.get("key")
    store.is_away = False
    clock.advance(FIRST_PAUSE)
    await shared.get_or_make("key", Maker(), ttl=60)
    assert "key" in store.entries
    clock.advance(LONGEST_PAUSE)
    with capture_logs() as logs:
        await shared.get("other")
    assert [log["event"] for log in logs] == ["agents.cache.store_found"]


async def test_c7_a_store_that_goes_away_while_an_answer_is_made_costs_no_answer(
    shared, store
) -> None:
    maker = Maker(is_open=False)
    asking = asyncio.create_task(shared.get_or_make("key", maker, ttl=60, tags=["data"]))
    await begun(maker)
    store.is_away = True
    maker.gate.set()
    assert (await asking).source == "made"
    assert (await shared.get("key")).source == "memory"


async def test_c7_an_invalidation_that_the_store_missed_is_told_first_when_it_is_back(
    shared, store, clock
) -> None:
    other = ResponseCache(store=store, clock=clock)
    await other.put("key", "old", ttl=600, tags=["data"])
    store.is_away = True
    await shared.invalidate("data")
    store.is_away = False
    clock.advance(FIRST_PAUSE)
    assert await shared.get("key") is None
    clock.advance(1.1)
    assert await other.get("key") is None


async def test_c7_an_invalidation_that_the_store_missed_is_told_while_listening(
    shared, store, clock
) -> None:
    await shared.put("key", "old", ttl=600, tags=["data"])
    version = store.versions["data"]
    async with shared:
        await all_ready()
        store.is_away = True
        await shared.invalidate("data")
        store.is_away = False
        clock.advance(FIRST_PAUSE)
        for listener in store.listeners:
            listener.put_nowait(frozenset())
        await all_ready()
        assert store.versions["data"] != version


async def test_c9_what_is_too_large_is_given_and_not_kept(clock) -> None:
    cache = limited(clock, max_value_bytes=100)
    maker = Maker("x" * 99)
    for _ in range(2):
        assert (await cache.get_or_make("key", maker, ttl=60)).value == maker.value
    assert maker.calls == 2
    maker.value = "x" * 98
    await cache.get_or_make("key", maker, ttl=60)
    assert (await cache.get("key")).value == maker.value


async def test_c9_beyond_its_entries_the_least_recently_used_goes(clock) -> None:
    cache = limited(clock, max_entries=3)
    for key in "abc":
        await cache.put(key, key, ttl=60)
    await cache.get("a")
    await cache.put("d", "d", ttl=60, tags=["t"])
    kept = [key for key in "abcd" if await cache.get(key) is not None]
    assert kept == ["a", "c", "d"]
    assert (cache.statistics().evictions, cache.statistics().entries) == (1, 3)


async def test_c9_memory_stays_within_its_bytes(clock) -> None:
    cache = limited(clock, max_bytes=10_000, max_value_bytes=5_000)
    for number in range(200):
        await cache.put(f"key {number}", "x" * (number * 37 % 4_000), ttl=60, tags=[str(number)])
        assert cache.statistics().bytes <= 10_000
    assert cache.statistics().entries > 1
    await cache.invalidate(*map(str, range(200)))
    assert (cache.statistics().entries, cache.statistics().bytes) == (0, 0)


def test_c10_c13_each_scope_has_a_key_of_its_own() -> None:
    scopes: list[dict[str, JsonValue]] = [
        {"tenant": "a", "permissions": ["read"], "epoch": 1, "is_trusted": False},
        {"tenant": "b", "permissions": ["read"], "epoch": 1, "is_trusted": False},
        {"tenant": "a", "permissions": ["read", "write"], "epoch": 1, "is_trusted": False},
        {"tenant": "a", "permissions": ["read"], "epoch": 2, "is_trusted": False},
        {"tenant": "a", "permissions": ["read"], "epoch": 1, "is_trusted": True},
    ]
    assert len({cache_key("tool", "profile", scope) for scope in scopes}) == len(scopes)


async def test_c12_what_a_caller_does_to_an_answer_harms_nobody_else(cache, shared) -> None:
    for each in (cache, shared):
        own: dict[str, JsonValue] = {"rows": [1, 2]}
        maker = Maker(own, is_open=False)
        asking = [asyncio.create_task(each.get_or_make("key", maker, ttl=60)) for _ in range(2)]
        await begun(maker)
        maker.gate.set()
        for answer in await asyncio.gather(*asking):
            answer.value["rows"].append("spoiled")
        own["rows"] = "spoiled too"
        for _ in range(2):
            answer = await each.get("key")
            assert answer.value == {"rows": [1, 2]}
            answer.value.clear()


@pytest.mark.parametrize(
    "value",
    [None, -0.0, 1e300, 0.1 + 0.2, 10**40, "\ud800", "\x00", {"": [{}, [], False]}, _nested(300)],
)
async def test_any_json_is_given_back_as_it_was(shared, store, clock, value) -> None:
    assert repr((await shared.get_or_make("key", Maker(value), ttl=60)).value) == repr(value)
    assert repr((await shared.get("key")).value) == repr(value)
    other = ResponseCache(store=store, clock=clock)
    assert repr((await other.get("key")).value) == repr(value)


@pytest.mark.parametrize("value", [nan, {"when": object()}, {1, 2}])
async def test_what_is_no_json_is_given_as_it_is_and_not_kept(cache, value) -> None:
    maker = Maker(value)
    with capture_logs() as logs:
        answer = await cache.get_or_make("key", maker, ttl=60)
    assert answer.value is value
    assert [log["event"] for log in logs] == ["agents.cache.no_json"]
    assert await cache.get("key") is None


async def test_what_the_store_has_is_not_made_and_those_who_wait_get_it_too(
    store, clock, shared
) -> None:
    await ResponseCache(store=store, clock=clock).put("key", "theirs", ttl=60, tags=["data"])
    clock.advance(7)
    maker = Maker("ours")
    answers = await asyncio.gather(*(shared.get_or_make("key", maker, ttl=60) for _ in range(3)))
    assert maker.calls == 0
    assert answers == [Answer(value="theirs", age=7.0, source="store")] * 3
    assert shared.statistics().store_hits == 3
    await shared.invalidate("data")
    assert await shared.get("key") is None


async def test_whoever_wants_it_fresher_than_the_others_makes_it(store, clock, shared) -> None:
    await ResponseCache(store=store, clock=clock).put("key", "old", ttl=60)
    clock.advance(7)
    maker = Maker("new")
    lax, strict = await asyncio.gather(
        shared.get_or_make("key", maker, ttl=60),
        shared.get_or_make("key", maker, ttl=60, max_age=5),
    )
    assert (lax.value, strict.value) == ("old", "new")
    assert maker.calls == 1


async def test_c1_what_another_process_finished_just_before_the_lock_is_not_made_again(
    store, shared
) -> None:
    store.before_lock = lambda: store.put("key", b'"theirs"', ttl=60, stamp={})
    maker = Maker("ours")
    assert (await shared.get_or_make("key", maker, ttl=60)).value == "theirs"
    assert maker.calls == 0
    assert store.locks == {}


async def test_whoever_waits_for_another_process_takes_what_it_made(store, clock, shared) -> None:
    other = ResponseCache(store=store, clock=clock)
    theirs, ours = Maker("theirs", is_open=False), Maker("ours")
    making = asyncio.create_task(other.get_or_make("key", theirs, ttl=60))
    await begun(theirs)
    waiting = asyncio.create_task(shared.get_or_make("key", ours, ttl=60))
    await all_ready()
    theirs.gate.set()
    async with asyncio.timeout(5):
        assert (await waiting).source == "store"
    assert (await making).source == "made"
    assert ours.calls == 0


async def test_a_listener_that_was_left_is_gone(shared, store) -> None:
    async with shared:
        await all_ready()
        assert len(store.listeners) == 1
    assert store.listeners == set()
