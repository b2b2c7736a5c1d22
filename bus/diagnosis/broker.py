"""`Broker`: RabbitMQ, looked at by a user of the bus, over AMQP alone.

*Guarantees*: nothing is created; what is published is a mark that the recorder skips and a message
that goes to nobody.

*Not here*: what AMQP does not tell, such as policies and limits; `convener analyze
rabbitmq://USER@HOST:15672` examines those by the broker's management interface.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed
from pamqp.commands import Basic

from bus.clock import Clock, SystemClock
from bus.diagnosis.bus_under_diagnosis import QueueState
from bus.diagnosis.check import Check, Verdict, failed, fine, noted, warned
from bus.domain import codec
from bus.domain.history_marked import HistoryMarked
from bus.domain.message import AgentMessage, MessageId, event_topic
from bus.errors import ConnectionLostError, UnreachableError
from bus.transports import rabbitmq_wire as wire
from bus.transports.rabbitmq_connection import BrokerConnection, asking, close_channel
from bus.transports.rabbitmq_errors import MissingError
from bus.transports.rabbitmq_stream import reading
from bus.transports.rabbitmq_topology import (
    INGEST_QUEUE,
    PARKED_QUEUE,
    TOPIC_EXCHANGE,
    Binding,
    Exchange,
    Queue,
    group_queue,
    shared_topology,
)

PATIENCE: Final = 4.0
"""Seconds that the broker may take to let us in, and the recorder to record."""

BLOCK_PATIENCE: Final = 1.5
"""Seconds in which a broker that takes messages confirms one that goes nowhere."""

SLOW: Final = 0.25
"""Seconds for a round trip; a report takes some ten of them."""

OLDEST: Final = (3, 10)
"""The first version with all that the queues need: quorum queues that hand on at least once."""

NO_CARBON_COPIES: Final = (4, 0)
"""The first version that checks permissions on topics for carbon copies too."""


class Broker:
    """The broker at `url`; its own connection publishes, another one asks."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self._asking = BrokerConnection(url, name="doctor (asks)", patience=PATIENCE, heartbeat=10)
        self._publishing = BrokerConnection(
            url, name="doctor (publishes)", patience=PATIENCE, heartbeat=10
        )
        self._clock = clock or SystemClock()

    def checks(self) -> Sequence[Check]:
        return (
            Check(name="bus", probe=self._reach),
            Check(name="rabbitmq", probe=self._version, needs="bus"),
            Check(name="queues", probe=self._topology, needs="bus"),
            Check(name="publishing", probe=self._publish, needs="queues"),
            Check(name="recorder", probe=self._record, needs="publishing"),
        )

    async def queue(self, group: str) -> QueueState | None:
        try:
            return await self._state(group_queue(group))
        except MissingError:
            return None

    async def parked(self) -> int:
        try:
            return (await self._state(PARKED_QUEUE)).waiting
        except MissingError:
            return 0

    async def aclose(self) -> None:
        await asyncio.gather(self._asking.aclose(), self._publishing.aclose())

    async def _reach(self) -> Verdict:
        await asyncio.gather(self._asking.open(), self._publishing.open())
        started = time.perf_counter()
        await close_channel(await self._asking.channel())
        seconds = (time.perf_counter() - started) / 2
        where = self._asking.address.partition("/")[0]
        what = (
            f"{where} answers in {1000 * seconds:.0f} ms, on its virtual host "
            f"{self._asking.vhost!r}."
        )
        if seconds > SLOW:
            return warned(what, "Run the workers nearer to the broker, or give it more power.")
        return fine(what)

    async def _version(self) -> Verdict:
        server = self._asking.server
        return judged_version(str(server.get("product", "")), str(server.get("version", "")))

    async def _topology(self) -> Verdict:
        missing, different, down = [], [], []
        checked = [each for each in shared_topology() if not isinstance(each, Binding)]
        for each in checked:
            try:
                if not await self._is_as_declared(each):
                    different.append(each.name)
            except MissingError:
                missing.append(each.name)
            except UnreachableError as error:
                down.append(str(error))
        if down:
            return failed(down[0], "See `convener doctor --provision`, which probes every queue.")
        if different:
            return failed(
                f"{', '.join(different)} on the broker differ from what this version declares.",
                "Where they are empty, delete them and run `convener doctor --provision`.",
            )
        if missing:
            return failed(
                f"{len(missing)} of {len(checked)} exchanges and queues are not there yet.",
                "Create them with `convener doctor --provision`.",
            )
        return fine(f"All {len(checked)} exchanges and queues are there, as they should be.")

    async def _is_as_declared(self, declaration: Exchange | Queue) -> bool:
        """Whether it was made as this version makes it; True where this user cannot find out.

        Raises:
            MissingError: it is not there.
            UnreachableError: it is down.
        """
        channel = await self._asking.channel()
        try:
            async with asking("looking at its queues"):
                await declaration.declare(channel, passive=True)
                try:
                    await declaration.declare(channel)
                except ChannelPreconditionFailed:
                    return False
                except ChannelAccessRefused:
                    return True
        finally:
            await close_channel(channel)
        return True

    async def _publish(self) -> Verdict:
        """Publish to nobody: a broker with an alarm says so then, and takes the first one still."""
        properties = Basic.Properties(message_id=uuid4().hex, delivery_mode=1)
        try:
            await self._confirmed(
                b"", "progress.probe", properties, mandatory=False, timeout=BLOCK_PATIENCE, times=2
            )
        except (TimeoutError, ConnectionLostError):
            reason = self._publishing.blockade.reason
            if not reason:
                raise
            return failed(
                f"The broker takes no messages ({reason}).",
                "Free memory or disk space where it runs.",
            )
        except UnreachableError as error:
            if not isinstance(error.__cause__, ChannelAccessRefused):
                raise
            return noted("Not examined: this user may publish only certain topics.")
        return fine("The broker takes messages.")

    async def _record(self) -> Verdict:
        ingest = await self._state(INGEST_QUEUE)
        if ingest.consumers == 0:
            return failed(
                f"No recorder is running; {ingest.waiting:,} messages wait to be recorded.",
                "Start a worker, such as `convener worker orchestrator`.",
            )
        marker = uuid4().hex
        started = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._follow(marker)
        except TimeoutError:
            return failed(
                f"Nothing was recorded for {PATIENCE:g} s, though a recorder is running; "
                f"{ingest.waiting:,} messages wait to be recorded.",
                "If that lasts, look into the log of the workers, then restart them.",
            )
        except UnreachableError as error:
            if not isinstance(error.__cause__, ChannelAccessRefused):
                raise
            return noted("A recorder is running; this user may not read the history to be sure.")
        seconds = time.perf_counter() - started
        return fine(f"What is published is in the history after {1000 * seconds:.0f} ms.")

    async def _follow(self, marker: str) -> None:
        """Publish a mark and read the history until it comes out there."""
        mark = AgentMessage(
            id=MessageId(marker),
            sender="doctor",
            recipient=event_topic(HistoryMarked.message_type),
            content=HistoryMarked(marker_id=marker),
            timestamp=self._clock.now(),
        )
        envelope = codec.seal(mark)
        async with reading(await self._asking.channel(), "next") as reader:
            await self._confirmed(
                envelope.body,
                envelope.topic,
                wire.properties(envelope, now=self._clock.now()),
                mandatory=True,
                timeout=PATIENCE,
            )
            while all(read.id != marker for _, read in await reader.batch(None)):
                pass

    async def _confirmed(
        self,
        body: bytes,
        topic: str,
        properties: Basic.Properties,
        *,
        mandatory: bool,
        timeout: float,
        times: int = 1,
    ) -> None:
        channel = await self._publishing.channel(confirms=True)
        try:
            async with asking(f"publishing to {topic!r}"), asyncio.timeout(timeout):
                for _ in range(times):
                    await channel.basic_publish(
                        body,
                        exchange=TOPIC_EXCHANGE,
                        routing_key=topic,
                        properties=properties,
                        mandatory=mandatory,
                    )
        finally:
            if not self._publishing.blockade.reason:  # a blocked broker would not hear of it
                await close_channel(channel)

    async def _state(self, queue: str) -> QueueState:
        channel = await self._asking.channel()
        try:
            async with asking(f"looking at {queue!r}"):
                state = await channel.queue_declare(queue, passive=True)
        finally:
            await close_channel(channel)
        return QueueState(consumers=state.consumer_count or 0, waiting=state.message_count or 0)


def judged_version(product: str, version: str) -> Verdict:
    """What a broker that says so of itself is good for."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if product != "RabbitMQ" or numbers is None:
        return warned(
            f"The broker says that it is {product or 'nothing'} {version}.".replace(" .", "."),
            "Use RabbitMQ 3.10 or later: others speak AMQP, but have no queues like its own.",
        )
    found = (int(numbers[1]), int(numbers[2]))
    if found < OLDEST:
        return failed(f"RabbitMQ {version} is too old.", "Use 3.10 or later, best 4.x.")
    if found < NO_CARBON_COPIES:
        return noted(
            f"RabbitMQ {version}: before 4.0, carbon copies (CC, BCC) get past permissions on "
            "topics; messages that have them are refused here, whoever sent them."
        )
    return fine(f"RabbitMQ {version}.")
