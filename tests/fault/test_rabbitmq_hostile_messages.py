"""What any client that may publish can send us."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pika
import pytest
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from bus.authorities.trusting import TrustingAuthority
from bus.clock import SystemClock
from bus.dead_letters.rabbitmq import RabbitmqDeadLetters
from bus.domain.envelope import TOKEN_HEADER
from bus.histories.stream import StreamHistory
from bus.history import HistoryQuery
from bus.recorder import Recorder
from bus.transport import DELIVERY_LIMIT, Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bus_under_test import next_of, until
from tests.support.events import event
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import raw_channel

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

WORK = Subscription(pattern="work", group="workers")


@pytest.fixture
def url(rabbitmq_node: RabbitmqNode):
    with rabbitmq_node.vhost() as vhost:
        yield rabbitmq_node.url(vhost)


@pytest.fixture
async def transport(url: str) -> AsyncIterator[RabbitmqTransport]:
    opened = await RabbitmqTransport.connect(url, name="victim", clock=SystemClock())
    yield opened
    await opened.aclose()


@pytest.fixture
async def attacker(url: str, transport: RabbitmqTransport) -> AsyncIterator[AbstractChannel]:
    async with raw_channel(url) as channel:
        yield channel


def publish_raw(url: str, key: bytes, properties: pika.BasicProperties, body: bytes) -> None:
    """Publish with a client that sends whatever bytes it is given."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        connection.channel().basic_publish("convener", key, body, properties)


async def test_undecodable_properties_stop_nobody(transport, url):
    async with transport.subscribe(WORK) as deliveries:
        before, bad, after = event("work"), event("work"), event("work")
        await transport.publish(before)
        held = await next_of(deliveries)
        properties = pika.BasicProperties(message_id=b"\xff\xfe", headers={"convener-id": "x"})
        await asyncio.to_thread(publish_raw, url, b"work", properties, bad.body)
        await transport.publish(after)
        await held.ack()
        received = [await next_of(deliveries) for _ in range(2)]
        assert [each.envelope.body for each in received] == [bad.body, after.body]
        assert received[0].envelope.headers == {"convener-undecodable": "true"}
        for delivery in received:
            await delivery.ack()


async def test_undecodable_messages_stop_neither_the_recorder_nor_the_history(
    transport, url, tmp_path: Path
):
    recording = asyncio.create_task(
        Recorder(transport, authority=TrustingAuthority(), clock=SystemClock()).run()
    )
    history = await StreamHistory.open(transport, str(tmp_path / "i.db"), clock=SystemClock())
    hidden = event("event.a", correlation_id="conversation")
    bad = pika.BasicProperties(message_id=b"\xff\xfe")
    for key, body in ((b"event.a", hidden.body), (b"event.\xff", b"\xff{"), (b"event.b", b"[")):
        await asyncio.to_thread(publish_raw, url, key, bad, body)
    after = event("event.b", correlation_id="conversation")
    await transport.publish(after)
    records = await history.query(HistoryQuery(request="conversation"))
    assert [record.id for record in records] == [hidden.id, after.id]
    recording.cancel()
    await asyncio.wait({recording})
    await history.aclose()


async def test_the_token_of_a_message_that_crashed_its_consumers_is_shown_to_nobody(
    transport, attacker, url
):
    dead_letters = RabbitmqDeadLetters(transport)
    async with transport.subscribe(WORK):
        pass
    await transport.publish(event("work", headers={TOKEN_HEADER: "secret", "mark": "m"}))
    for _ in range(DELIVERY_LIMIT + 1):
        async with raw_channel(url) as channel:
            await channel.basic_get("convener.workers")

    async def is_parked() -> bool:
        return bool(await dead_letters.list())

    await until(is_parked)
    (letter,) = await dead_letters.list()
    assert letter.envelope.headers == {"mark": "m"}
    assert "secret" not in repr(letter)
    assert await dead_letters.redrive(letter.id)
    redriven = await attacker.basic_get("convener.workers")
    assert "secret" not in repr(redriven.header.properties.headers)
    await dead_letters.aclose()


