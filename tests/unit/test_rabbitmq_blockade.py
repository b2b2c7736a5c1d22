"""Waiting for a broker that takes no messages."""

import asyncio

import pytest

from bus.errors import RefusedError
from bus.transports.rabbitmq_blockade import Blockade


async def test_nobody_waits_while_the_broker_takes_messages():
    blockade = Blockade()
    await blockade.lifted(0.0)
    blockade.heard("low on disk")
    blockade.heard("")
    await blockade.lifted(0.0)
    assert not blockade.reason


async def test_whoever_waits_goes_on_when_it_is_lifted():
    blockade = Blockade()
    blockade.heard("low on memory")
    waiting = asyncio.create_task(blockade.lifted(60.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    blockade.heard("")
    await waiting


async def test_whoever_waited_long_enough_is_refused_with_the_broker_s_reason():
    blockade = Blockade()
    blockade.heard("low on disk")
    with pytest.raises(RefusedError, match=r"for the time being \(low on disk\)") as refused:
        await blockade.lifted(0.0)
    assert refused.value.retryable
