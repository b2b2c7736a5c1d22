"""`SqliteDelivery`: a message that this process holds a lease on."""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol
from uuid import uuid4

from bus.clock import Clock
from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.errors import SettlementError, StoreError
from bus.sqlite.database import Database
from bus.sqlite.deliveries import Lease, Taken, acknowledge, park, put_back
from bus.sqlite.job_thread import Work
from bus.sqlite.queues import QueueId

HOST: Final = socket.gethostname()


class Holder(Protocol):
    """Who took the delivery and renews its lease until it hears how it ended."""

    def let_go(self, delivery: "SqliteDelivery", *, has_survived: bool = False) -> None:
        """The delivery is being settled or was lost; `has_survived` if it was handled."""
        ...

    def announce(self, queues: Iterable[QueueId]) -> None:
        """Something waits in `queues` again, at once or later."""
        ...


class SqliteDelivery:
    """Implements `Delivery`; every settlement is fenced by the lease."""

    def __init__(self, taken: Taken, *, database: Database, clock: Clock, holder: Holder) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken = taken
        self._database = database
        self._clock = clock
        self._holder = holder
        self._is_settled = False

    @property
    def envelope(self) -> Envelope:
        return self._taken.envelope

    @property
    def attempt(self) -> int:
        return self._taken.attempt

    @property
    def redeliveries(self) -> int:
        return self._taken.redeliveries

    @property
    def lease(self) -> Lease:
        """What it is held by."""
        return self._taken.lease

    def lose(self) -> None:
        """Its lease is gone, so its message is somebody else's."""
        self._give_up()
        self._holder.let_go(self)

    async def ack(self) -> None:
        # Without an fsync: if a power loss takes the acknowledgement, the message comes back.
        await self._settle(partial(acknowledge, taken=self._taken))

    async def nack(self, delay: float = 0.0, *, counted: bool = True) -> None:
        attempt = self.attempt + 1 if counted else self.attempt
        await self._settle(self._putting_back(delay=delay, attempt=attempt, redeliveries=0))
        self._holder.announce((self._taken.queue,))

    async def reject(self, reason: ParkReason, error: str = "") -> None:
        await self._settle(
            partial(
                park,
                taken=self._taken,
                id=uuid4().hex,
                reason=reason,
                error=error,
                host=HOST,
                now=self._clock.now().timestamp(),
            ),
            durable=True,
        )

    async def release(self) -> None:
        await self._settle(self._releasing(), has_survived=False)
        self._holder.announce((self._taken.queue,))

    def hand_back(self) -> None:
        """Release it without waiting, as nobody has seen it yet."""
        self._is_settled = True
        self._holder.let_go(self)
        with suppress(StoreError):  # the file is closed: the lease runs out
            released = self._database.submit(self._releasing(), durable=False)
            released.add_done_callback(self._handed_back)

    def _handed_back(self, released: "asyncio.Future[bool]") -> None:
        if released.exception() is None:
            self._holder.announce((self._taken.queue,))

    def _releasing(self) -> Work[bool]:
        return self._putting_back(attempt=self.attempt, redeliveries=self.redeliveries)

    def _putting_back(self, *, attempt: int, redeliveries: int, delay: float = 0.0) -> Work[bool]:
        return partial(
            put_back,
            taken=self._taken,
            delay=delay,
            attempt=attempt,
            redeliveries=redeliveries,
            now=self._clock.monotonic(),
        )

    async def _settle(
        self, work: Work[bool], *, has_survived: bool = True, durable: bool = False
    ) -> None:
        if self._is_settled:
            raise SettlementError("The delivery was settled already.")
        if self.lost.done():
            raise SettlementError("The delivery was lost: its message is somebody else's now.")
        settling = self._database.submit(work, durable=durable)
        self._is_settled = True
        self._holder.let_go(self, has_survived=has_survived)
        try:
            was_held = await settling
        except StoreError:
            self._is_settled = False
            raise
        if not was_held:
            self._give_up()
            raise SettlementError("The delivery's lease ran out before it was settled.")

    def _give_up(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
