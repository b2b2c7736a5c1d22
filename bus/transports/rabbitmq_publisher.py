"""`Publisher`: gets messages accepted by the broker, each confirmed or refused on its own.

*Guarantees*: `publish` returns only after the broker confirmed; every call is bounded in time; it
publishes once, so that a doubt about the outcome reaches the caller as UnconfirmedError.

It speaks to the driver's lower layer, which costs half as much per message as the upper one.
"""

import asyncio

from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.commands import Basic

from bus.errors import (
    ConnectionLostError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
    UnroutableError,
)
from bus.transports.rabbitmq_connection import BrokerConnection, Channel
from bus.transports.rabbitmq_errors import DRIVER_ERRORS, is_own_cancellation
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
        self._confirming: Channel | None = None
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
            RefusedError: a queue is full.
            UnconfirmedError: the connection broke, or no confirmation came within `timeout`.
            UnreachableError: there is no connection, and none came within its patience.
        """
        while True:
            channel = await self._confirming_channel()
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
                raise RefusedError(f"A queue for {routing_key!r} is full.") from error
            except TimeoutError as error:
                raise UnconfirmedError(
                    f"No confirmation for {routing_key!r} came within {self._timeout:g} s."
                ) from error
            except DRIVER_ERRORS as error:
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
        """Hand it to the network and wait for nothing; without a connection it is dropped."""
        try:
            channel = await self._sending_channel()
            if channel is not None:
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

    async def prepare(self) -> None:
        """Make sure of the connection and of what publishing needs on the broker."""
        await self._confirming_channel()

    async def _confirming_channel(self) -> Channel:
        channel = self._confirming
        if channel is not None and not channel.is_closed:
            return channel
        async with self._opening:
            if self._confirming is None or self._confirming.is_closed:
                await declare(self._connection, shared_topology())
                self._confirming = await self._connection.channel(confirms=True)
            return self._confirming

    async def _sending_channel(self) -> Channel | None:
        if self._sending is None or self._sending.is_closed:
            if not self._connection.is_open:
                return None
            async with self._opening:
                if self._sending is None or self._sending.is_closed:
                    self._sending = await self._connection.channel()
        return self._sending
