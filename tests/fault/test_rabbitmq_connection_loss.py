"""A network that cuts, hangs and comes back, between us and the broker."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from bus.clock import SystemClock
from bus.errors import SettlementError, TransportError, UnconfirmedError, UnreachableError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from bus.transports.rabbitmq_provision import provision
from tests.support.bus_under_test import next_of
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import message_count, raw_channel
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers")


@pytest.fixture
def vhost(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    with rabbitmq_node.vhost() as name:
        yield name


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode, vhost: str) -> str:
    """A way to the broker past the proxy."""
    return rabbitmq_node.url(vhost)


@pytest.fixture
async def proxy(rabbitmq_node: RabbitmqNode) -> AsyncIterator[TcpProxy]:
    async with tcp_proxy(rabbitmq_node.port) as opened:
        yield opened


@pytest.fixture
async def transport(
    rabbitmq_node: RabbitmqNode, vhost: str, proxy: TcpProxy
) -> AsyncIterator[RabbitmqTransport]:
    """A transport whose every byte goes through the proxy, and whose patience is short."""
    opened = await RabbitmqTransport.connect(
        rabbitmq_node.url(vhost, port=proxy.port),
        name="fault",
        clock=SystemClock(),
        patience=3.0,
        confirm_timeout=1.0,
        heartbeat=1,
    )
    yield opened
    await opened.aclose()


async def test_what_was_confirmed_arrives_although_connections_are_cut(transport, proxy):
    confirmed: set[str] = set()
    received: set[str] = set()

    async def publish(count: int) -> None:
        for _ in range(count):
            sent = event("work")
            while True:
                try:
                    await transport.publish(sent)
                except TransportError as error:
                    assert error.retryable
                else:
                    break
            confirmed.add(sent.id)

    async def consume(deliveries) -> None:
        async for delivery in deliveries:
            received.add(delivery.envelope.id)
            try:
                await delivery.ack()
            except SettlementError:
                continue

    async with transport.subscribe(WORK) as deliveries, asyncio.timeout(40):
        consuming = asyncio.create_task(consume(deliveries))
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(publish(60))
            for _ in range(5):
                await asyncio.sleep(0.3)
                await proxy.cut()
        while not confirmed <= received:
            await asyncio.sleep(0.1)
        consuming.cancel()
    assert len(confirmed) == 480


async def test_a_handler_lives_on_when_its_delivery_is_lost(transport, proxy):
    async with transport.subscribe(WORK) as deliveries:
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        await proxy.cut()
        async with asyncio.timeout(5):
            await delivery.lost
        with pytest.raises(SettlementError):
            await delivery.ack()
        again = await next_of(deliveries)
        assert (again.envelope.id, again.attempt) == (sent.id, 1)
        assert again.redeliveries == 1
        await again.ack()


async def test_an_own_copy_is_heard_again_after_a_cut(transport, proxy):
    async with transport.subscribe(Subscription(pattern="event.#")) as deliveries:
        await transport.publish(event("event.before"))
        await (await next_of(deliveries)).ack()
        await proxy.cut()
        async with asyncio.timeout(10):
            heard = None
            while heard is None:
                try:
                    await transport.publish(event("event.after"))
                    async with asyncio.timeout(0.2):
                        heard = await anext(deliveries)
                except (TransportError, TimeoutError):
                    continue
        assert heard.envelope.topic == "event.after"


async def test_a_silent_network_holds_up_no_publish_for_long(transport, proxy):
    async with transport.subscribe(WORK) as deliveries:
        proxy.fall_silent()
        started_at = time.monotonic()
        outcomes = await asyncio.gather(
            *(transport.publish(event("work")) for _ in range(20)), return_exceptions=True
        )
        assert time.monotonic() - started_at < 3
        assert {type(outcome) for outcome in outcomes} == {UnconfirmedError}
        proxy.recover()
        sent = event("work")
        await transport.publish(sent)
        received = []
        while sent.id not in received:
            delivery = await next_of(deliveries)
            received.append(delivery.envelope.id)
            await delivery.ack()


async def test_a_connection_that_went_silent_is_given_up(transport, proxy):
    proxy.fall_silent()
    connections = proxy.accepted
    with pytest.raises(UnconfirmedError):
        await transport.publish(event("event.a"))
    async with asyncio.timeout(30):
        while proxy.accepted == connections:
            with pytest.raises((UnconfirmedError, UnreachableError)):
                await transport.publish(event("event.a"))
    proxy.recover()
    async with asyncio.timeout(20):
        while True:
            try:
                await transport.publish(event("event.a"))
            except TransportError:
                continue
            break


async def test_an_unreachable_broker_is_reported_in_bounded_time_and_found_again(transport, proxy):
    await proxy.close()
    started_at = time.monotonic()
    with pytest.raises((UnreachableError, UnconfirmedError)):
        await transport.publish(event("event.a"))
    with pytest.raises(UnreachableError, match="Is RabbitMQ running"):
        await transport.publish(event("event.a"))
    assert time.monotonic() - started_at < 8
    await transport.publish(event("progress.a"))
    await proxy.open()
    await transport.publish(event("event.a"))


async def test_however_many_publish_none_waits_longer_than_one_for_a_broker_that_is_gone(
    transport, proxy
):
    await proxy.close()
    with pytest.raises((UnreachableError, UnconfirmedError)):
        await transport.publish(event("event.a"))
    async with asyncio.timeout(9):  # three times as long as one waits
        outcomes = await asyncio.gather(
            *(transport.publish(event("event.a")) for _ in range(20)), return_exceptions=True
        )
    assert {type(outcome) for outcome in outcomes} == {UnreachableError}
    await proxy.open()
    await transport.publish(event("event.a"))


async def test_a_queue_that_is_deleted_under_its_consumer_comes_back(transport, url):
    async with transport.subscribe(WORK) as deliveries:
        async with raw_channel(url) as channel:
            await channel.queue_delete("convener.workers")
        async with asyncio.timeout(10):
            while await transport.consumers("workers") == 0:
                await asyncio.sleep(0.05)
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        assert delivery.envelope.id == sent.id
        await delivery.ack()


@pytest.mark.parametrize("way_back", ["a subscriber", "provisioning"])
async def test_a_queue_that_was_deleted_while_nobody_consumed_it_comes_back(
    transport, url, way_back
):
    async with transport.subscribe(WORK):
        pass
    async with raw_channel(url) as channel:
        await channel.queue_delete("convener.workers")
    if way_back == "provisioning":
        assert {each.problem for each in await provision(url, groups={"workers": "work"})} == {""}
        await transport.publish(event("work"))
    async with transport.subscribe(WORK) as deliveries:
        if way_back == "a subscriber":
            await transport.publish(event("work"))
        await (await next_of(deliveries)).ack()


async def test_queues_of_the_bus_itself_that_were_deleted_come_back_when_they_are_needed(
    transport, url
):
    async with transport.subscribe(WORK) as deliveries:
        await transport.publish(event("work"))
        delivery = await next_of(deliveries)
        async with raw_channel(url) as channel:
            for queue in ("convener.history.ingest", "convener.retry.1s"):
                await channel.queue_delete(queue)
        await transport.publish(event("event.a"))
        await delivery.nack(0.5)
        again = await next_of(deliveries)
        assert again.attempt == 2
        await again.ack()
    assert await message_count(url, "convener.history.ingest") == 1


async def test_a_copy_whose_group_is_gone_is_parked_and_holds_up_nobody(transport, url):
    async with transport.subscribe(WORK) as deliveries:
        for _ in range(40):
            await transport.publish(event("work"))
        for _ in range(40):
            await (await next_of(deliveries)).nack(2.0)
    other = Subscription(pattern="other", group="others")
    async with transport.subscribe(other) as deliveries:
        async with raw_channel(url) as channel:
            await channel.queue_delete("convener.workers")
        await transport.publish(event("other"))
        await (await next_of(deliveries)).nack(2.0)
        again = await next_of(deliveries)
        assert again.attempt == 2
        await again.ack()
    async with raw_channel(url) as channel, asyncio.timeout(20):
        while (await channel.queue_declare("convener.parked", passive=True)).message_count != 40:
            await asyncio.sleep(0.05)
