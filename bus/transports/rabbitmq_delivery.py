"""`RabbitmqDelivery`: one message in the hands of a subscriber, and how each settlement is done.

A retry or parked copy is confirmed before the original is acknowledged, so that a crash in between
leaves two messages rather than none. If the copy is not accepted it is tried again for as long as
the delivery is ours: to hand the original back at once would use up its deliveries while the broker
takes no messages, and park what nobody crashed on. It is handed back when the subscription ends: a
message is never held by nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

import structlog
from aiormq.abc import DeliveredMessage

from bus.clock import Clock
from bus.domain.envelope import Envelope, Headers
from bus.domain.fault import ParkReason
from bus.errors import BusError, SettlementError, TransportError, UnroutableError
from bus.transports import rabbitmq_parking as parking
from bus.transports import rabbitmq_wire as wire
from bus.transports.rabbitmq_connection import Channel
from bus.transports.rabbitmq_errors import translated
from bus.transports.rabbitmq_publisher import Publisher
from bus.transports.rabbitmq_topology import (
    DEAD_LETTER_EXCHANGE,
    RETURN_EXCHANGE,
    TOPIC_EXCHANGE,
    group_queue,
    retry_exchange,
)

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

_log = structlog.get_logger(__name__)


class Origin(Protocol):
    """The subscription that a delivery came from."""

    async def outlived(self) -> None:
        """One of its deliveries was handled; returns once that may be told to the broker."""
        ...

    def hold(self, delivery: "RabbitmqDelivery", delay: float, attempt: int) -> None:
        """Hand the same message out again after `delay` seconds, without asking the broker."""
        ...

    async def pause(self, delivery: "RabbitmqDelivery", seconds: float) -> bool:
        """Wait before settling is tried again; False if the delivery or the subscription ended."""
        ...

    def settled(self, delivery: "RabbitmqDelivery") -> None:
        """It is out of its subscriber's hands."""
        ...


class RabbitmqDelivery:
    """A message that the broker holds for us until we settle it, or until our channel closes.

    `group` is None for an own copy: its queue dies with the connection, so a retry waits here, not
    on the broker.
    """

    def __init__(
        self,
        message: DeliveredMessage,
        channel: Channel,
        *,
        group: str | None,
        origin: Origin,
        copies: "Copies",
        attempt: int | None = None,
    ) -> None:
        self.message = message
        self.channel = channel
        self.envelope = wire.envelope_of(message, topic_exchange=TOPIC_EXCHANGE)
        self.attempt = wire.attempt_of(message) if attempt is None else attempt
        self.redeliveries = wire.redeliveries_of(message)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tag = message.delivery_tag or 0
        self._group = group
        self._origin = origin
        self._copies = copies
        self._is_settled = False

    @property
    def abandoned(self) -> tuple[ParkReason, str] | None:
        """Why the broker parked it, as a reason and a sentence; None if it did not."""
        return parking.abandonment(self.message)

    def lose(self) -> None:
        """Its channel is gone, so its message is somebody else's."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def ack(self) -> None:
        async with self._settlement():
            await self._acknowledge()

    async def nack(self, delay: float = 0.0, *, counted: bool = True) -> None:
        attempt = self.attempt + 1 if counted else self.attempt
        async with self._settlement():
            if self._group is None:
                self._origin.hold(self, delay, attempt)
            else:
                copy = partial(self._copies.retry, self, self._group, delay, attempt)
                await self._accepted(copy)
                await self._acknowledge()

    async def reject(self, reason: ParkReason, error: str = "") -> None:
        async with self._settlement():
            copy = partial(self._copies.park, self, self._group or "", reason, error)
            await self._accepted(copy)
            await self._acknowledge()

    async def release(self) -> None:
        async with self._settlement():
            await self.hand_back()

    async def hand_back(self) -> None:
        """Let the broker give it to somebody else; it counts that as a redelivery."""
        await _tell(self.channel.basic_reject(self._tag, requeue=True, wait=False))

    async def _acknowledge(self) -> None:
        await self._origin.outlived()
        await _tell(self.channel.basic_ack(self._tag, wait=False))

    async def _accepted(self, copy: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await copy()
            except BusError as error:
                _log.warning("bus.copy.not_accepted", error=str(error))
                if not error.retryable or not await self._origin.pause(self, pause):
                    with suppress(SettlementError):
                        await self.hand_back()
                    self._origin.settled(self)
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE)

    @asynccontextmanager
    async def _settlement(self) -> AsyncIterator[None]:
        if self._is_settled:
            raise SettlementError("The delivery was settled before.")
        if self.lost.done() or not self.channel.connection.is_opened:
            raise SettlementError("The delivery was lost with its connection: another will come.")
        self._is_settled = True
        try:
            yield
        except asyncio.CancelledError:
            self._is_settled = False
            raise
        self._origin.settled(self)


async def _tell(frame: Awaitable[None]) -> None:
    try:
        with translated("settling a message"):
            await frame
    except TransportError as error:
        raise SettlementError("The delivery was lost while it was settled.") from error


class Copies:
    """Publishes the copies that settling needs."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def retry(
        self, delivery: RabbitmqDelivery, group: str, delay: float, attempt: int
    ) -> None:
        """A copy that comes to `group` again, after `delay` seconds rounded up."""
        await self._publish(
            delivery,
            delivery.envelope,
            {wire.ATTEMPT_HEADER: str(attempt)},
            exchange=retry_exchange(delay) if delay > 0 else RETURN_EXCHANGE,
            routing_key=group_queue(group),
        )

    async def park(
        self, delivery: RabbitmqDelivery, group: str, reason: ParkReason, error: str
    ) -> None:
        """A copy among the dead letters, with what is known about its end."""
        envelope = delivery.envelope.without_token()
        marks = parking.marks(
            reason=reason,
            error=error,
            attempts=delivery.attempt,
            group=group,
            now=self._clock.now(),
        )
        await self._publish(
            delivery, envelope, marks, exchange=DEAD_LETTER_EXCHANGE, routing_key=envelope.topic
        )

    async def _publish(
        self,
        delivery: RabbitmqDelivery,
        envelope: Envelope,
        marks: Headers,
        *,
        exchange: str,
        routing_key: str,
    ) -> None:
        properties = wire.properties(
            envelope,
            now=wire.published_at(delivery.message) or self._clock.now(),
            marks={wire.TOPIC_HEADER: envelope.topic, **marks},
        )
        publish = partial(
            self._publisher.publish,
            envelope.body,
            properties,
            exchange=exchange,
            routing_key=routing_key,
        )
        try:
            await publish()
        except UnroutableError:
            await self._publisher.restore()
            await publish()
