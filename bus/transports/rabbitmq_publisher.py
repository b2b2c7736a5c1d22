"""`Publisher`: gets messages accepted by the broker, each confirmed or refused on its own.

*Guarantees*: `publish` returns only after the broker confirmed; every call is bounded in time; it
publishes once, so that a doubt about the outcome reaches the caller as UnconfirmedError; while the
broker takes no messages for want of memory or disk, none is sent.

It speaks to the driver's lower layer, which costs half as much per message as the upper one.
"""

import asyncio

from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.commands import Basic

from bus.errors import (
    BusError,
    ConnectionLostError,
    RefusedError,
    TransportClosedError,
    UnconfirmedError,
    UnreachableError,
    UnroutableError,
)
from bus.transports.rabbitmq_connection import BrokerConnection, Channel
from bus.transports.rabbitmq_errors import (
    DRIVER_ERRORS,
    bus_error,
    is_own_cancellation,
    is_refusal,
)
from bus.transports.rabbitmq_topology import declare, shared_topology

_DRAINED_BYTES = 64 * 1024
"""From this size on, a body is written out before the next message is taken."""


class Publisher:
    """Publishes on one connection: one channel with confirms, one without for transient messages.

    `timeout` is how long, in seconds, a confirmation may take.
    """

    def __init__(self, connection: BrokerConnection, *, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._opening = asyncio.Lock()
        self._failure: BusError | None = None
        self._confirming: Channel | None = None
        self._opening_to_send = asyncio.Lock()
        self._sending: Channel | None = None

    async def publish(
        self,
        body: bytes,
        properties: Basic.Properties,
        *,
        exchange: str,
        routing_key: str,
        mandatory: bool = True,
    ) -> None:
        """Returns when every queue it was routed to has accepted it.

        Raises:
            UnroutableError: it is `mandatory` and no queue is bound for it.
            ForbiddenError: this user may not publish there.
            RefusedError: a queue is full or out of order, or the broker took no messages for
                `timeout` seconds.
            UnconfirmedError: the connection broke, or no confirmation came within `timeout`.
            UnreachableError: there is no connection, and none came within its patience.
        """
        while True:
            channel = await self._confirming_channel()
            blockade = self._connection.blockade
            await blockade.lifted(self._timeout)
            try:
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=routing_key,
                    properties=properties,
                    mandatory=mandatory,
                    timeout=self._timeout,
                    wait=len(body) >= _DRAINED_BYTES,
                )
            except ChannelInvalidStateError:
                continue  # raised before anything is written: the channel closed in between
            except PublishError as error:
                raise UnroutableError(routing_key) from error
            except DeliveryError as error:
                raise RefusedError(
                    f"A queue for {routing_key!r} is full or out of order: let its consumers catch "
                    "up, raise its policy's limit, or see `convener doctor --provision`."
                ) from error
            except TimeoutError as error:
                raise UnconfirmedError(
                    f"No confirmation for {routing_key!r} came within {self._timeout:g} s"
                    + (f": the broker is blocked ({blockade.reason})." if blockade.reason else ".")
                ) from error
            except DRIVER_ERRORS as error:
                if is_refusal(error, exchange=exchange, routing_key=routing_key):
                    raise bus_error(error, f"publishing to {routing_key!r}") from error
                raise UnconfirmedError(
                    f"The channel closed before {routing_key!r} was confirmed: {error}."
                ) from error
            except asyncio.CancelledError as error:
                if is_own_cancellation():
                    raise
                raise UnconfirmedError(
                    f"The connection broke before {routing_key!r} was confirmed."
                ) from error
            return

    async def send(
        self, body: bytes, properties: Basic.Properties, *, exchange: str, routing_key: str
    ) -> None:
        """Hand it to the network and wait for nothing; if nothing takes it there, it is dropped."""
        try:
            channel = await self._sending_channel()
            if channel is not None and not self._connection.blockade.reason:
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=routing_key,
                    properties=properties,
                    timeout=self._timeout,
                    wait=False,
                )
        except (*DRIVER_ERRORS, ConnectionLostError, UnreachableError):
            return

    async def restore(self) -> None:
        """Declare again what publishing needs on the broker: somebody removed a part of it."""
        await declare(self._connection, shared_topology())

    async def prepare(self) -> None:
        """Make sure of the connection and of what publishing needs on the broker."""
        await self._confirming_channel()

    async def _confirming_channel(self) -> Channel:
        channel = self._confirming
        if channel is not None and not channel.is_closed:
            return channel
        known = self._failure
        async with self._opening:
            if self._confirming is None or self._confirming.is_closed:
                if self._failure is not None and self._failure is not known:
                    # It was tried while we waited: to wait as long again would take n times as
                    # long for n callers.
                    raise UnreachableError(str(self._failure)) from self._failure
                try:
                    await self.restore()
                    self._confirming = await self._connection.channel(confirms=True)
                except TransportClosedError:
                    raise
                except BusError as error:
                    self._failure = error
                    raise
            return self._confirming

    async def _sending_channel(self) -> Channel | None:
        if self._sending is None or self._sending.is_closed:
            if not self._connection.is_open:
                return None
            async with self._opening_to_send:
                if self._sending is None or self._sending.is_closed:
                    self._sending = await self._connection.channel()
        return self._sending
