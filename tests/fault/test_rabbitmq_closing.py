"""Whoever stops waiting, at whatever moment, disturbs nobody else and leaves nothing behind."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from bus.clock import SystemClock
from bus.errors import TransportError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bus_under_test import next_of
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers")
MOMENTS = 24
SPACING = 0.008
"""Seconds from one moment to the next; with the proxy's delay an answer takes several."""


@pytest.fixture
def vhost(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    with rabbitmq_node.vhost() as name:
        yield name


@pytest.fixture
async def proxy(rabbitmq_node: RabbitmqNode) -> AsyncIterator[TcpProxy]:
    """A way to the broker that takes its time, so that a moment falls between any two frames."""
    async with tcp_proxy(rabbitmq_node.port) as opened:
        opened.delay = 0.005
        yield opened


@pytest.fixture
def slow_url(rabbitmq_node: RabbitmqNode, vhost: str, proxy: TcpProxy) -> str:
    return rabbitmq_node.url(vhost, port=proxy.port)


async def subscribed(transport: RabbitmqTransport, subscription: Subscription) -> None:
    """Subscribe, wait for ever, and take the end of it as it comes."""
    try:
        async with transport.subscribe(subscription) as deliveries:
            async for _ in deliveries:
                pass
    except TransportError:
        return


@pytest.mark.timeout(90)
async def test_a_bus_that_is_closed_at_any_moment_ends_for_all_and_the_driver_is_silent(
    slow_url: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.ERROR, logger="aiormq")
    for moment in range(MOMENTS):
        transport = await RabbitmqTransport.connect(slow_url, name="t", clock=SystemClock())
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for subscription in (WORK, Subscription(pattern="event.#")):
                group.create_task(subscribed(transport, subscription))
            if moment:
                await asyncio.sleep(SPACING * moment)
            await transport.aclose()
    assert [record.getMessage() for record in caplog.records if "aiormq" in record.name] == []


@pytest.mark.timeout(90)
async def test_a_question_that_is_cancelled_at_any_moment_costs_nobody_a_delivery(
    slow_url: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.ERROR, logger="aiormq")
    transport = await RabbitmqTransport.connect(slow_url, name="t", clock=SystemClock())
    async with transport.subscribe(WORK) as deliveries:
        await transport.publish(event("work"))
        held = await next_of(deliveries)
        for moment in range(MOMENTS):
            asking = asyncio.create_task(transport.consumers("workers"))
            await asyncio.wait({asking}, timeout=SPACING * moment / 2)
            asking.cancel()
            await asyncio.wait({asking})
        assert await transport.consumers("workers")
        assert not held.lost.done()
        await held.ack()
    await transport.aclose()
    assert [record.getMessage() for record in caplog.records if "aiormq" in record.name] == []
