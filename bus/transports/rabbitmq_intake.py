"""`Intake`: the consumer on one channel, from its first message to its loss.

How many messages a consumer may hold is fixed when it begins, so another number means another
consumer. The new one begins before the old one ends: the queue is never seen without us.
"""

from collections.abc import Callable

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from bus.errors import ConnectionLostError
from bus.transports.rabbitmq_connection import Channel, asking


class Intake:
    """Consumes `queue` on `channel`.

    `on_message` is called for each message and `on_loss` when the consumer may be gone. Both run
    inside the driver and return at once.
    """

    def __init__(
        self,
        channel: Channel,
        queue: str,
        *,
        on_message: Callable[[DeliveredMessage], None],
        on_loss: Callable[[], None],
    ) -> None:
        self._channel = channel
        self.prefetch = 0
        self._queue = queue
        self._on_message = on_message
        self._on_loss = on_loss
        self._tag: str | None = None
        self._is_cancelled = False
        channel.on_consumer_cancel_callbacks.add(self._cancelled)
        channel.closing.add_done_callback(lambda _: on_loss())

    async def consume(self, prefetch: int) -> None:
        """Take messages, up to `prefetch` of them unsettled; what came before does not count."""
        old = self._tag
        async with asking(f"subscribing to {self._queue!r}"):
            await self._channel.basic_qos(prefetch_count=prefetch)
            begun = await self._channel.basic_consume(self._queue, self._deliver)
            self._tag, self.prefetch = begun.consumer_tag, prefetch
            if old is not None:
                await self._channel.basic_cancel(old)

    async def stop(self) -> None:
        """Take no more; what came before can still be settled."""
        tag, self._tag = self._tag, None
        if tag is not None:
            async with asking("ending a subscription"):
                await self._channel.basic_cancel(tag)

    def check(self) -> None:
        """Raise ConnectionLostError if the consumer is known to be gone."""
        if self._channel.is_closed:
            raise ConnectionLostError(f"The channel that consumed {self._queue!r} closed.")
        if self._is_cancelled:
            raise ConnectionLostError(f"The broker no longer serves {self._queue!r} to us.")

    async def ask(self) -> int:
        """How many messages wait in the queue.

        Raises:
            ConnectionLostError: the broker says that nobody consumes it.
        """
        async with asking(f"looking after {self._queue!r}"):
            state = await self._channel.queue_declare(self._queue, passive=True)
        if not state.consumer_count:
            raise ConnectionLostError(f"The broker forgot that we consume {self._queue!r}.")
        return state.message_count or 0

    async def _deliver(self, message: DeliveredMessage) -> None:
        self._on_message(message)

    def _cancelled(self, _: Basic.Cancel) -> None:
        self._is_cancelled = True
        self._on_loss()
