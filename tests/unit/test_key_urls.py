"""Keys from a URL: how often it is asked, what it may answer, what an outage does."""

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial

import pytest

from bus.errors import KeysUnavailableError, UsageError
from bus.keyrings import key_sources
from bus.keyrings.jwk import make_private, public_part
from bus.keyrings.key_set import MAX_BYTES, issuer_keys
from bus.keyrings.key_sources import COOLDOWN, LIFESPAN, STALE_LIFESPAN, KeyUrl
from tests.support.clock import ManualClock
from tests.support.key_server import KeyServer, key_server
from tests.support.keys import ISSUER

KEYS = {"keys": [public_part(make_private("k"))]}
PARSE = partial(issuer_keys, issuer=ISSUER, algorithms=("EdDSA",), where="it")


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as running:
        running.body = json.dumps(KEYS).encode()
        yield running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def source(server: KeyServer, clock: ManualClock) -> KeyUrl:
    return KeyUrl(server.url, PARSE, clock=clock)


async def test_keys_are_kept_for_five_minutes(
    source: KeyUrl, server: KeyServer, clock: ManualClock
) -> None:
    for _ in range(3):
        assert "k" in await source.keys("k")
        clock.advance(LIFESPAN / 4)
    assert server.asked == ["/keys?v=1"]
    clock.advance(LIFESPAN)
    assert "k" in await source.keys("k")
    assert len(server.asked) == 2


async def test_made_up_names_of_keys_cause_no_flood_of_questions(
    source: KeyUrl, server: KeyServer, clock: ManualClock
) -> None:
    for name in range(100):
        assert str(name) not in await source.keys(str(name))
    assert len(server.asked) == 1
    clock.advance(COOLDOWN)
    for name in range(100):
        await source.keys(str(name))
    assert len(server.asked) == 2


async def test_many_who_need_keys_at_once_ask_once(source: KeyUrl, server: KeyServer) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(source.keys("k")) for _ in range(50)]
    assert all("k" in task.result() for task in waiting)
    assert len(server.asked) == 1


async def test_an_outage_is_survived_for_a_day_with_the_keys_at_hand(
    source: KeyUrl, server: KeyServer, clock: ManualClock
) -> None:
    await source.keys("k")
    server.status = 503
    clock.advance(STALE_LIFESPAN - 1)
    assert "k" in await source.keys("k")
    with pytest.raises(KeysUnavailableError, match="HTTP status 503"):
        await source.keys("new")
    clock.advance(1)
    with pytest.raises(KeysUnavailableError, match="HTTP status 503"):
        await source.keys("k")
    server.status = 200
    clock.advance(COOLDOWN)
    assert "k" in await source.keys("k")


async def test_what_it_does_not_give_any_more_is_not_trusted_any_more(
    source: KeyUrl, server: KeyServer, clock: ManualClock
) -> None:
    await source.keys("k")
    server.body = b'{"keys": []}'
    clock.advance(LIFESPAN)
    assert not await source.keys("k")


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
async def test_only_a_plain_answer_counts_and_no_redirect_is_followed(
    source: KeyUrl, server: KeyServer, status: int
) -> None:
    server.status = status
    server.headers = {"Location": "/elsewhere"}
    with pytest.raises(KeysUnavailableError, match=f"HTTP status {status}"):
        await source.keys("k")
    assert server.asked == ["/keys?v=1"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b" " * (MAX_BYTES + 1), "more than 256 KiB"),
        (b"<html>", "no set of keys"),
        (json.dumps({"keys": [make_private("k")]}).encode(), "private key"),
        (json.dumps({"keys": [{"kty": "oct", "k": "c2Vj", "kid": "s"}]}).encode(), "symmetric"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_gives_no_keys(
    source: KeyUrl, server: KeyServer, body: bytes, complaint: str
) -> None:
    server.body = body
    with pytest.raises(KeysUnavailableError, match=complaint):
        await source.keys("k")


async def test_a_server_that_does_not_answer_holds_nobody_up_for_long(
    source: KeyUrl, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sources, "TIMEOUT", 0.2)
    server.held.clear()
    began = time.monotonic()
    with pytest.raises(KeysUnavailableError, match=r"within 0\.2 s"):
        await source.keys("k")
    assert time.monotonic() - began < 3


async def test_nobody_at_the_other_end_is_told(clock: ManualClock) -> None:
    with key_server() as gone:
        url = gone.url
    with pytest.raises(KeysUnavailableError, match="cannot be had"):
        await KeyUrl(url, PARSE, clock=clock).keys("k")


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/keys",
        "ftp://idp.example/keys",
        "file:///etc/passwd",
        "https://",
        "https://user:password@idp.example/keys",
        "http://127.0.0.1.example/keys",
        "https://idp.example:port/keys",
    ],
)
async def test_keys_come_only_by_a_way_that_nobody_can_meddle_with(
    url: str, clock: ManualClock
) -> None:
    with pytest.raises(UsageError) as refusal:
        KeyUrl(url, PARSE, clock=clock)
    assert "password@" not in str(refusal.value)
