"""What every history promises, see `bus.history`.

The history of a broker outlives a test, so every query here is narrowed to the test's own messages.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain.codec import parse
from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.domain.message import request_key
from bus.history import Forgotten, History, HistoryQuery, HistoryRecord
from bus.transport import Subscription, Transport
from tests.support.bus_under_test import PATIENCE, BusUnderTest, acknowledge, fresh, next_of, take
from tests.support.events import NOON, event, events


@pytest.fixture
def key() -> str:
    """A correlation id of this test alone."""
    return fresh("request")


@pytest.fixture
def notice(key: str) -> Callable[..., Envelope]:
    """Makes notices of one conversation."""

    def make(**attributes) -> Envelope:
        return event(f"event.{key}", correlation_id=key, **attributes)

    return make


async def publish_all(transport: Transport, envelopes: list[Envelope]) -> None:
    for envelope in envelopes:
        await transport.publish(envelope)


def ids(records: list[HistoryRecord]) -> list[str]:
    return [record.id for record in records]


async def test_a_record_tells_what_the_event_says(transport, history: History, key, notice):
    sent = notice(source="agent", causation_id="m-0", minute=3, data={"text": "größer"})
    await transport.publish(sent)
    (record,) = await history.query(HistoryQuery(request=key))
    assert record.body == sent.body
    assert (record.id, record.topic) == (sent.id, sent.topic)
    assert (record.message_type, record.source) == ("shop.order.placed.v1", "agent")
    assert (record.correlation_id, record.causation_id) == (key, "m-0")
    assert record.time == "2026-03-01T12:03:00.000000Z"


async def test_every_confirmed_message_is_recorded_once_and_in_order(
    bus: BusUnderTest, transport, history, key
):
    topic = fresh("work")
    senders = [await bus.transport() for _ in range(3)]
    sent = [
        [event(topic, correlation_id=key, source=f"s{sender}", data=n) for n in range(20)]
        for sender in range(3)
    ]
    async with transport.subscribe(Subscription(pattern=topic, group=topic)) as deliveries:
        await asyncio.gather(*map(publish_all, senders, sent))
        await acknowledge(deliveries, 60)
    records = await history.query(HistoryQuery(request=key))
    assert len(records) == 60
    for sender, envelopes in enumerate(sent):
        of_sender = [record for record in records if record.source == f"s{sender}"]
        assert ids(of_sender) == [envelope.id for envelope in envelopes]
    positions = [record.position for record in records]
    assert positions == sorted(set(positions))


async def test_a_message_is_in_the_history_as_soon_as_its_publish_returned(
    transport, history, key, notice
):
    for count in range(1, 6):
        await transport.publish(notice())
        assert len(await history.query(HistoryQuery(request=key))) == count


async def test_duplicates_collapse_by_id(transport, history, key, notice):
    twice = notice()
    await publish_all(transport, [twice, notice(), twice])
    records = await history.query(HistoryQuery(request=key))
    assert len(records) == 2
    assert records[0].id == twice.id


async def test_transient_messages_are_not_recorded(transport, history, key, notice):
    await transport.publish(event(f"progress.{key}", correlation_id=key))
    await transport.publish(notice())
    assert [each.topic for each in await history.query(HistoryQuery(request=key))] == [
        f"event.{key}"
    ]


async def test_tokens_are_not_recorded(transport, history, key, notice):
    await transport.publish(notice(headers={TOKEN_HEADER: "secret-token"}))
    (record,) = await history.query(HistoryQuery(request=key))
    assert "secret-token" not in repr(record)


async def test_settling_changes_nothing_in_the_history(transport, history, key):
    topic = fresh("work")
    async with transport.subscribe(Subscription(pattern=topic, group=topic)) as deliveries:
        await publish_all(
            transport, [event(topic, correlation_id=key, data=number) for number in range(3)]
        )
        before = await history.query(HistoryQuery(request=key))
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).reject("failed", "no")
        await acknowledge(deliveries, 2)
    assert await history.query(HistoryQuery(request=key)) == before


async def test_a_request_is_found_by_the_start_of_its_key(transport, history, key, notice):
    sent = notice()
    await publish_all(transport, [sent, event(sent.topic, correlation_id=fresh("other"))])
    assert ids(await history.query(HistoryQuery(request=key[:-3]))) == [sent.id]
    assert await history.query(HistoryQuery(request=key + "x")) == []


async def test_a_message_without_a_correlation_is_found_by_its_id(transport, history):
    sent = event("event.thing", id=fresh("message"))
    await transport.publish(sent)
    assert ids(await history.query(HistoryQuery(request=sent.id))) == [sent.id]
    assert ids(await history.query(HistoryQuery(request=sent.id[:-2]))) == [sent.id]


async def test_a_role_is_found_by_what_it_was_told_and_what_it_said(transport, history, key):
    role = fresh("role")
    group = Subscription(pattern=f"task.{role}", group=f"agent.{role}")
    async with transport.subscribe(group) as deliveries:
        told = event(f"task.{role}", correlation_id=key)
        said = event(f"event.{key}", correlation_id=key, source=role)
        await publish_all(transport, [told, said, event(f"event.{key}", correlation_id=key)])
        await acknowledge(deliveries, 1)
    assert ids(await history.query(HistoryQuery(role=role))) == [told.id, said.id]


async def test_a_type_is_found_by_its_name_or_a_part_of_it(transport, history, key, notice):
    placed, shipped = notice(), notice(message_type="shop.order.shipped.v1")
    await publish_all(transport, [placed, shipped])
    for wanted, expected in {
        "shop.order.shipped.v1": [shipped.id],
        "shipped": [shipped.id],
        "order": [placed.id, shipped.id],
        "%": [],
    }.items():
        query = HistoryQuery(request=key, message_type=wanted)
        assert ids(await history.query(query)) == expected


async def test_time_bounds_include_the_first_and_not_the_last(transport, history, key, notice):
    sent = [notice(minute=minute) for minute in range(4)]
    await publish_all(transport, sent)
    query = HistoryQuery(
        request=key, since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=3)
    )
    assert ids(await history.query(query)) == [sent[1].id, sent[2].id]


@pytest.mark.parametrize(
    ("text", "found"),
    [("Needle", True), ("NEEDLE", True), ("100%", True), ("größe", True), ("n_edle", False)],
)
async def test_text_is_found_whatever_its_case(transport, history, key, notice, text, found):
    sent = notice(data="a needle of 100% größe")
    await publish_all(transport, [sent, notice(data="hay")])
    expected = [sent.id] if found else []
    assert ids(await history.query(HistoryQuery(request=key, text=text))) == expected


async def test_conditions_are_combined(transport, history, key, notice):
    wanted = notice(source="a", data="x1", minute=5)
    others = [notice(source="b", data="x1", minute=5), notice(source="a", data="y", minute=5)]
    await publish_all(transport, [*others, wanted, notice(source="a", data="x1")])
    query = HistoryQuery(request=key, role="a", text="x1", since=NOON + timedelta(minutes=1))
    assert ids(await history.query(query)) == [wanted.id]


async def test_the_first_or_the_last_records_are_taken(transport, history, key, notice):
    sent = [notice() for _ in range(6)]
    await publish_all(transport, sent)
    expected = [envelope.id for envelope in sent]
    first = await history.query(HistoryQuery(request=key, limit=2))
    assert ids(first) == expected[:2]
    rest = await history.query(HistoryQuery(request=key, after=first[-1].position))
    assert ids(rest) == expected[2:]
    latest = await history.query(HistoryQuery(request=key, limit=2, latest=True))
    assert ids(latest) == expected[-2:]
    assert await history.query(HistoryQuery(request=key, limit=0)) == []


async def test_following_tells_what_was_and_what_comes(transport, history, key, notice):
    sent = [notice() for _ in range(4)]
    await publish_all(transport, sent[:2])
    following = history.follow(HistoryQuery(request=key))
    assert ids(await take(following, 2)) == [envelope.id for envelope in sent[:2]]
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(next_of(following))
        await publish_all(transport, sent[2:])
        assert (await waiting).id == sent[2].id
    assert (await next_of(following)).id == sent[3].id
    await following.aclose()


async def test_following_can_begin_after_a_position(transport, history, key, notice):
    sent = [notice() for _ in range(3)]
    await publish_all(transport, sent)
    (first, *_) = await history.query(HistoryQuery(request=key))
    following = history.follow(HistoryQuery(request=key, after=first.position))
    assert ids(await take(following, 2)) == [envelope.id for envelope in sent[1:]]
    await following.aclose()


async def test_closing_the_history_ends_those_who_follow(history, key):
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        following = history.follow(HistoryQuery(request=key))
        waiting = tasks.create_task(anext(following, None))
        await asyncio.sleep(0.01)
        await history.aclose()
        await history.aclose()
        assert await waiting is None


async def test_many_records_come_whole(transport, history, key):
    topic = f"event.{key}"
    sent = [event(topic, correlation_id=key, data=each.id) for each in events(topic, 1200)]
    for start in range(0, len(sent), 100):
        await asyncio.gather(*map(transport.publish, sent[start : start + 100]))
    records = await history.query(HistoryQuery(request=key, limit=5000))
    assert sorted(ids(records)) == sorted(envelope.id for envelope in sent)
    latest = await history.query(HistoryQuery(request=key, limit=1100, latest=True))
    assert latest == records[-1100:]


async def test_what_is_forgotten_can_be_read_by_nobody(bus: BusUnderTest, transport, history, key):
    elsewhere = await bus.history()
    sent = [
        event(f"event.{key}", correlation_id=key, source="a", causation_id="c", data="needle")
        for _ in range(3)
    ]
    other = event(f"event.{key}", correlation_id=fresh("other"), data="needle")
    await publish_all(transport, [*sent, other])
    before = await elsewhere.query(HistoryQuery(request=key))
    assert [record.body for record in before] == [envelope.body for envelope in sent]
    assert await history.forget([key]) == Forgotten(messages=3)
    for reader in (history, elsewhere):
        records = await reader.query(HistoryQuery(request=key))
        assert all(record.erased and b"needle" not in record.body for record in records)
        assert await reader.query(HistoryQuery(request=key, text="needle")) == []
        (kept,) = await reader.query(HistoryQuery(request=other.correlation_id))
        assert kept.body == other.body
        assert not kept.erased


async def test_of_what_is_forgotten_the_attributes_stay(transport, history, key, notice):
    sent = notice(source="agent", causation_id="m-0", minute=3, data="gone")
    await transport.publish(sent)
    (before,) = await history.query(HistoryQuery(request=key))
    await history.forget([key])
    (after,) = await history.query(HistoryQuery(request=key))
    assert replace(after, body=before.body, erased=False) == before
    left = parse(after.body)
    assert (left.id, left.source, left.type) == (sent.id, "agent", sent.message_type)
    assert left.metadata == {"erased": True}
    assert left.data is None


async def test_forgetting_again_changes_nothing(transport, history, key, notice):
    await transport.publish(notice())
    await history.forget([key])
    before = await history.query(HistoryQuery(request=key))
    assert await history.forget([key]) == Forgotten(messages=0)
    assert await history.query(HistoryQuery(request=key)) == before


async def test_a_message_that_began_a_conversation_is_forgotten_by_its_key(transport, history):
    sent = event("event.thing", id=fresh("message"), source="somebody", data="needle")
    await transport.publish(sent)
    key = request_key("somebody", sent.id)
    assert await history.forget([key]) == Forgotten(messages=1)
    (record,) = await history.query(HistoryQuery(request=sent.id))
    assert record.erased
    assert record.conversation == key


async def test_what_is_forgotten_does_not_wait_to_be_followed(transport, history, key, notice):
    await publish_all(transport, [notice(data="needle"), notice(data="needle")])
    await history.forget([key])
    following = history.follow(HistoryQuery(request=key))
    assert all(record.erased for record in await take(following, 2))
    await following.aclose()
