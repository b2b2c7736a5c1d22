"""What every ledger promises, see `bus.ledger`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from bus.ledger import Claim, Leased, Ledger, Recorded
from bus.ledgers.redis import RedisLedger
from bus.ledgers.sqlite import SqliteLedger
from bus.sqlite.database import Database
from tests.support.bus_under_test import fresh
from tests.support.clock import ManualClock
from tests.support.redis_server import RedisTime


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock(kind: str, request: pytest.FixtureRequest) -> ManualClock | RedisTime:
    """What leases run out by."""
    if kind == "sqlite":
        return ManualClock()
    return RedisTime(request.getfixturevalue("redis_url"))


@pytest.fixture
async def ledgers(
    kind: str, clock: ManualClock | RedisTime, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Ledger, Ledger]]:
    """Two connections to one ledger."""
    if isinstance(clock, RedisTime):
        url = request.getfixturevalue("redis_url")
        async with (
            aclosing(await RedisLedger.connect(url)) as first,
            aclosing(await RedisLedger.connect(url)) as second,
        ):
            yield first, second
        return
    path = str(tmp_path / "bus.db")
    async with await Database.open(path) as one, await Database.open(path) as two:
        yield SqliteLedger(one, clock=clock), SqliteLedger(two, clock=clock)


@pytest.fixture
def ledger(ledgers: tuple[Ledger, Ledger]) -> Ledger:
    return ledgers[0]


@pytest.fixture
def key() -> str:
    return fresh("task")


async def claimed(ledger: Ledger, key: str, owner: str = "a", lease: float = 10.0) -> Claim:
    claim = await ledger.claim(key, owner=owner, lease=lease)
    assert isinstance(claim, Claim)
    return claim


async def test_a_free_key_can_be_claimed(ledger, key):
    claim = await claimed(ledger, key, owner="a")
    assert (claim.key, claim.owner) == (key, "a")


async def test_one_of_many_claimants_wins(ledgers, key):
    answers = await asyncio.gather(
        *(ledgers[n % 2].claim(key, owner=f"owner {n}", lease=10.0) for n in range(50))
    )
    (winner,) = [answer for answer in answers if isinstance(answer, Claim)]
    losers = [answer for answer in answers if answer is not winner]
    assert all(isinstance(loser, Leased) and 0 < loser.seconds <= 10 for loser in losers)


async def test_the_same_owner_cannot_claim_twice(ledger, key):
    await claimed(ledger, key, owner="a")
    assert isinstance(await ledger.claim(key, owner="a", lease=10.0), Leased)


async def test_a_key_is_free_once_its_lease_ran_out(ledger, key, clock):
    first = await claimed(ledger, key, owner="a")
    clock.advance(9.9)
    assert isinstance(await ledger.claim(key, owner="b", lease=10.0), Leased)
    clock.advance(0.2)
    second = await claimed(ledger, key, owner="b")
    assert second.token > first.token


async def test_a_renewed_lease_lasts_longer(ledger, key, clock):
    claim = await claimed(ledger, key)
    clock.advance(9)
    assert await ledger.renew(claim, lease=10.0)
    clock.advance(9)
    assert isinstance(await ledger.claim(key, owner="b", lease=10.0), Leased)


async def test_a_lease_that_ran_out_cannot_be_renewed(ledger, key, clock):
    claim = await claimed(ledger, key)
    clock.advance(11)
    assert not await ledger.renew(claim, lease=10.0)
    newer = await claimed(ledger, key, owner="b")
    assert not await ledger.renew(claim, lease=10.0)
    assert await ledger.renew(newer, lease=10.0)


async def test_a_released_key_is_free_and_its_token_grows(ledger, key):
    first = await claimed(ledger, key)
    await ledger.release(first)
    await ledger.release(first)
    second = await claimed(ledger, key, owner="a")
    assert second.token > first.token


async def test_an_older_claim_cannot_end_a_newer_one(ledger, key, clock):
    older = await claimed(ledger, key, owner="a")
    clock.advance(11)
    await claimed(ledger, key, owner="b")
    await ledger.release(older)
    assert isinstance(await ledger.claim(key, owner="c", lease=10.0), Leased)


async def test_the_first_value_recorded_stays(ledgers, key):
    values = [f"value {number}".encode() for number in range(50)]
    kept = await asyncio.gather(
        *(ledgers[number % 2].record(key, value) for number, value in enumerate(values))
    )
    assert len(set(kept)) == 1
    assert kept[0] in values
    assert await ledgers[1].look_up([key]) == {key: Recorded(value=kept[0])}


async def test_recording_ends_every_claim(ledger, key):
    claim = await claimed(ledger, key)
    assert await ledger.record(key, b"done") == b"done"
    assert not await ledger.renew(claim, lease=10.0)
    assert await ledger.claim(key, owner="b", lease=10.0) == Recorded(value=b"done")
    await ledger.release(claim)
    assert await ledger.claim(key, owner="b", lease=10.0) == Recorded(value=b"done")


async def test_whoever_lost_the_lease_may_still_record_first(ledger, key, clock):
    await claimed(ledger, key, owner="a")
    clock.advance(11)
    await claimed(ledger, key, owner="b")
    assert await ledger.record(key, b"paid for") == b"paid for"
    assert await ledger.record(key, b"second") == b"paid for"


async def test_an_empty_value_is_a_value(ledger, key):
    assert await ledger.record(key, b"") == b""
    assert await ledger.record(key, b"x") == b""


async def test_looking_up_tells_what_is_known(ledger, clock):
    leased, recorded, expired, released, unknown = (fresh("task") for _ in range(5))
    await claimed(ledger, expired, lease=1.0)
    await ledger.release(await claimed(ledger, released))
    await ledger.record(recorded, b"value")
    clock.advance(5)
    await claimed(ledger, leased)
    known = dict(await ledger.look_up([leased, recorded, expired, released, unknown]))
    lease = known.pop(leased)
    assert isinstance(lease, Leased)
    assert lease.seconds == pytest.approx(10.0, abs=1.0)
    assert known == {recorded: Recorded(value=b"value")}
    assert await ledger.look_up([]) == {}


async def test_closing_twice_is_no_error(ledger):
    await ledger.aclose()
    await ledger.aclose()


async def test_a_value_that_is_forgotten_is_gone_and_its_work_still_done(ledgers, key):
    first, second = ledgers
    await first.record(key, b"secret")
    await first.forget([key])
    (entry,) = (await second.look_up([key])).values()
    assert isinstance(entry, Recorded)
    assert entry.is_forgotten
    assert await second.claim(key, owner="b", lease=10.0) == entry


async def test_nothing_is_recorded_where_something_was_forgotten(ledgers, key):
    first, second = ledgers
    claim = await claimed(first, key)
    await second.forget([key])
    assert not await first.renew(claim, lease=10.0)
    assert await first.record(key, b"late") == b""
    assert (await second.look_up([key]))[key].is_forgotten


async def test_forgetting_nothing_forgets_nothing(ledger, key):
    await ledger.record(key, b"kept")
    await ledger.forget([])
    assert await ledger.look_up([key]) == {key: Recorded(value=b"kept")}
