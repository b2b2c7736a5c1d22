"""The broker takes a consumer or a channel away, with a word or without one."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from bus.clock import SystemClock
from bus.errors import SettlementError, TransportError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bus_under_test import acknowledge, next_of, until
from tests.support.events import event, events
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import message_count

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers", prefetch=4)

FORGET = """
{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"{queue}">>)),
[ra:process_command(amqqueue:get_pid(Q), rabbit_fifo:make_checkout({{Tag, Channel}}, cancel, #{{}}))
 || {{Channel, Tag, _, _, _, _, _, _}} <- rabbit_amqqueue:consumers(Q)]
"""
"""Makes a quorum queue forget its consumers, and tells nobody: their channels live on."""


@pytest.fixture
def vhost(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    with rabbitmq_node.vhost() as name:
        yield name


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode, vhost: str) -> str:
    return rabbitmq_node.url(vhost)


async def watchful(url: str) -> RabbitmqTransport:
    """A transport that soon makes sure of consumers to which nothing comes."""
    return await RabbitmqTransport.connect(
        url, name="watchful", clock=SystemClock(), watch_interval=0.3
    )


@pytest.fixture
async def transport(url: str) -> AsyncIterator[RabbitmqTransport]:
    opened = await watchful(url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def other(url: str) -> AsyncIterator[RabbitmqTransport]:
    opened = await watchful(url)
    yield opened
    await opened.aclose()


async def forget_consumers(node: RabbitmqNode, vhost: str, queue: str) -> None:
    """Have `queue` lose all of its consumers without a word to them."""
    await asyncio.to_thread(node.evaluate, FORGET.format(vhost=vhost, queue=queue))


async def test_a_consumer_that_the_broker_forgot_is_replaced(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str
):
    async with transport.subscribe(WORK) as deliveries:
        await forget_consumers(rabbitmq_node, vhost, "convener.workers")
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        assert delivery.envelope.id == sent.id
        await delivery.ack()


async def test_a_consumer_that_was_forgotten_beside_another_one_is_replaced(
    transport: RabbitmqTransport, other: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str
):
    async with transport.subscribe(WORK) as deliveries:
        await forget_consumers(rabbitmq_node, vhost, "convener.workers")
        async with other.subscribe(WORK):

            async def are_both_known() -> bool:
                return await other.consumers("workers") == 2

            await until(are_both_known)
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        assert delivery.envelope.id == sent.id
        await delivery.ack()


async def test_work_that_waits_is_noticed_although_a_long_task_is_in_hand(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str
):
    async with transport.subscribe(WORK) as deliveries:
        for envelope in events("work", 3):
            await transport.publish(envelope)
        await acknowledge(deliveries, 2)
        held = await next_of(deliveries)
        await forget_consumers(rabbitmq_node, vhost, "convener.workers")
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        assert delivery.envelope.id == sent.id
        assert not held.lost.done()
        await delivery.ack()
        await held.ack()


async def test_a_busy_subscriber_is_sent_no_more_than_it_asked_for(
    transport: RabbitmqTransport, other: RabbitmqTransport, url: str
):
    async with transport.subscribe(WORK) as deliveries:
        for envelope in events("work", 20):
            await transport.publish(envelope)
        await acknowledge(deliveries, 4)
        held = [await next_of(deliveries) for _ in range(WORK.prefetch)]
        waiting = await message_count(url, "convener.workers")
        await asyncio.sleep(1.5)  # several times the watch interval
        assert await message_count(url, "convener.workers") == waiting
        for delivery in held:
            await delivery.ack()


async def test_a_consumer_that_the_broker_cancels_is_replaced_and_others_keep_theirs(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str
):
    other_work = Subscription(pattern="other", group="others")
    async with (
        transport.subscribe(WORK) as deliveries,
        transport.subscribe(other_work) as others,
    ):
        await transport.publish(event("other"))
        held = await next_of(others)
        await asyncio.to_thread(
            rabbitmq_node.management, "DELETE", f"/api/queues/{vhost}/convener.workers"
        )
        sent = event("work")

        async def is_accepted() -> bool:
            try:
                await transport.publish(sent)
            except TransportError:
                return False
            return await transport.consumers("workers") == 1

        await until(is_accepted)
        assert (await next_of(deliveries)).envelope.id == sent.id
        assert not held.lost.done()
        await held.ack()


@pytest.mark.timeout(90)
async def test_a_channel_closed_for_a_task_that_took_too_long_comes_back_under_load(
    url: str, rabbitmq_node: RabbitmqNode
):
    slow, quick = event("work", data="slow"), events("work", 200)
    done: set[str] = set()
    losses = 0
    with rabbitmq_node.consumer_timeout(0.5):
        transport = await watchful(url)
        async with transport.subscribe(WORK) as deliveries, asyncio.timeout(60):
            for envelope in (slow, *quick):
                await transport.publish(envelope)
            while len(done) < len(quick) + 1:
                delivery = await anext(deliveries)
                if delivery.envelope.id == slow.id and not losses:
                    await asyncio.shield(delivery.lost)
                    losses += 1
                    with pytest.raises(SettlementError):
                        await delivery.ack()
                    continue
                try:
                    await delivery.ack()
                except SettlementError:
                    continue
                done.add(delivery.envelope.id)
        await transport.aclose()
    assert losses == 1
    assert done == {slow.id, *(envelope.id for envelope in quick)}


@pytest.mark.timeout(90)
async def test_channels_that_die_in_the_broker_take_no_confirmed_message_along(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode
):
    confirmed: set[str] = set()
    received: set[str] = set()

    async def publish() -> None:
        for _ in range(80):
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

    async with transport.subscribe(WORK) as deliveries, asyncio.timeout(60):
        consuming = asyncio.create_task(consume(deliveries))
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(publish())
            for _ in range(3):
                await asyncio.to_thread(
                    rabbitmq_node.evaluate, "[exit(P, kill) || P <- rabbit_channel:list()]"
                )
        while not confirmed <= received:
            await asyncio.sleep(0.1)
        consuming.cancel()
    assert len(confirmed) == 320
