"""A broker that is short of memory takes nothing from whoever publishes; queues that are full."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from bus.clock import SystemClock
from bus.domain.envelope import Envelope
from bus.errors import RefusedError, TransportError, UnconfirmedError
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bus_under_test import acknowledge, next_of, until
from tests.support.events import event, events
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import message_count

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers")


@pytest.fixture
def vhost(rabbitmq_node: RabbitmqNode) -> Iterator[str]:
    with rabbitmq_node.vhost() as name:
        yield name


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode, vhost: str) -> str:
    return rabbitmq_node.url(vhost)


@pytest.fixture
async def transport(url: str) -> AsyncIterator[RabbitmqTransport]:
    """A transport that waits no longer than a second for a confirmation."""
    opened = await RabbitmqTransport.connect(
        url, name="fault", clock=SystemClock(), confirm_timeout=1.0
    )
    yield opened
    await opened.aclose()


@pytest.fixture
def alarm(rabbitmq_node: RabbitmqNode) -> "Alarm":
    return Alarm(rabbitmq_node)


class Alarm:
    """Sets off the broker's memory alarm, without blocking the loop of the test."""

    def __init__(self, node: RabbitmqNode) -> None:
        self._alarm = node.memory_alarm()

    async def __aenter__(self) -> None:
        await asyncio.to_thread(self._alarm.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._alarm.__exit__, None, None, None)


async def until_blocked(transport: RabbitmqTransport, topic: str) -> Envelope:
    """Publish the one message with which the broker finds that it should block us."""
    sent = event(topic)
    with pytest.raises(UnconfirmedError, match="low on memory"):
        await transport.publish(sent)
    return sent


async def test_while_the_broker_has_no_memory_publishes_are_refused_and_consumers_served(
    transport: RabbitmqTransport, alarm: Alarm, url: str
):
    async with transport.subscribe(WORK) as deliveries:
        before = events("work", 4)
        for envelope in before:
            await transport.publish(envelope)
        async with alarm:
            doubtful = await until_blocked(transport, "work")
            outcomes = await asyncio.gather(
                *(transport.publish(event("work")) for _ in range(20)), return_exceptions=True
            )
            assert {type(outcome) for outcome in outcomes} == {RefusedError}
            assert "low on memory" in str(outcomes[0])
            await transport.publish(event("progress.a"))
            served = await acknowledge(deliveries, 4)
            assert [each.envelope.id for each in served] == [each.id for each in before]
        after = event("work")
        await transport.publish(after)
        received = await acknowledge(deliveries, 2)
        assert [each.envelope.id for each in received] == [doubtful.id, after.id]
    assert await message_count(url, "convener.workers") == 0


async def test_a_publish_that_waits_goes_on_when_the_alarm_ends(url: str, alarm: Alarm):
    patient = await RabbitmqTransport.connect(
        url, name="patient", clock=SystemClock(), confirm_timeout=60.0
    )
    async with patient.subscribe(WORK) as deliveries:
        async with alarm:
            waiting = [asyncio.create_task(patient.publish(each)) for each in events("work", 5)]
            done, _ = await asyncio.wait(waiting, timeout=0.5)
            assert not done
        await asyncio.gather(*waiting)
        await acknowledge(deliveries, 5)
    await patient.aclose()


async def test_what_must_be_tried_again_during_an_alarm_is_not_parked_for_it(
    transport: RabbitmqTransport, alarm: Alarm, url: str
):
    async with transport.subscribe(WORK) as deliveries:
        sent = event("work")
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        async with alarm:
            await until_blocked(transport, "event.a")
            settling = asyncio.create_task(delivery.nack())
            done, _ = await asyncio.wait({settling}, timeout=2.5)
            assert not done
        await settling
        again = await next_of(deliveries)
        assert (again.envelope.id, again.attempt, again.redeliveries) == (sent.id, 2, 0)
        await again.ack()
    assert await message_count(url, "convener.parked") == 0


async def test_a_worker_can_stop_during_an_alarm_and_hands_back_what_it_held(
    transport: RabbitmqTransport, alarm: Alarm, url: str
):
    async with transport.subscribe(WORK) as deliveries:
        await transport.publish(event("work"))
        delivery = await next_of(deliveries)
        async with alarm:
            await until_blocked(transport, "event.a")
            settling = asyncio.create_task(delivery.reject("failed"))
            await asyncio.wait({settling}, timeout=0.2)
            await transport.aclose()
            with pytest.raises(TransportError):
                await settling

            async def is_back() -> bool:
                return await message_count(url, "convener.workers") == 1

            await until(is_back)


async def test_a_full_queue_refuses_and_what_it_accepted_is_all_there(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str, url: str
):
    async with transport.subscribe(WORK):
        pass
    policy = {"max-length": 5}
    await asyncio.to_thread(rabbitmq_node.set_policy, vhost, "convener.workers", policy)
    accepted: list[str] = []
    for envelope in events("work", 30):
        try:
            await transport.publish(envelope)
        except RefusedError as error:
            assert "A queue for 'work' is full" in str(error)
        else:
            accepted.append(envelope.id)
    assert 5 <= len(accepted) < 15
    await transport.publish(event("event.a"))
    async with transport.subscribe(WORK) as deliveries:
        received = await acknowledge(deliveries, len(accepted))
        assert [each.envelope.id for each in received] == accepted
        late = event("work")

        async def is_accepted() -> bool:
            try:
                await transport.publish(late)
            except RefusedError:
                return False
            return True

        await until(is_accepted)
        delivery = await next_of(deliveries)
        assert delivery.envelope.id == late.id
        await delivery.ack()


async def test_copies_that_find_their_queue_full_wait_for_room(
    transport: RabbitmqTransport, rabbitmq_node: RabbitmqNode, vhost: str, url: str
):
    async with transport.subscribe(Subscription(pattern="event.#")) as deliveries:
        held = []
        for envelope in events("event.a", 8):
            await transport.publish(envelope)
            held.append(await next_of(deliveries))
        few, many = {"max-length": 2}, {"max-length": 100}
        await asyncio.to_thread(rabbitmq_node.set_policy, vhost, "convener.parked", few)
        settling: list[asyncio.Task[None]] = []
        for delivery in held:
            settling.append(asyncio.create_task(delivery.reject("failed", "no")))
            await asyncio.wait(settling, timeout=0.3)
        assert not all(each.done() for each in settling)
        assert await message_count(url, "convener.parked") < len(held)
        await asyncio.to_thread(rabbitmq_node.set_policy, vhost, "convener.parked", many)
        async with asyncio.timeout(30):
            await asyncio.gather(*settling)
    assert await message_count(url, "convener.parked") == len(held)
