"""What all dead letters promise, see `bus.dead_letter`."""

import pytest

from bus.dead_letter import DeadLetter, DeadLetters
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.errors import UnroutableError
from bus.transport import Subscription, Transport
from tests.support.bus_under_test import acknowledge, fresh, is_silent, next_of
from tests.support.events import event, events


@pytest.fixture
def topic() -> str:
    return fresh("work")


def of_group(topic: str) -> Subscription:
    return Subscription(pattern=topic, group=topic)


async def park(transport: Transport, envelope: Envelope) -> None:
    """Have `envelope` taken and rejected."""
    async with transport.subscribe(of_group(envelope.topic)) as deliveries:
        await transport.publish(envelope)
        await (await next_of(deliveries)).reject("failed", "It broke.")


async def parked(dead_letters: DeadLetters, topic: str) -> list[DeadLetter]:
    return [each for each in await dead_letters.list(10_000) if each.envelope.topic == topic]


async def test_they_are_listed_from_the_oldest_on(transport, dead_letters, topic):
    sent = events(topic, 4)
    for envelope in sent:
        await park(transport, envelope)
    letters = await parked(dead_letters, topic)
    assert [each.envelope.id for each in letters] == [envelope.id for envelope in sent]
    assert [each.parked_at for each in letters] == sorted(each.parked_at for each in letters)
    assert await parked(dead_letters, topic) == letters
    assert len(await dead_letters.list(2)) == 2


async def test_a_message_parked_twice_is_two_dead_letters(transport, dead_letters, topic):
    twice = event(topic)
    await park(transport, twice)
    await park(transport, twice)
    one, two = await parked(dead_letters, topic)
    assert one.id != two.id
    assert one.envelope == two.envelope == twice


async def test_one_is_found_by_its_id_or_the_start_of_it(transport, dead_letters, topic):
    await park(transport, event(topic))
    (letter,) = await parked(dead_letters, topic)
    assert await dead_letters.get(letter.id) == letter
    assert await dead_letters.get(letter.id[:-2]) == letter
    assert await dead_letters.get(letter.id + "0") is None
    assert await dead_letters.get(fresh("nothing")) is None


async def test_the_token_is_not_parked(transport, dead_letters, topic):
    await park(transport, event(topic, headers={TOKEN_HEADER: "secret-token", "mark": "m"}))
    (letter,) = await parked(dead_letters, topic)
    assert letter.envelope.headers == {"mark": "m"}
    assert "secret-token" not in repr(letter)


async def test_a_redriven_message_runs_once_more_as_the_first_attempt(
    transport, dead_letters, topic
):
    sent = event(topic, correlation_id="c-1", reply_to="reply.a1", headers={"mark": "m"})
    async with transport.subscribe(of_group(topic)) as deliveries:
        await transport.publish(sent)
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).reject("failed", "It broke.")
        (letter,) = await parked(dead_letters, topic)
        assert await dead_letters.redrive(letter.id)
        delivery = await next_of(deliveries)
        assert (delivery.attempt, delivery.redeliveries) == (1, 0)
        assert delivery.envelope == sent
        await delivery.ack()
        assert await is_silent(deliveries)
    assert await parked(dead_letters, topic) == []
    assert not await dead_letters.redrive(letter.id)


async def test_a_redriven_message_goes_to_its_own_group_alone(transport, dead_letters):
    topic = f"event.{fresh('thing')}"
    broken = Subscription(pattern=topic, group=fresh("broken"))
    sound = Subscription(pattern=topic, group=fresh("sound"))
    async with transport.subscribe(broken) as one, transport.subscribe(sound) as two:
        await transport.publish(event(topic))
        await acknowledge(two, 1)
        await (await next_of(one)).reject("failed")
        (letter,) = await parked(dead_letters, topic)
        assert letter.group == broken.group
        assert await dead_letters.redrive(letter.id)
        await acknowledge(one, 1)
        assert await is_silent(two)


async def test_a_message_can_be_mended_and_given_new_authority(transport, dead_letters, topic):
    await park(transport, event(topic, headers={TOKEN_HEADER: "old"}))
    (letter,) = await parked(dead_letters, topic)
    mended = event(topic, id=letter.envelope.id, data="mended")
    async with transport.subscribe(of_group(topic)) as deliveries:
        headers = {TOKEN_HEADER: "new"}
        assert await dead_letters.redrive(letter.id, body=mended.body, headers=headers)
        (delivery,) = await acknowledge(deliveries, 1)
    assert delivery.envelope.body == mended.body
    assert delivery.envelope.headers == headers


async def test_a_redriven_message_waits_while_nobody_is_there(transport, dead_letters, topic):
    sent = event(topic)
    await park(transport, sent)
    (letter,) = await parked(dead_letters, topic)
    assert await dead_letters.redrive(letter.id)
    async with transport.subscribe(of_group(topic)) as deliveries:
        (delivery,) = await acknowledge(deliveries, 1)
    assert delivery.envelope.id == sent.id


async def test_what_comes_from_no_group_cannot_be_redriven(transport, dead_letters):
    topic = f"event.{fresh('thing')}"
    async with transport.subscribe(Subscription(pattern=topic)) as deliveries:
        await transport.publish(event(topic))
        await (await next_of(deliveries)).reject("failed")
    (letter,) = await parked(dead_letters, topic)
    with pytest.raises(UnroutableError):
        await dead_letters.redrive(letter.id)
    assert await parked(dead_letters, topic) == [letter]


async def test_a_discarded_message_is_gone(transport, dead_letters, topic):
    await park(transport, event(topic))
    (letter,) = await parked(dead_letters, topic)
    assert await dead_letters.discard(letter.id)
    assert not await dead_letters.discard(letter.id)
    assert await dead_letters.get(letter.id) is None
