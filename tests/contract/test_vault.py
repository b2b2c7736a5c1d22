"""What every vault promises, see `bus.vault`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from bus.sealing.encryption import KEY_BYTES
from bus.vault import Vault
from bus.vaults.redis import RedisVault
from tests.support.bus_under_test import fresh
from tests.support.memory_vault import MemoryVault


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def vaults(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Vault, Vault]]:
    """Two connections to one vault."""
    if request.param == "memory":
        vault = MemoryVault()
        yield vault, vault
        return
    url = request.getfixturevalue("redis_url")
    async with (
        aclosing(await RedisVault.connect(url)) as first,
        aclosing(await RedisVault.connect(url)) as second,
    ):
        yield first, second


@pytest.fixture
def name() -> str:
    return fresh("conversation")


async def test_a_conversation_has_one_key_for_all_who_ask(vaults, name):
    keys = await asyncio.gather(*(vault.make(name) for vault in vaults * 10))
    assert len(set(keys)) == 1
    assert len(keys[0]) == KEY_BYTES
    assert await vaults[1].look_up([name]) == {name: keys[0]}


async def test_conversations_have_different_keys(vaults, name):
    assert await vaults[0].make(name) != await vaults[0].make(name + "x")


async def test_looking_up_makes_no_key(vaults, name):
    assert await vaults[0].look_up([name]) == {}
    assert await vaults[0].look_up([]) == {}
    assert await vaults[0].shred([name]) == 0


async def test_a_key_that_was_shredded_is_gone_for_all(vaults, name):
    other = await vaults[0].make(name + "x")
    await vaults[0].make(name)
    assert await vaults[0].shred([name]) == 1
    assert await vaults[1].look_up([name, name + "x"]) == {name + "x": other}


async def test_what_was_shredded_never_gets_another_key(vaults, name):
    await vaults[0].shred([name])
    assert await vaults[1].make(name) is None
    assert await vaults[0].shred([name]) == 0
