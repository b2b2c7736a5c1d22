"""`Recorder`: the wire tap, which takes what is on its way to the history and appends it there.

It runs in every process that consumes; the broker serves one of them at a time and turns to another
one when that is gone. A message is acknowledged once the history has it, so none is missing; after
a crash some are there twice, and readers collapse them by id.

With an `Encryptor`, what it appends can be forgotten later. While the keys are out of reach nothing
is appended, and nothing lost.

It also answers for the dead: a message that the broker parked, because its consumers crashed on it,
has nobody left who could send a Fault to its reply address.

*Not here*: the embedded bus, whose log is its history.

*Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Wire Tap.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import structlog

from bus.authority import Authority
from bus.clock import Clock
from bus.domain import codec
from bus.domain.envelope import Envelope
from bus.domain.fault import Fault, ParkReason
from bus.domain.message import AgentMessage, MessageId, derived_id
from bus.errors import (
    BusError,
    MessageError,
    SettlementError,
    StoreError,
    TransportClosedError,
    TransportError,
)
from bus.sealing.encryptor import Encryptor
from bus.transport import Delivery, Transport

R = TypeVar("R")

_SENDER: Final = "recorder"
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_FAULT_ATTEMPTS: Final = 10

_log = structlog.get_logger(__name__)


class TappedDelivery(Delivery, Protocol):
    """A delivery on its way to the history."""

    @property
    def abandoned(self) -> tuple[ParkReason, str] | None:
        """Why the broker parked it, as a reason and a sentence; None if it did not."""
        ...


class TappedTransport(Transport, Protocol):
    """A transport that copies what it accepts to whoever records."""

    def ingest(self) -> AbstractAsyncContextManager[AsyncIterator[TappedDelivery]]:
        """What is on its way to the history, for one recorder at a time."""
        ...

    async def append(self, envelope: Envelope) -> None:
        """Have `envelope` accepted at the end of the history; raises as `publish` does."""
        ...


class Recorder:
    """Records for as long as it runs; any number of them may."""

    def __init__(
        self,
        transport: TappedTransport,
        *,
        authority: Authority,
        clock: Clock,
        encryptor: Encryptor | None = None,
    ) -> None:
        self._transport = transport
        self._encryptor = encryptor
        self._authority = authority
        self._clock = clock

    async def run(self) -> None:
        """Record until cancelled, or until the transport is closed."""
        async with self._transport.ingest() as deliveries, asyncio.TaskGroup() as group:
            try:
                async for delivery in deliveries:
                    # One after the other, so that no message overtakes one that waits for a key.
                    record = await self._record_of(delivery)
                    group.create_task(self._record(delivery, record), name="record")
            except TransportClosedError:
                _log.debug("bus.recorder.ended")

    async def _record_of(self, delivery: TappedDelivery) -> Envelope | None:
        """What is to be appended; nothing if it is transient, or ours no more."""
        if delivery.envelope.is_transient:
            return None
        record = replace(delivery.envelope, headers={})
        encryptor = self._encryptor
        if encryptor is None:
            return record
        try:
            return await _insist(delivery, lambda: encryptor.encrypted(record))
        except asyncio.CancelledError:
            with suppress(BusError):
                await delivery.release()
            raise

    async def _record(self, delivery: TappedDelivery, record: Envelope | None) -> None:
        envelope = delivery.envelope
        try:
            if record is not None:
                await _insist(delivery, lambda: self._transport.append(record))
            fault = self._fault(delivery)
            if fault is not None:
                await self._send(fault, delivery)
            await delivery.ack()
        except asyncio.CancelledError:
            with suppress(BusError):
                await delivery.release()
            raise
        except SettlementError:
            _log.debug("bus.record.lost", message_id=envelope.id)
        except TransportClosedError:
            _log.debug("bus.record.interrupted", message_id=envelope.id)

    def _fault(self, delivery: TappedDelivery) -> Envelope | None:
        """What to tell whoever waits for an answer to a message that the broker parked."""
        if delivery.abandoned is None:
            return None
        reason, error = delivery.abandoned
        envelope = delivery.envelope
        try:
            event = codec.parse(envelope.body)
        except MessageError:
            event = None
        reply_to = (event.reply_to if event else None) or envelope.reply_to
        if not reply_to:
            return None
        id = event.id if event else envelope.id
        fault = AgentMessage(
            id=MessageId(derived_id("fault", event.source if event else "", id)),
            sender=_SENDER,
            recipient=reply_to,
            content=Fault(reason=reason, error=error, attempts=delivery.attempt),
            timestamp=self._clock.now(),
            correlation_id=(event.correlation_id or event.id) if event else envelope.correlation_id,
            causation_id=MessageId(id) if id else None,
            traceparent=event.traceparent if event else None,
        )
        sealed = self._authority.signed(codec.seal(fault), fault)
        if reply_to.startswith("reply."):
            return sealed
        echo = envelope.correlation_id or sealed.correlation_id
        return replace(sealed, direct=True, correlation_id=echo)

    async def _send(self, fault: Envelope, delivery: Delivery) -> None:
        """Tell whoever waits; what fails in passing is tried again, for it is told only once."""
        pause = _FIRST_PAUSE
        for attempt in range(1, _FAULT_ATTEMPTS + 1):
            try:
                await self._transport.publish(fault)
                return
            except TransportClosedError:
                raise
            except BusError as error:
                if not error.retryable or attempt == _FAULT_ATTEMPTS or delivery.lost.done():
                    _log.warning("bus.fault.undeliverable", error=str(error))
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _insist(delivery: Delivery, act: Callable[[], Awaitable[R]]) -> R | None:
    """What `act` gives, done until it succeeds for as long as the delivery is ours; else None.

    To hand the message back instead would use up its deliveries while the history is out of reach.
    """
    pause = _FIRST_PAUSE
    while not delivery.lost.done():
        try:
            return await act()
        except TransportClosedError:
            raise
        except (TransportError, StoreError) as error:
            _log.warning("bus.history.unavailable", error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    return None
