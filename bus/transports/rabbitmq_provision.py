"""`provision`: creates everything on the broker and asks every queue for a sign of life.

A queue that was declared just before the broker died may come back as one that exists and confirms
nothing, a stream as one that is down for good. It has to be found before work is entrusted to it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from pamqp.commands import Basic

from bus.errors import BusError
from bus.transports.rabbitmq_connection import BrokerConnection, Channel, asking, close_channel
from bus.transports.rabbitmq_topology import (
    HISTORY_STREAM,
    INGEST_QUEUE,
    Queue,
    declare,
    group_topology,
    shared_topology,
)
from bus.transports.rabbitmq_wire import TOPIC_HEADER


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One queue and what is wrong with it; nothing if `problem` is empty."""

    queue: str
    problem: str = ""


async def provision(
    url: str, *, groups: Mapping[str, str] | None = None, patience: float = 10.0
) -> Sequence[Probe]:
    """Create what every process needs, and the queue of each of `groups`, given with its pattern.

    Messages that wait are left alone, though the broker may count one more delivery for the first.

    Raises:
        UnreachableError: the broker did not answer, or this user may not create things.
    """
    declarations = [*shared_topology()]
    for group, pattern in (groups or {}).items():
        declarations += group_topology(group, pattern)
    connection = BrokerConnection(url, name="provision", patience=patience, heartbeat=10)
    try:
        await connection.open()
        await declare(connection, declarations, may_be_down=True)
        queues = [each for each in declarations if isinstance(each, Queue)]
        return [await _probe(connection, queue.name) for queue in queues]
    finally:
        await connection.aclose()


async def _probe(connection: BrokerConnection, queue: str) -> Probe:
    try:
        channel = await connection.channel(confirms=True)
        try:
            async with asking(f"probing {queue!r}"):
                await _ask_for_life(channel, queue)
        finally:
            await close_channel(channel)
    except BusError as error:
        return Probe(queue=queue, problem=f"{error} {_remedy(connection, queue)}")
    return Probe(queue=queue)


def _remedy(connection: BrokerConnection, queue: str) -> str:
    """What to do; a stream that is down is one that the broker does not even delete when asked."""
    if queue != HISTORY_STREAM:
        return "If it is empty, delete it and provision again."
    name = f'rabbit_misc:r(<<"{connection.vhost}">>, queue, <<"{queue}">>)'
    return (
        "If that lasts and nothing was recorded yet, remove it where the broker runs with "
        f"`rabbitmqctl eval 'rabbit_amqqueue:internal_delete({name}, <<\"provision\">>).'` "
        "and provision again."
    )


async def _ask_for_life(channel: Channel, queue: str) -> None:
    state = await channel.queue_declare(queue, passive=True)
    if queue == HISTORY_STREAM:
        return  # what is published to it stays there for ever
    if queue == INGEST_QUEUE:
        await _publish(channel, queue)  # the recorder skips it
    elif not state.message_count and not state.consumer_count:
        await _publish(channel, queue)
        await _consume_one(channel, queue)
    else:
        message = await channel.basic_get(queue)
        if message.delivery_tag is not None:
            await channel.basic_reject(message.delivery_tag, requeue=True)


async def _publish(channel: Channel, queue: str) -> None:
    properties = Basic.Properties(
        delivery_mode=2, message_id=uuid4().hex, headers={TOPIC_HEADER: "progress.probe"}
    )
    await channel.basic_publish(b"", routing_key=queue, properties=properties, mandatory=True)


async def _consume_one(channel: Channel, queue: str) -> None:
    arrived: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
    await channel.basic_qos(prefetch_count=1)
    await channel.basic_consume(queue, lambda message: arrived.put(message.delivery_tag or 0))
    await channel.basic_ack(await arrived.get())
