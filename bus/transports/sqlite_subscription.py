"""`SqliteSubscription`: takes messages out of one queue, as many at once as is safe.

How many that is, `bus.domain.slow_start` says: a subscription of a group begins with one.

*Guarantees*: it outlives trouble with the file that passes, such as a full disk or a process that
was stopped in the middle of a write; it ends with an error when the file is damaged or gone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Self

import structlog

from bus.clock import Clock
from bus.domain.slow_start import SURVIVAL, SlowStart
from bus.errors import StoreError
from bus.sqlite.database import Database
from bus.sqlite.deliveries import Claimed, Lease, claim
from bus.sqlite.queues import PeerId, QueueId, new_consumer
from bus.transport import Subscription
from bus.transports.sqlite_delivery import SqliteDelivery

LEASE: Final = 15.0
"""Seconds for which a message is taken; renewed long before."""

_LONGEST_WAIT: Final = 5.0
_FIRST_PAUSE: Final = 0.2

_log = structlog.get_logger(__name__)


class SqliteSubscription:
    """The deliveries from one queue to one subscriber, in order.

    `held` is where its transport looks for what has to be renewed.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        database: Database,
        clock: Clock,
        held: dict[Lease, SqliteDelivery],
        announce: Callable[[Iterable[QueueId]], None],
    ) -> None:
        self.subscription = subscription
        self.consumer = new_consumer()
        self.announce = announce
        self._database = database
        self._clock = clock
        self._held_by_all = held
        self._held: set[SqliteDelivery] = set()
        self._ready: deque[SqliteDelivery] = deque()
        self._slow_start = SlowStart(subscription.prefetch, gradual=subscription.group is not None)
        self._source: tuple[QueueId, PeerId] | None = None
        self._changed = asyncio.Event()
        self._may_have_more = True
        self._waiting = 0
        self._is_claiming = False
        self._is_closed = False
        self._failure: BaseException | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pause = _FIRST_PAUSE

    def attach(self, queue: QueueId, peer: PeerId) -> None:
        """Take from `queue` in the name of `peer` from now on."""
        if self._is_closed:
            return
        self._source = (queue, peer)
        self._database.wakeup.listen(queue, self.look)
        self.look()

    @property
    def is_attached(self) -> bool:
        """Whether it has a queue to take from."""
        return self._source is not None

    def detach(self) -> None:
        """Take no more until attached again."""
        if self._source is not None:
            self._database.wakeup.forget(self._source[0], self.look)
            self._source = None

    def look(self) -> None:
        """There may be something to take."""
        self._may_have_more = True
        self._claim_soon()

    def close(self) -> None:
        """End the iteration and hand back what was not iterated over. Idempotent."""
        self._is_closed = True
        self.detach()
        if self._timer is not None:
            self._timer.cancel()
        self._hand_back_ready()
        self._changed.set()

    def let_go(self, delivery: SqliteDelivery, *, has_survived: bool = False) -> None:
        self._held.discard(delivery)
        self._held_by_all.pop(delivery.lease, None)
        if has_survived:
            self._slow_start.outlived()
        self._claim_soon()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SqliteDelivery:
        while not self._is_closed:
            self._changed.clear()
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            if self._ready:
                return self._ready.popleft()
            self._waiting += 1
            self._claim_soon()
            try:
                await self._changed.wait()
            finally:
                self._waiting -= 1
        raise StopAsyncIteration

    def _claim_soon(self) -> None:
        """Claim once everything else that is ready to run has asked for its writes."""
        if self._waiting and not self._is_claiming:
            self._is_claiming = True
            asyncio.get_running_loop().call_soon(self._claim)

    def _claim(self) -> None:
        room = self._slow_start.window - len(self._held)
        if self._source is None or not self._may_have_more or room <= 0:
            self._is_claiming = False
            return
        queue, peer = self._source
        self._may_have_more = False
        now = self._clock.monotonic()
        work = partial(claim, queue=queue, owner=peer, limit=room, now=now, lease=LEASE)
        try:
            claiming = self._database.submit(work, durable=False)
        except StoreError as error:
            self._fail(error)
        else:
            # Not awaited: were the caller cancelled, what was taken would be nobody's.
            claiming.add_done_callback(self._claimed)

    def _claimed(self, future: "asyncio.Future[Claimed]") -> None:
        if (error := future.exception()) is not None:
            self._fail(error)
            return
        claimed = future.result()
        self._is_claiming = False
        self._pause = _FIRST_PAUSE
        self._changed.set()
        if not claimed.is_drained:
            self._may_have_more = True
        elif claimed.next_due is not None:
            self._look_in(claimed.next_due - self._clock.monotonic())
        for taken in claimed.taken:
            delivery = SqliteDelivery(
                taken, database=self._database, clock=self._clock, holder=self
            )
            self._slow_start.taken(redeliveries=taken.redeliveries)
            self._held.add(delivery)
            self._held_by_all[taken.lease] = delivery
            self._ready.append(delivery)
            if not self._slow_start.is_full:
                asyncio.get_running_loop().call_later(SURVIVAL, self._outlive, delivery)
        if self._is_closed:
            self._hand_back_ready()
        else:
            self._claim_soon()

    def _outlive(self, delivery: SqliteDelivery) -> None:
        """`delivery` was taken a while ago, and this process is still there."""
        if delivery in self._held and not self._is_closed:
            self._slow_start.outlived()
            self._claim_soon()

    def _fail(self, error: BaseException) -> None:
        """Try again in a while what may pass; have whoever waits see what will not."""
        self._is_claiming = False
        if isinstance(error, StoreError) and error.retryable:
            _log.warning("bus.intake.held_up", error=str(error), pause=self._pause)
            if not self._is_closed:
                self._look_in(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_WAIT)
            return
        self._failure = error
        self._may_have_more = True
        self._changed.set()

    def _look_in(self, wait: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait = min(max(wait, 0.001), _LONGEST_WAIT)
        self._timer = asyncio.get_running_loop().call_later(wait, self.look)

    def _hand_back_ready(self) -> None:
        while self._ready:
            self._ready.popleft().hand_back()
