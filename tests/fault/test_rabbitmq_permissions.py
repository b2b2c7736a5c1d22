"""Users of the broker with just the rights printed for them: all that they need, and no more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import aiormq
import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from pamqp.commands import Basic

from agents.broker_users import permissions_script
from agents.domain.circuit import CircuitForced
from agents.domain.request import AnalysisCancelled
from agents.messages import CANCEL_TOPIC, FORCE_CIRCUIT_TOPIC, REQUEST_TOPIC
from agents.recorded import find_request
from bus import HistoryQuery, MessageId, SystemClock, TransportError, request_key
from bus.domain.envelope import Envelope
from bus.transport import Subscription
from bus.transports.rabbitmq import RabbitmqTransport
from tests.support.bus_under_test import next_of, until
from tests.support.rabbitmq_node import RabbitmqNode
from tests.support.raw_amqp import message_count, raw_channel
from tests.support.secured_broker import BOUND, READER, SecuredBroker, secured_broker

pytestmark = [pytest.mark.fault, pytest.mark.rabbitmq]

OPERATOR = READER | {"admin_operations"}


@pytest.fixture
async def broker(rabbitmq_node: RabbitmqNode, tmp_path: Path) -> AsyncIterator[SecuredBroker]:
    async with secured_broker(rabbitmq_node, tmp_path) as secured:
        yield secured


async def test_everybody_can_do_their_work(broker: SecuredBroker) -> None:
    async with broker.served() as services:
        report = await broker.report("ann")
        assert report.status == "complete"
        async with broker.bus("aud", token=broker.token("aud")) as auditor:
            recorded = await find_request(auditor, report.request_id)
            assert recorded.report == report
            (event,) = await auditor.history.query(
                HistoryQuery(request=report.request_id, message_type="report.published", limit=1)
            )
            assert event.topic == "event.report.published"
        operator = broker.token("olga", scopes=OPERATOR)
        async with broker.bus("olga", token=operator) as olga:
            force = CircuitForced(name="row_count", circuit="forced_open")
            await olga.publish(force, to=FORCE_CIRCUIT_TOPIC)

            async def is_forced() -> bool:
                return services["counter"].breakers.get("row_count") is not None

            await until(is_forced)
            order = AnalysisCancelled(request_id=request_key("convener", MessageId("withdrawn")))
            await olga.publish(order, to=CANCEL_TOPIC)
            async with olga.expect(MessageId("withdrawn")) as reply:
                await olga.publish(
                    broker.request(),
                    to=REQUEST_TOPIC,
                    reply_to=olga.reply_topic,
                    id=MessageId("withdrawn"),
                )
                ended = await asyncio.wait_for(reply, BOUND)
            assert ended.content.status == "cancelled"


async def test_what_is_parked_is_looked_after_by_an_operator(broker: SecuredBroker) -> None:
    async with broker.served():
        await publish(broker, "eve", "convener", REQUEST_TOPIC, b"{}")
        async with broker.bus("olga", token=broker.token("olga", scopes=OPERATOR)) as olga:

            async def is_parked() -> bool:
                return bool(await olga.dead_letters.list())

            await until(is_parked)
            (letter,) = await olga.dead_letters.list()
            assert letter.reason == "malformed"
            assert await olga.redrive(letter.id)
            await until(is_parked)
            (again,) = await olga.dead_letters.list()
            assert await olga.dead_letters.discard(again.id)


async def test_a_worker_can_retry_and_park_what_is_its_own(broker: SecuredBroker) -> None:
    clock = SystemClock()
    connected = RabbitmqTransport.connect
    worker = await connected(broker.url("counter"), name="worker", clock=clock)
    sender = await connected(broker.url("orchestrator"), name="sender", clock=clock)
    subscription = Subscription(pattern="task.counter", group="agent.counter")
    async with aclosing(worker), aclosing(sender), worker.subscribe(subscription) as deliveries:
        await sender.publish(Envelope(topic="task.counter", body=b"{}"))
        await (await next_of(deliveries)).nack(0.1)
        await (await next_of(deliveries)).nack()
        again = await next_of(deliveries)
        assert again.attempt == 3
        await again.reject("failed")
    assert await message_count(broker.url("provisioner"), "convener.parked") == 1


async def test_a_reader_of_the_history_is_told_what_is_not_permitted(broker: SecuredBroker) -> None:
    async with broker.bus("counter", token=broker.token("ann")) as bus:
        with pytest.raises(TransportError, match=r"event\.history\.marked"):
            await bus.history.query(HistoryQuery())


async def publish(
    broker: SecuredBroker,
    user: str,
    exchange: str,
    key: str,
    body: bytes = b"{}",
    **properties: object,
) -> None:
    async with raw_channel(broker.url(user)) as channel:
        await channel.basic_publish(
            body,
            exchange=exchange,
            routing_key=key,
            properties=Basic.Properties(**properties),
            mandatory=False,
        )


def publishing(exchange: str, key: str) -> Callable[[AbstractChannel], Awaitable[object]]:
    return lambda channel: channel.basic_publish(b"{}", exchange=exchange, routing_key=key)


async def bind_replies(channel: AbstractChannel, key: str, user: str) -> None:
    queue = f"convener-{user}-{'0' * 32}"
    await channel.queue_declare(queue, exclusive=True, auto_delete=True)
    await channel.queue_bind(queue, "convener", routing_key=key)


REFUSED = {
    "a client assigns a task": ("eve", publishing("convener", "task.counter")),
    "a client completes a task": ("eve", publishing("convener", "reply.orchestrator.x")),
    "a client reports": ("eve", publishing("convener", "event.report.published")),
    "a client sets a circuit": ("eve", publishing("convener", "control.circuit.forced")),
    "a client writes to a queue": ("eve", publishing("", "convener.agent.counter")),
    "a client writes to the history": ("eve", publishing("", "convener.history")),
    "a client retries": ("eve", publishing("convener.retry.1s", "convener.orchestrator")),
    "a client sends back": ("eve", publishing("convener.return", "convener.orchestrator")),
    "a client parks": ("eve", publishing("convener.dlx", "task.counter")),
    "a client hears all replies": ("eve", lambda each: bind_replies(each, "reply.#", "eve")),
    "a client hears another's": ("eve", lambda each: bind_replies(each, "reply.ann.x", "eve")),
    "a client hears events": ("eve", lambda each: bind_replies(each, "event.#", "eve")),
    "a client hears all progress": ("eve", lambda each: bind_replies(each, "progress.#", "eve")),
    "a client takes a name of another's": (
        "eve",
        lambda each: bind_replies(each, "reply.ann.x", "ann"),
    ),
    "a client takes requests": ("eve", lambda each: each.basic_get("convener.orchestrator")),
    "a client reads the history": (
        "eve",
        lambda each: each.basic_consume("convener.history", print),
    ),
    "a client looks at parked messages": ("eve", lambda each: each.basic_get("convener.parked")),
    "a client takes what is to be recorded": (
        "eve",
        lambda each: each.basic_get("convener.history.ingest"),
    ),
    "a client purges": ("eve", lambda each: each.queue_purge("convener.orchestrator")),
    "a client deletes": ("eve", lambda each: each.queue_delete("convener.orchestrator")),
    "a client declares": ("eve", lambda each: each.queue_declare("convener.agent.eve")),
    "a client deletes the exchange": ("eve", lambda each: each.exchange_delete("convener")),
    "a client diverts work": (
        "eve",
        lambda each: each.queue_bind("convener.orchestrator", "convener", "task.counter"),
    ),
    "a worker takes another role's tasks": (
        "counter",
        lambda each: each.basic_get("convener.agent.lister"),
    ),
    "a worker assigns a task": ("counter", publishing("convener", "task.lister")),
    "a worker retries into another role": (
        "counter",
        publishing("convener.retry.1s", "convener.agent.lister"),
    ),
    "a worker sends back to another role": (
        "counter",
        publishing("convener.return", "convener.agent.lister"),
    ),
    "a worker parks what is another role's": ("counter", publishing("convener.dlx", "task.lister")),
    "a worker reports": ("counter", publishing("convener", "event.report.published")),
    "a worker parks a report": ("counter", publishing("convener.dlx", "event.report.published")),
    "a worker withdraws a request": ("counter", publishing("convener", CANCEL_TOPIC)),
    "a worker writes to a queue": ("counter", publishing("", "convener.agent.lister")),
    "a worker reads the history": (
        "counter",
        lambda each: each.basic_consume("convener.history", print),
    ),
    "a worker hears the orchestrator's replies": (
        "counter",
        lambda each: bind_replies(each, "reply.#", "counter"),
    ),
    "an auditor asks": ("aud", publishing("convener", REQUEST_TOPIC)),
    "an auditor writes to the history": ("aud", publishing("", "convener.history")),
    "an orchestrator takes a worker's tasks": (
        "orchestrator",
        lambda each: each.basic_get("convener.agent.counter"),
    ),
    "an orchestrator sets a circuit": (
        "orchestrator",
        publishing("convener", "control.circuit.forced"),
    ),
    "an operator assigns a task": ("olga", publishing("convener", "task.counter")),
}


async def test_the_broker_refuses_everything_else(broker: SecuredBroker) -> None:
    """One after the other on one broker: to provision one for each would take minutes."""
    for what, (user, act) in REFUSED.items():
        async with aiormq.connect(broker.url(user)) as connection:
            channel = await connection.channel()
            outcome = await asyncio.gather(act(channel), return_exceptions=True)
            assert isinstance(outcome[0], ChannelAccessRefused), (what, outcome)


async def test_the_printed_commands_give_these_rights(
    rabbitmq_node: RabbitmqNode, broker: SecuredBroker
) -> None:
    rabbitmq_node.create_user("ivy", "secret")
    script = permissions_script(["ivy:client"], vhost=broker.vhost)
    await asyncio.to_thread(rabbitmq_node.run_script, script)
    url = broker.url("ann").replace("ann:Pa55-of-a-user", "ivy:secret")
    async with raw_channel(url) as channel:
        await channel.basic_publish(b"{}", exchange="convener", routing_key=REQUEST_TOPIC)
        with pytest.raises(ChannelAccessRefused):
            await channel.basic_publish(b"{}", exchange="convener", routing_key="task.counter")
