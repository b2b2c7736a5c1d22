"""`RabbitmqSubscription`: the deliveries of one subscription, over as many channels as it takes.

One task per subscription opens a channel, prepares the queue, consumes, and does all of it again
after any loss: of the connection, of the channel, of the queue. Nothing of ours runs inside the
driver's callbacks, which only put what arrived into a buffer; so the driver never cancels a
handler.

*Guarantees*: a consumer that the broker lost without a word is replaced within two watch intervals
of the subscriber's last delivery; at most `prefetch` deliveries are in the subscriber's hands; what
is buffered when the subscription ends goes back at once; deliveries taken before can still be
settled, for the channel stays until they are.

*Not here*: names and arguments of queues; that is `rabbitmq_topology`.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Self

import structlog
from aiormq.abc import DeliveredMessage

from bus.domain.slow_start import SURVIVAL, SlowStart
from bus.errors import BusError, SettlementError, TransportClosedError
from bus.transports.rabbitmq_connection import BrokerConnection, Channel, close_channel
from bus.transports.rabbitmq_delivery import Copies, RabbitmqDelivery
from bus.transports.rabbitmq_intake import Intake
from bus.transports.rabbitmq_sources import Source

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

_log = structlog.get_logger(__name__)


class RabbitmqSubscription:
    """An asynchronous iterator over deliveries, open while its context is.

    `prefetch` bounds what the subscriber holds. The buffer holds what the broker sent beyond it,
    which the consumer's own prefetch bounds in turn. `on_end` is called once the subscription is
    over and its last delivery settled. `watch_interval` is how many seconds without news pass until
    we make sure that the broker still has our consumer.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        source: Source,
        *,
        prefetch: int,
        copies: Copies,
        watch_interval: float,
        on_end: Callable[["RabbitmqSubscription"], None],
    ) -> None:
        self._connection = connection
        self._source = source
        self._copies = copies
        self._prefetch = prefetch
        self._slow_start = SlowStart(prefetch, gradual=source.is_gradual)
        self._intake: Intake | None = None
        self._buffer: deque[RabbitmqDelivery] = deque()
        self._held: set[RabbitmqDelivery] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._watch_interval = watch_interval
        self._stopping = asyncio.Event()
        self._closed = False
        self._pause = _FIRST_PAUSE
        self._news = asyncio.Event()
        self._change = asyncio.Event()
        self._adjusted = asyncio.Event()
        self._ended = asyncio.Event()
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._on_end = on_end

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name=f"subscription {self._source}")
        self._task.add_done_callback(self._over)
        try:
            await asyncio.shield(self._entered)
        except BaseException:
            self._stopping.set()
            self._task.cancel()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for event in (self._stopping, self._change, self._news, self._adjusted):
            event.set()
        if self._task is not None and self._intake is None:
            self._task.cancel()
        await self._ended.wait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RabbitmqDelivery:
        while True:
            if self._closed:
                raise TransportClosedError("The transport was closed.")
            if self._stopping.is_set():
                raise StopAsyncIteration
            if self._buffer and len(self._held) < self._slow_start.window:
                return self._take(self._buffer.popleft())
            self._change.clear()
            await self._change.wait()

    def abandon(self) -> None:
        """End at once; what is unsettled is lost to us."""
        self._closed = True
        for event in (self._stopping, self._change, self._adjusted):
            event.set()
        if self._task is not None:
            self._task.cancel()

    async def over(self) -> None:
        """Returns once nothing of it is left."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def outlived(self) -> None:
        """See `Origin`.

        The broker is asked for more before it hears of the settlement: until then it has nothing on
        its way to the consumer that is replaced.
        """
        self._grow()
        while not self._stopping.is_set() and self._wants_more():
            self._adjusted.clear()
            await self._adjusted.wait()

    def hold(self, delivery: RabbitmqDelivery, delay: float, attempt: int) -> None:
        """See `Origin`."""
        again = RabbitmqDelivery(
            delivery.message,
            delivery.channel,
            group=None,
            origin=self,
            copies=self._copies,
            attempt=attempt,
        )
        self._later(delay, lambda: self._put(again))

    async def pause(self, delivery: RabbitmqDelivery, seconds: float) -> bool:
        """See `Origin`."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        ends: set[asyncio.Future[Any]] = {stopping, delivery.lost}
        try:
            ended, _ = await asyncio.wait(
                ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
        return not ended

    def settled(self, delivery: RabbitmqDelivery) -> None:
        """See `Origin`."""
        self._held.discard(delivery)
        if self._stopping.is_set():
            self._news.set()
        self._change.set()

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._serve()
            except BusError as error:
                if self._entered.done():
                    _log.warning("bus.subscription.lost", queue=str(self._source), error=str(error))
                self._fail(error)
            # Whatever it is, a subscription that dies unseen would be worse.
            except Exception as error:  # noqa: BLE001
                self._fail(error)
                _log.exception("bus.subscription.failed", queue=str(self._source))
            if not self._stopping.is_set():
                await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _over(self, _: asyncio.Task[None]) -> None:
        """Called however the task ended, even if it was cancelled before it began."""
        self._ended.set()
        if not self._entered.done():
            self._entered.set_exception(TransportClosedError("The transport was closed."))
            self._entered.exception()  # nobody may be waiting for it any more
        self._on_end(self)

    def _fail(self, error: Exception) -> None:
        """An error on the way in is the subscriber's, a later one is ours to overcome."""
        if not self._entered.done():
            self._entered.set_exception(error)
            self._stopping.set()

    async def _serve(self) -> None:
        """One channel's life: until the subscription ends, or until something is lost."""
        channel = await self._connection.channel()
        self._slow_start = SlowStart(self._prefetch, gradual=self._source.is_gradual)
        try:
            queue = await self._source.prepare(self._connection, channel)
            intake = Intake(
                channel,
                queue,
                on_message=lambda message: self._arrived(message, channel),
                on_loss=self._news.set,
            )
            await intake.consume(self._slow_start.prefetch)
            self._intake, self._pause = intake, _FIRST_PAUSE
            if not self._entered.done():
                self._entered.set_result(None)
            await self._look_after(intake)
            await intake.stop()
            await self._hand_back_buffered()
            self._ended.set()
            while self._held:
                await self._hear(None)
                intake.check()
        finally:
            self._intake = None
            self._lose_everything()
            await close_channel(channel)

    async def _look_after(self, intake: Intake) -> None:
        while not self._stopping.is_set():
            heard = await self._hear(self._watch_interval)
            intake.check()
            if not heard:
                await self._make_sure(intake)
            elif intake.prefetch != self._slow_start.prefetch:
                await intake.consume(self._slow_start.prefetch)
                self._adjusted.set()

    async def _make_sure(self, intake: Intake) -> None:
        """Nothing came for a while though we had room: begin anew unless that is as it should be.

        The broker tells how many consume the queue, not whether we are among them. A consumer that
        is not gradual has its queue for itself, or a place in a line that it would give up.
        """
        waiting = await intake.ask()
        if self._buffer or len(self._held) >= self._slow_start.window:
            return
        if waiting or (self._source.is_gradual and not self._held):
            await intake.consume(self._slow_start.prefetch)

    async def _hear(self, timeout: float | None) -> bool:
        """Wait for news; False if none came within `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._news.wait()
        heard = self._news.is_set()
        self._news.clear()
        return heard

    def _arrived(self, message: DeliveredMessage, channel: Channel) -> None:
        delivery = RabbitmqDelivery(
            message, channel, group=self._source.group, origin=self, copies=self._copies
        )
        self._put(delivery)

    def _put(self, delivery: RabbitmqDelivery) -> None:
        self._buffer.append(delivery)
        self._change.set()

    def _take(self, delivery: RabbitmqDelivery) -> RabbitmqDelivery:
        self._held.add(delivery)
        self._slow_start.taken(redeliveries=delivery.redeliveries)
        self._news.set()
        if not self._slow_start.is_full:
            self._later(SURVIVAL, lambda: self._grow() if delivery in self._held else None)
        return delivery

    def _grow(self) -> None:
        self._slow_start.outlived()
        self._change.set()
        self._news.set()

    def _wants_more(self) -> bool:
        return self._intake is not None and self._intake.prefetch < self._slow_start.prefetch

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        """Do `act` in `delay` seconds, unless the channel is gone by then."""

        def ring() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay, ring)
        self._timers.add(timer)

    async def _hand_back_buffered(self) -> None:
        while self._buffer:
            with suppress(SettlementError):
                await self._buffer.popleft().hand_back()

    def _lose_everything(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for delivery in (*self._buffer, *self._held):
            delivery.lose()
        self._buffer.clear()
        self._held.clear()
        self._change.set()
        self._adjusted.set()
