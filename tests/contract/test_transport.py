"""What every transport promises, see `bus.transport`."""

import asyncio

import pytest

from bus.dead_letter import DeadLetters
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.errors import SettlementError, TransportClosedError, UnroutableError, UsageError
from bus.transport import Delivery, Subscription, Transport
from tests.support.bus_under_test import (
    PATIENCE,
    BusUnderTest,
    acknowledge,
    fresh,
    is_silent,
    next_of,
    take,
    until,
)
from tests.support.events import event, events


def of_group(topic: str, *, prefetch: int = 8) -> Subscription:
    return Subscription(pattern=topic, group=topic, prefetch=prefetch)


@pytest.fixture
def topic() -> str:
    """A topic of work; its group has the same name."""
    return fresh("work")


async def declare(transport: Transport, topic: str) -> None:
    """Have a group, with nobody in it."""
    async with transport.subscribe(of_group(topic)):
        pass


async def publish_all(transport: Transport, envelopes: list[Envelope]) -> None:
    for envelope in envelopes:
        await transport.publish(envelope)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.envelope.id for delivery in deliveries]


# Groups


async def test_a_delivery_carries_the_envelope_as_it_was_published(transport, other, topic):
    sent = event(
        topic, correlation_id="c-1", reply_to="reply.a1", headers={TOKEN_HEADER: "t", "mark": "ü"}
    )
    async with other.subscribe(of_group(topic)) as deliveries:
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        assert delivery.envelope == sent
        assert (delivery.attempt, delivery.redeliveries) == (1, 0)
        assert not delivery.lost.done()
        await delivery.ack()


