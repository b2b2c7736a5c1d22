"""`Publisher`: gets messages accepted by the broker, each confirmed or refused on its own.

*Guarantees*: `publish` returns only after the broker confirmed; every call is bounded in time; it
publishes once, so that a doubt about the outcome reaches the caller as UnconfirmedError.

It speaks to the driver's lower layer, which costs half as much per message as the upper one.
"""

import asyncio

from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.commands import Basic

from bus.errors import RefusedError, TransportClosedError, UnconfirmedError, UnroutableError
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
        self._closed = False

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
            UnreachableError: there is no connection, and none came within the connection's patience.
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
        if self._closed:
            raise TransportClosedError("The transport was closed.")
        try:
            async with asyncio.timeout(self._timeout):
                channel = await self._sending_channel()
                await channel.basic_publish(
                    body,
                    exchange=exchange,
                    routing_key=routing_key,
                    properties=properties,
                    wait=False,
                )
        except DRIVER_ERRORS:
            return

    async def prepare(self) -> None:
        """Open what the first publish needs."""
        await self._confirming_channel()

    def close(self) -> None:
        """Accept nothing more; the channels end with their connection."""
        self._closed = True
