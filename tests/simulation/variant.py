"""`Variant`: how a world differs from the right one; `RIGHT`, and some that are wrong on purpose.

Each wrong variant breaks one rule that reliability stands on. The simulation must find every one of
them, else it would not find such a mistake in the code either.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bus import AgentMessage, BusError, MessageBus, Payload, RetryLater, TransportError
from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.ledger import Claim, Entry, Leased, Ledger
from bus.transport import Delivery, Subscription, Transport
from tests.simulation.process import Process

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What stands between production code and the simulated seams; `breaks` names an invariant."""

    name: str
    breaks: str = ""
    transport: Callable[[Transport], Transport] = lambda transport: transport
    ledger: Callable[[Ledger, Process], Ledger] = lambda ledger, _: ledger
    bus: type[MessageBus] = MessageBus


class _AcksOnTake:
    """Acknowledges every delivery of a group before anybody handles it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.publish, self.consumers = transport.publish, transport.consumers
        self.aclose = transport.aclose

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with self._transport.subscribe(subscription) as deliveries:
            yield self._acknowledged(deliveries) if subscription.group else deliveries

    async def _acknowledged(self, deliveries: AsyncIterator[Delivery]) -> AsyncIterator[Delivery]:
        async for delivery in deliveries:
            with suppress(BusError):
                await delivery.ack()
            yield _Settled(delivery)


class _Settled:
    """A delivery of which nothing more is told to the broker."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.attempt, self.redeliveries = delivery.attempt, delivery.redeliveries
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def envelope(self) -> Envelope:
        return self._delivery.envelope

    async def ack(self) -> None:
        """It is done already."""

    async def nack(self, delay: float = 0.0, *, counted: bool = True) -> None:
        """It is too late for that."""

    async def reject(self, reason: ParkReason, error: str = "") -> None:
        """It is too late for that."""

    async def release(self) -> None:
        """It is too late for that."""


class _RepliesFirst(MessageBus):
    """Does not let a message be acknowledged before its reply is accepted."""

    async def reply(self, to: AgentMessage[Any], content: P, **options: Any) -> None:
        try:
            await super().reply(to, content, **options)
        except TransportError as error:
            raise RetryLater(f"The reply was not accepted: {error}") from error


class _ClaimsForTheProcess:
    """Lets a process claim again what it holds already, whoever in it does."""

    def __init__(self, ledger: Ledger, process: Process) -> None:
        self._ledger = ledger
        self._held: dict[str, Claim] = {}
        self.renew, self.record = ledger.renew, ledger.record
        self.release, self.look_up, self.aclose = ledger.release, ledger.look_up, ledger.aclose

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        entry = await self._ledger.claim(key, owner=owner, lease=lease)
        if isinstance(entry, Claim):
            self._held[key] = entry
        elif isinstance(entry, Leased) and key in self._held:
            return self._held[key]
        return entry


class _RecordsReportsLate:
    """Lets a report be published first, and records it some time after."""

    def __init__(self, ledger: Ledger, process: Process) -> None:
        self._ledger = ledger
        self._recording: set[asyncio.Task[Any]] = set()
        self.claim, self.renew, self.release = ledger.claim, ledger.renew, ledger.release
        self.aclose = ledger.aclose

    async def record(self, key: str, value: bytes) -> bytes:
        if not key.startswith("report:"):
            return await self._ledger.record(key, value)
        self._recording.add(asyncio.create_task(self._record_late(key, value)))
        return value

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        return await self._ledger.look_up(keys)

    async def _record_late(self, key: str, value: bytes) -> None:
        await asyncio.sleep(0.5)
        while True:
            try:
                await self._ledger.record(key, value)
            except BusError:
                await asyncio.sleep(0.5)
            else:
                return


RIGHT: Final = Variant(name="right")

WRONG: Final = (
    Variant(name="acks before handling", breaks="I1", transport=_AcksOnTake),
    Variant(name="replies before acking", breaks="I7", bus=_RepliesFirst),
    Variant(name="claims per process", breaks="I4", ledger=_ClaimsForTheProcess),
    Variant(name="publishes before recording", breaks="I2", ledger=_RecordsReportsLate),
)

VARIANTS: Final = {variant.name: variant for variant in (RIGHT, *WRONG)}
