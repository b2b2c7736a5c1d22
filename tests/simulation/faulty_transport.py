"""`FaultyTransport`: one process's connection to the simulated broker, over a wire that fails.

*Guarantees*: those of `bus.transport`, as an implementation keeps them over a bad network: what it
reports as accepted is accepted, what it reports as unconfirmed may or may not be.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Self

from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.errors import (
    BusError,
    ConnectionLostError,
    SettlementError,
    StoreLockedError,
    TransportClosedError,
    UnconfirmedError,
    UnroutableError,
)
from bus.transport import Subscription
from tests.simulation.broker import DETECTION, Broker, Handout, Taker
from tests.simulation.chance import Chance
from tests.simulation.journal import Journal
from tests.simulation.process import Process, Wire
from tests.simulation.trace import Trace


def _lost() -> BusError:
    return ConnectionLostError("The connection broke.")


def _locked() -> BusError:
    return StoreLockedError("Another process holds the bus.")


def _unconfirmed() -> BusError:
    return UnconfirmedError("No confirmation came.")


class FaultyTransport:
    """Implements `Transport`. What is sent to a dead letterbox of `journal` is never confirmed."""

    def __init__(
        self,
        process: Process,
        broker: Broker,
        *,
        chance: Chance,
        trace: Trace,
        journal: Journal,
    ) -> None:
        self._process = process
        self._broker = broker
        self._chance = chance
        self._trace = trace
        self._wire = Wire(process, chance=chance, trace=trace)
        self._journal = journal
        self._is_closed = False
        process.on_death.append(self._die)

    async def publish(self, envelope: Envelope) -> None:
        self._check_open()
        if envelope.is_transient:
            if self._process.is_alive and not self._wire.is_cut:
                self._broker.accept(envelope)
            return
        if envelope.topic in self._journal.dead_letterboxes and not self._chance.calm:
            await self._wire.call("publish to nowhere", envelope.topic, bool, lost=_lost)
            raise _unconfirmed()
        detail = (
            f"{envelope.topic} {envelope.message_type.removeprefix('convener.')} {envelope.id[:6]}"
        )
        is_routable = await self._wire.call(
            "publish",
            detail,
            lambda: self._broker.accept(envelope),
            lost=_lost,
            unanswered=_unconfirmed,
        )
        if not is_routable:
            raise UnroutableError(envelope.topic)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> "AsyncIterator[FaultySubscription]":
        self._check_open()
        deliveries = FaultySubscription(
            subscription,
            self._process,
            self._broker,
            wire=self._wire,
            chance=self._chance,
            journal=self._journal,
        )
        await self._wire.call_surely(
            "subscribe", subscription.group or subscription.pattern, deliveries.open
        )
        try:
            yield deliveries
        finally:
            deliveries.close()

    async def consumers(self, group: str) -> int:
        self._check_open()
        return await self._wire.call(
            "count consumers", group, lambda: self._broker.consumers(group), lost=_lost
        )

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._process.is_alive:
            self._broker.bury(self._process)

    def cut(self, seconds: float) -> None:
        """Break the connection for `seconds`."""
        if self._wire.is_cut or self._is_closed or not self._process.is_alive:
            return
        self._trace.note(self._process.name, "CUT OFF", f"for {seconds:.1f} s")
        self._wire.cut()
        self._broker.disconnect(self._process)
        asyncio.get_running_loop().call_later(seconds, self._mend)

    def _mend(self) -> None:
        if self._process.is_alive and not self._is_closed:
            self._trace.note(self._process.name, "connected again")
            self._wire.mend()
            self._broker.reconnect(self._process)

    def _die(self) -> None:
        """Have the broker find out, some time."""
        self._is_closed = True
        asyncio.get_running_loop().call_later(
            self._chance.between(*DETECTION), self._broker.bury, self._process
        )

    def _check_open(self) -> None:
        if not self._process.is_alive:
            raise asyncio.CancelledError
        if self._is_closed:
            raise TransportClosedError("The transport is closed.")


class FaultySubscription:
    """The deliveries of one subscription as they arrive."""

    def __init__(
        self,
        subscription: Subscription,
        process: Process,
        broker: Broker,
        *,
        wire: Wire,
        chance: Chance,
        journal: Journal,
    ) -> None:
        self._journal = journal
        self._subscription = subscription
        self._process = process
        self._broker = broker
        self._wire = wire
        self._chance = chance
        self._arrived: deque[FaultyDelivery] = deque()
        self._seen: dict[Handout, FaultyDelivery] = {}
        self._changed = asyncio.Event()
        self._is_open = False
        self._taker: Taker | None = None

    def open(self) -> None:
        """Have deliveries arrive."""
        self._is_open = True
        queue = self._broker.queue_of(self._subscription)
        self._taker = Taker(
            self._process, self._subscription, queue, arrive=self._arrive, lose=self._lose
        )
        self._taker.is_connected = not self._wire.is_cut
        self._broker.join(self._taker)

    def close(self) -> None:
        """Take no more, and hand back what nobody has seen."""
        self._is_open = False
        self._changed.set()
        if self._taker is None or not self._process.is_alive:
            return
        self._broker.leave(self._taker)
        while self._arrived:
            self._broker.give_back(self._arrived.popleft().handout, counted=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "FaultyDelivery":
        while self._is_open:
            if self._arrived:
                return self._arrived.popleft()
            self._changed.clear()
            await self._changed.wait()
        raise StopAsyncIteration

    def _arrive(self, handout: Handout) -> None:
        if not self._process.is_alive or not handout.is_held:
            return
        if not self._is_open:
            self._broker.give_back(handout, counted=False)
            return
        delivery = FaultyDelivery(handout, self._broker, wire=self._wire, chance=self._chance)
        self._seen[handout] = delivery
        self._arrived.append(delivery)
        self._journal.note_arrival(self._process.name, handout.item.envelope)
        self._changed.set()

    def _lose(self, handout: Handout) -> None:
        delivery = self._seen.get(handout)
        if delivery is None or not self._process.is_alive:
            return
        delivery.lose()
        self._journal.note_loss(self._process.name, handout.item.envelope)
        if delivery in self._arrived:
            self._arrived.remove(delivery)


class FaultyDelivery:
    """Implements `Delivery`."""

    def __init__(self, handout: Handout, broker: Broker, *, wire: Wire, chance: Chance) -> None:
        self.handout = handout
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.attempt = handout.item.attempt
        self.redeliveries = handout.item.redeliveries
        self._broker = broker
        self._wire = wire
        self._chance = chance
        self._is_settled = False

    @property
    def envelope(self) -> Envelope:
        return self.handout.item.envelope

    def lose(self) -> None:
        """Its message is somebody else's."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def ack(self) -> None:
        with suppress(ConnectionLostError):  # a broker does not answer it, so nobody notices
            await self._settle("ack", lambda: self._broker.acknowledge(self.handout))

    async def nack(self, delay: float = 0.0, *, counted: bool = True) -> None:
        attempt = self.attempt + 1 if counted else self.attempt
        again = self._chance.happens(self._chance.profile.duplicated)

        def act() -> None:
            self._broker.retry(self.handout, delay=delay, attempt=attempt)
            if again:
                self._broker.retry(self.handout, delay=0.0, attempt=self.attempt)

        await self._settle(f"nack in {delay:.1f} s", act)

    async def reject(self, reason: ParkReason, error: str = "") -> None:
        host = self._wire.process.name
        await self._settle(
            f"park as {reason}",
            lambda: self._broker.park(self.handout, reason=reason, error=error, host=host),
        )

    async def release(self) -> None:
        await self._settle("release", lambda: self._broker.requeue(self.handout))

    async def _settle(self, what: str, act: Callable[[], None]) -> None:
        if not self._wire.process.is_alive:
            raise asyncio.CancelledError
        if self._is_settled:
            raise SettlementError("The delivery was settled already.")
        if self.lost.done():
            raise SettlementError("The delivery was lost.")
        self._is_settled = True
        detail = f"{self.envelope.topic} {self.envelope.id[:6]} attempt {self.attempt}"
        try:
            was_held = await self._wire.call(
                what,
                detail,
                lambda: self._broker.settle(self.handout, act),
                lost=_lost if what == "ack" and self._chance.is_so(0.5) else _locked,
            )
        except BaseException:
            self._broker.abandon(self.handout)
            raise
        if not was_held:
            self.lose()
            raise SettlementError("The delivery's lease ran out.")