async def test_bytes_that_are_no_event_are_delivered_all_the_same(transport, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(Envelope(topic=topic, body=b"\xff\x00{not json"))
        (delivery,) = await acknowledge(deliveries, 1)
        assert delivery.envelope.body == b"\xff\x00{not json"


async def test_each_message_goes_to_one_of_the_competing_consumers(transport, other, topic):
    sent = events(topic, 40)
    received: list[str] = []

    async def consume(consumer: Transport) -> None:
        async with consumer.subscribe(of_group(topic, prefetch=2)) as deliveries:
            async for delivery in deliveries:
                received.append(delivery.envelope.id)
                await delivery.ack()
                if len(received) == len(sent):
                    finished.set()

    finished = asyncio.Event()
    await declare(transport, topic)
    async with asyncio.TaskGroup() as tasks:
        consumers = [tasks.create_task(consume(each)) for each in (transport, other)]
        await publish_all(transport, sent)
        async with asyncio.timeout(PATIENCE):
            await finished.wait()
        for consumer in consumers:
            consumer.cancel()
    assert sorted(received) == sorted(envelope.id for envelope in sent)


async def test_every_group_that_matches_gets_the_message(transport, other):
    topic = f"event.{fresh('thing')}"
    first = Subscription(pattern=topic, group=fresh("first"))
    second = Subscription(pattern=topic, group=fresh("second"))
    async with transport.subscribe(first) as one, other.subscribe(second) as two:
        sent = event(topic)
        await transport.publish(sent)
        for deliveries in (one, two):
            assert ids(await acknowledge(deliveries, 1)) == [sent.id]


async def test_a_message_that_matches_two_patterns_of_a_group_is_delivered_once(transport, topic):
    wide = Subscription(pattern=f"{topic}.#", group=topic)
    narrow = Subscription(pattern=f"{topic}.a", group=topic)
    await declare(transport, topic)
    async with transport.subscribe(wide):
        pass
    async with transport.subscribe(narrow) as deliveries:
        sent = [event(f"{topic}.a"), event(f"{topic}.b")]
        await publish_all(transport, sent)
        assert ids(await acknowledge(deliveries, 2)) == [envelope.id for envelope in sent]
        assert await is_silent(deliveries)


async def test_a_group_keeps_messages_while_nobody_is_there(bus: BusUnderTest, transport, topic):
    await declare(transport, topic)
    sent = events(topic, 3)
    await publish_all(transport, sent)
    later = await bus.transport()
    async with later.subscribe(of_group(topic)) as deliveries:
        assert ids(await acknowledge(deliveries, 3)) == [envelope.id for envelope in sent]


async def test_work_that_no_group_takes_is_unroutable(transport):
    with pytest.raises(UnroutableError) as raised:
        await transport.publish(event(fresh("nobody")))
    assert not raised.value.retryable


async def test_a_notice_that_nobody_listens_to_is_accepted(transport):
    await transport.publish(event(f"event.{fresh('thing')}"))


async def test_unroutable_messages_are_told_apart_from_others_of_the_same_id(transport, topic):
    await declare(transport, topic)
    nowhere = fresh("nobody")
    id = fresh("same")
    sent = [event(nowhere if number == 37 else topic, id=id) for number in range(100)]
    outcomes = await asyncio.gather(*map(transport.publish, sent), return_exceptions=True)
    unroutable = [number for number, outcome in enumerate(outcomes) if outcome is not None]
    assert unroutable == [37]
    assert isinstance(outcomes[37], UnroutableError)
    async with transport.subscribe(of_group(topic)) as deliveries:
        assert ids(await acknowledge(deliveries, 99)) == [id] * 99


async def test_messages_of_one_publisher_arrive_in_order(transport, other, topic):
    async with other.subscribe(of_group(topic)) as deliveries:
        sent = events(topic, 50)
        await publish_all(transport, sent)
        assert ids(await acknowledge(deliveries, 50)) == [envelope.id for envelope in sent]


async def test_a_body_of_a_mebibyte_passes(transport, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        sent = event(topic, data="x" * (1024 * 1024 - 400))
        await transport.publish(sent)
        (delivery,) = await acknowledge(deliveries, 1)
        assert delivery.envelope.body == sent.body


# Own copies


async def test_without_a_group_every_subscriber_gets_its_own_copy(transport, other):
    topic = f"event.{fresh('thing')}"
    own = Subscription(pattern=topic)
    async with transport.subscribe(own) as one, other.subscribe(own) as two:
        sent = events(topic, 3)
        await publish_all(transport, sent)
        for deliveries in (one, two):
            assert ids(await acknowledge(deliveries, 3)) == [envelope.id for envelope in sent]


async def test_an_own_copy_begins_with_the_subscription_and_ends_with_it(transport, other):
    topic = f"event.{fresh('thing')}"
    own = Subscription(pattern=topic)
    await transport.publish(event(topic))
    async with other.subscribe(own):
        await transport.publish(event(topic))
    async with other.subscribe(own) as deliveries:
        assert await is_silent(deliveries)
        heard = event(topic)
        await transport.publish(heard)
        assert ids(await acknowledge(deliveries, 1)) == [heard.id]


async def test_transient_messages_reach_those_who_listen_now(transport, other):
    topic = f"progress.{fresh('request')}"
    await transport.publish(event(topic))
    async with other.subscribe(Subscription(pattern=topic)) as deliveries:
        sent = events(topic, 3)
        await publish_all(transport, sent)
        assert ids(await acknowledge(deliveries, 3)) == [envelope.id for envelope in sent]


# Settlement


async def test_an_acknowledged_message_is_gone(transport, other, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(event(topic))
        await acknowledge(deliveries, 1)
    async with other.subscribe(of_group(topic)) as deliveries:
        assert await is_silent(deliveries)


async def test_a_retried_message_comes_back_as_the_next_attempt(transport, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        sent = event(topic, headers={TOKEN_HEADER: "t"})
        await transport.publish(sent)
        for attempt in (1, 2, 3):
            delivery = await next_of(deliveries)
            assert (delivery.attempt, delivery.redeliveries) == (attempt, 0)
            assert delivery.envelope == sent
            await delivery.nack()
        await acknowledge(deliveries, 1)


async def test_a_postponed_message_comes_back_as_the_same_attempt(transport, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(event(topic))
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).nack(0.01, counted=False)
        delivery = await next_of(deliveries)
        assert delivery.attempt == 2
        await delivery.ack()


async def test_a_delayed_message_waits_and_lets_others_pass(transport, topic):
    loop = asyncio.get_running_loop()
    async with transport.subscribe(of_group(topic)) as deliveries:
        delayed, passing = events(topic, 2)
        await transport.publish(delayed)
        started_at = loop.time()
        await (await next_of(deliveries)).nack(1.0)
        await transport.publish(passing)
        assert ids(await acknowledge(deliveries, 2)) == [passing.id, delayed.id]
        assert loop.time() - started_at >= 0.9


async def test_a_released_message_goes_to_another_consumer_unchanged(transport, other, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(event(topic))
        await (await next_of(deliveries)).nack()
        delivery = await next_of(deliveries)
    async with other.subscribe(of_group(topic)) as deliveries:
        await delivery.release()
        again = await next_of(deliveries)
        assert (again.envelope.id, again.attempt) == (delivery.envelope.id, 2)
        await again.ack()


async def test_a_rejected_message_is_parked_with_its_context(
    transport, dead_letters: DeadLetters, topic
):
    async with transport.subscribe(of_group(topic)) as deliveries:
        sent = event(topic, correlation_id="c-1", reply_to="reply.a1", headers={"mark": "m"})
        await transport.publish(sent)
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).reject("failed", "It broke: ä.")
        assert await is_silent(deliveries)
    (letter,) = [each for each in await dead_letters.list() if each.group == topic]
    assert letter.envelope == sent
    assert (letter.reason, letter.error, letter.attempts) == ("failed", "It broke: ä.", 2)
    assert letter.host
    assert letter.published_at <= letter.parked_at


@pytest.mark.parametrize("first", ["ack", "nack", "release", "reject"])
@pytest.mark.parametrize("second", ["ack", "nack", "release", "reject"])
async def test_settling_twice_is_an_error(transport, topic, first, second):
    def settle(delivery: Delivery, how: str):
        return delivery.reject("failed") if how == "reject" else getattr(delivery, how)()

    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(event(topic))
        delivery = await next_of(deliveries)
        await settle(delivery, first)
        with pytest.raises(SettlementError):
            await settle(delivery, second)


async def test_settlements_may_overlap(transport, topic):
    async with transport.subscribe(of_group(topic, prefetch=20)) as deliveries:
        await publish_all(transport, events(topic, 35))
        await acknowledge(deliveries, 15)
        taken = await take(deliveries, 16)
        await asyncio.gather(*(delivery.ack() for delivery in taken))
        await acknowledge(deliveries, 4)


# Intake


async def test_no_more_is_taken_than_prefetch_allows(transport, topic):
    await declare(transport, topic)
    await publish_all(transport, events(topic, 20))
    async with transport.subscribe(of_group(topic, prefetch=3)) as deliveries:
        await acknowledge(deliveries, 6)
        taken = await take(deliveries, 3)
        assert await is_silent(deliveries)
        await taken.pop().ack()
        taken.append(await next_of(deliveries))
        assert await is_silent(deliveries)


async def test_the_intake_begins_with_one_and_doubles(transport, topic):
    await declare(transport, topic)
    await publish_all(transport, events(topic, 20))
    async with transport.subscribe(of_group(topic)) as deliveries:
        first = await next_of(deliveries)
        assert await is_silent(deliveries)
        await first.ack()
        taken = await take(deliveries, 2)
        assert await is_silent(deliveries)
        for delivery in taken:
            await delivery.ack()
        await take(deliveries, 8)
        assert await is_silent(deliveries)


async def test_a_message_that_is_handled_for_long_does_not_hold_up_the_others(transport, topic):
    await declare(transport, topic)
    await publish_all(transport, events(topic, 4))
    async with transport.subscribe(of_group(topic)) as deliveries:
        for delivery in await take(deliveries, 4):
            await delivery.ack()


async def test_own_copies_begin_with_full_intake(transport):
    topic = f"event.{fresh('thing')}"
    async with transport.subscribe(Subscription(pattern=topic, prefetch=5)) as deliveries:
        await publish_all(transport, events(topic, 8))
        await take(deliveries, 5)
        assert await is_silent(deliveries)


async def test_after_the_intake_ended_what_was_taken_can_be_settled(transport, other, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        sent = events(topic, 5)
        await publish_all(transport, sent)
        await acknowledge(deliveries, 1)
        delivery = await next_of(deliveries)
    with pytest.raises(StopAsyncIteration):
        await anext(deliveries)
    await delivery.ack()
    async with other.subscribe(of_group(topic)) as deliveries:
        received = await acknowledge(deliveries, 3)
        assert sorted(ids(received)) == sorted(envelope.id for envelope in sent[2:])
        assert {each.attempt for each in received} == {1}


async def test_an_own_copy_taken_before_can_be_settled_after(transport):
    topic = f"event.{fresh('thing')}"
    async with transport.subscribe(Subscription(pattern=topic)) as deliveries:
        await publish_all(transport, events(topic, 2))
        one, two = await take(deliveries, 2)
    await one.ack()
    await two.ack()


async def test_a_subscriber_who_waits_is_told_when_the_subscription_ends(transport, topic):
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        async with transport.subscribe(of_group(topic)) as deliveries:
            waiting = tasks.create_task(anext(deliveries, None))
            await asyncio.sleep(0.01)
        assert await waiting is None


async def test_cancelling_whoever_waits_loses_nothing(transport, topic):
    async with transport.subscribe(of_group(topic)) as deliveries:
        sent = events(topic, 20)
        received: list[str] = []
        for envelope in sent:
            await transport.publish(envelope)
            try:
                async with asyncio.timeout(0.001):
                    delivery = await anext(deliveries)
            except TimeoutError:
                delivery = await next_of(deliveries)
            received.append(delivery.envelope.id)
            await delivery.ack()
        assert received == [envelope.id for envelope in sent]


async def test_closing_hands_back_what_was_not_settled(bus: BusUnderTest, transport, topic):
    leaving = await bus.transport()
    async with leaving.subscribe(of_group(topic)) as deliveries:
        sent = event(topic)
        await transport.publish(sent)
        delivery = await next_of(deliveries)
        await leaving.aclose()
        await leaving.aclose()
        assert delivery.lost.done()
        with pytest.raises(SettlementError):
            await delivery.ack()
    async with transport.subscribe(of_group(topic)) as deliveries:
        again = await next_of(deliveries)
        assert (again.envelope.id, again.attempt) == (sent.id, 1)
        await again.ack()


async def test_a_closed_transport_says_so(bus: BusUnderTest, topic):
    closed = await bus.transport()
    await closed.aclose()
    with pytest.raises(TransportClosedError):
        await closed.publish(event(topic))
    with pytest.raises(TransportClosedError):
        async with closed.subscribe(of_group(topic)):
            pass


async def test_what_a_dead_consumer_held_goes_to_another_one(bus: BusUnderTest, transport, topic):
    dying = await bus.transport()
    async with dying.subscribe(of_group(topic)) as deliveries:
        sent = event(topic, headers={TOKEN_HEADER: "t"})
        await transport.publish(sent)
        held = await next_of(deliveries)
        async with transport.subscribe(of_group(topic)) as others:
            await bus.break_off(dying)
            again = await next_of(others)
            assert again.envelope == sent
            assert (again.attempt, again.redeliveries) == (1, 1)
            await again.ack()
            with pytest.raises(SettlementError):
                await held.ack()


async def test_a_message_that_came_back_is_handled_alone(bus: BusUnderTest, transport, topic):
    dying = await bus.transport()
    await declare(transport, topic)
    await publish_all(transport, events(topic, 5))
    async with dying.subscribe(of_group(topic)) as deliveries:
        suspect = await next_of(deliveries)
        async with transport.subscribe(of_group(topic)) as others:
            await acknowledge(others, 4)
            await bus.break_off(dying)
            delivery = await next_of(others)
            assert delivery.envelope.id == suspect.envelope.id
            await publish_all(transport, events(topic, 3))
            assert await is_silent(others)
            await delivery.ack()
            await acknowledge(others, 3)


# Presence


async def test_presence_rises_and_falls(bus: BusUnderTest, transport, other, topic):
    async def present(expected: int) -> None:
        async def is_so() -> bool:
            return await transport.consumers(topic) == expected

        await until(is_so)

    assert await transport.consumers(topic) == 0
    async with transport.subscribe(of_group(topic)):
        await present(1)
        dying = await bus.transport()
        async with other.subscribe(of_group(topic)), dying.subscribe(of_group(topic)):
            await present(3)
            await bus.break_off(dying)
            await present(2)
        await present(1)
    await present(0)


# Usage


@pytest.mark.parametrize("group", ["Upper", "a-b", "history", "retry.1s", "parked", "dlx.a", "1a"])
def test_a_group_name_that_the_bus_needs_or_cannot_write_is_refused(group):
    with pytest.raises(UsageError):
        Subscription(pattern="task.a", group=group)


def test_work_cannot_be_copied():
    with pytest.raises(UsageError):
        Subscription(pattern="task.a")