async def test_a_message_that_is_copied_elsewhere_shows_it(transport, attacker):
    async with transport.subscribe(WORK) as deliveries:
        await attacker.basic_publish(
            event("other").body,
            exchange="convener",
            routing_key="other",
            properties=Basic.Properties(headers={"CC": ["work"]}),
        )
        delivery = await next_of(deliveries)
        assert delivery.envelope.headers == {"CC": "work"}
        await delivery.ack()


async def test_a_message_with_too_many_headers_can_be_retried_and_parked(transport, attacker):
    async with transport.subscribe(WORK) as deliveries:
        headers = {f"h{number}": "x" * 1000 for number in range(100)}
        await attacker.basic_publish(
            event("work").body,
            exchange="convener",
            routing_key="work",
            properties=Basic.Properties(headers=headers),
        )
        await (await next_of(deliveries)).nack()
        await (await next_of(deliveries)).reject("malformed")
    assert (await attacker.basic_get("convener.parked")).body


async def test_a_foreign_client_needs_no_more_than_json(transport, attacker):
    async with transport.subscribe(WORK) as deliveries:
        body = json.dumps({"hello": "world"}).encode()
        answers = await attacker.queue_declare("answers", exclusive=True)
        await attacker.basic_publish(
            body,
            exchange="convener",
            routing_key="work",
            properties=Basic.Properties(reply_to=answers.queue, correlation_id="mine"),
        )
        delivery = await next_of(deliveries)
        envelope = delivery.envelope
        assert (envelope.topic, envelope.body, envelope.id) == ("work", body, "")
        assert (envelope.reply_to, envelope.correlation_id) == ("answers", "mine")
        await delivery.ack()


async def test_whoever_waits_for_a_message_that_crashed_its_consumers_is_told(
    transport, attacker, url
):
    recording = asyncio.create_task(
        Recorder(transport, authority=TrustingAuthority(), clock=SystemClock()).run()
    )
    async with transport.subscribe(WORK):
        pass
    async with transport.subscribe(Subscription(pattern="reply.me")) as replies:
        answers = await attacker.queue_declare("answers", exclusive=True)
        sent = [event("work", reply_to="reply.me"), event("work", reply_to=answers.queue)]
        for envelope in sent:
            await transport.publish(envelope)
        for _ in range(DELIVERY_LIMIT + 1):
            async with raw_channel(url) as channel:
                for _ in sent:
                    await channel.basic_get("convener.workers")
        reply = await next_of(replies)
        fault = json.loads(reply.envelope.body)
        assert fault["causationid"] == sent[0].id
        assert fault["data"]["reason"] == "delivery_limit"
        async with asyncio.timeout(10):
            while not (answer := await attacker.basic_get("answers")).body:
                await asyncio.sleep(0.05)
        assert json.loads(answer.body)["causationid"] == sent[1].id
    recording.cancel()
    await asyncio.wait({recording})


@pytest.mark.parametrize("address", ["convener.victim", "victim"], ids=["its queue", "its name"])
async def test_no_answer_is_sent_to_a_group_of_ours(transport, attacker, url, address):
    recording = asyncio.create_task(
        Recorder(transport, authority=TrustingAuthority(), clock=SystemClock()).run()
    )
    victim = Subscription(pattern="victim", group="victim")
    async with transport.subscribe(WORK), transport.subscribe(victim):
        pass
    await transport.publish(event("work", reply_to=address))
    for _ in range(DELIVERY_LIMIT + 1):
        async with raw_channel(url) as channel:
            await channel.basic_get("convener.workers")
    async with asyncio.timeout(10):
        while not (await attacker.queue_declare("convener.parked", passive=True)).message_count:
            await asyncio.sleep(0.05)
        while (await attacker.queue_declare("convener.history.ingest", passive=True)).message_count:
            await asyncio.sleep(0.05)
    assert not (await attacker.queue_declare("convener.victim", passive=True)).message_count
    recording.cancel()
    await asyncio.wait({recording})
