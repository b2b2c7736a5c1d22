"""`BrokerConnection`: one connection to the broker that is opened again whenever it is lost.

It has no task of its own: whoever needs a channel finds the connection open or opens it, one caller
at a time, with growing waits between attempts and never longer than `patience`. What lived on a
lost connection is rebuilt by its owners: the publisher its channels, each subscription its
consumer.

*Guarantees*: every call is bounded in time; errors are ours.
"""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

import aio_pika
import aiormq
from yarl import URL

from bus.errors import (
    BusError,
    ConnectionLostError,
    TransportClosedError,
    UnreachableError,
    UsageError,
)
from bus.tls import split_files, tls_context
from bus.transports.rabbitmq_blockade import Blockade
from bus.transports.rabbitmq_errors import DRIVER_ERRORS, translated, unreachable
from bus.transports.rabbitmq_frames import MendingTransportFactory

Channel: TypeAlias = aiormq.Channel

CALL_TIMEOUT: Final = 10.0
"""Seconds that any single question to the broker may take."""

LONGEST_ACCOUNT: Final = 64

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_CLOSE_TIMEOUT: Final = 5.0

_UNBOUNDED: Final = 0

# The driver logs what it also raises, and what it raises reaches the user as an error of ours.
for _name in ("aiormq", "aio_pika"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.CRITICAL)


def account_name(user: str) -> str:
    """A user of the broker as a word of names and topics, made of `A-Z a-z 0-9 _ -`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", user)[:LONGEST_ACCOUNT]


class BrokerConnection:
    """A connection that comes back.

    `name` shows in the broker's management interface. `patience` is how long, in seconds, a caller
    waits for a lost connection to come back. With `heartbeat` seconds, a connection that went
    silent is given up after some three times as long.
    """

    def __init__(self, url: str, *, name: str, patience: float, heartbeat: int) -> None:
        plain, self._files = split_files(url)
        self._url = _checked(plain)
        self._name = name
        self._patience = patience
        self._heartbeat = heartbeat
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._blockade = Blockade()
        self._opening = asyncio.Lock()
        self._why: UnreachableError | None = None
        self._closed = False

    @property
    def address(self) -> str:
        """Broker and virtual host, without credentials."""
        return f"{self._url.host}:{self._url.port}{self._url.path}"

    @property
    def account(self) -> str:
        """The user, as in names and topics."""
        return account_name(self._url.user or "")

    @property
    def vhost(self) -> str:
        """The virtual host's own name."""
        return self._url.path.removeprefix("/") or "/"

    @property
    def server(self) -> Mapping[str, Any]:
        """What the broker said of itself when the connection was opened last."""
        transport = self._connection.transport if self._connection is not None else None
        return {} if transport is None else dict(transport.connection.server_properties)

    @property
    def is_open(self) -> bool:
        """Whether it stands, as far as is known here.

        Raises:
            TransportClosedError: `aclose` was called.
        """
        if self._closed:
            raise TransportClosedError("The connection to the broker was closed.")
        transport = self._connection.transport if self._connection is not None else None
        return transport is not None and not transport.connection.is_closed

    @property
    def blockade(self) -> Blockade:
        """Whether the broker takes messages on it."""
        return self._blockade

    async def open(self) -> None:
        """Connect now, in one attempt.

        Raises:
            UnreachableError: it failed; the message says why and what to check.
        """
        async with self._opening:
            if self._connection is None:
                self._connection = await self._connect()

    async def channel(self, *, confirms: bool = False) -> Channel:
        """A fresh channel, on a fresh connection if need be.

        With `confirms`, a publish waits for the broker, and raises if the message is returned.

        Raises:
            UnreachableError: the broker could not be reached within `patience`.
            ConnectionLostError: the connection broke while the channel was opened.
            TransportClosedError: `aclose` was called.
        """
        connection = await self._open_connection()
        transport = connection.transport
        if transport is None:
            raise ConnectionLostError("The connection to the broker broke.")
        async with asking("opening a channel"):
            try:
                # What may be on its way to a channel is bounded by its prefetch. A buffer that
                # fills up would stop the whole connection once the channel no longer reads.
                channel = await transport.connection.channel(
                    publisher_confirms=confirms,
                    on_return_raises=confirms,
                    frame_buffer_size=_UNBOUNDED,
                )
            except RuntimeError as error:  # the driver's word for a connection that just closed
                raise ConnectionLostError("The connection to the broker broke.") from error
        assert isinstance(channel, aiormq.Channel)
        return channel

    async def aclose(self) -> None:
        """Close for good. Idempotent."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)

    async def _open_connection(self) -> aio_pika.abc.AbstractConnection:
        try:
            async with asyncio.timeout(self._patience) as timer, self._opening:
                return await self._reopened()
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise self._why or UnreachableError(
                f"The broker did not answer within {self._patience:g} s."
            ) from error

    async def _reopened(self) -> aio_pika.abc.AbstractConnection:
        pause = _FIRST_PAUSE
        while True:
            if self.is_open and self._connection is not None:
                return self._connection
            lost, self._connection = self._connection, None
            if lost is not None:
                await _close(lost)
            try:
                self._connection = await self._connect()
            except UnreachableError as error:
                self._why = error
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (spreads load)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _connect(self) -> aio_pika.abc.AbstractConnection:
        # Read again each time: certificates are renewed while a process runs.
        tls = None if self._files is None else await asyncio.to_thread(tls_context, self._files)
        connection = aio_pika.Connection(
            self._url.update_query(heartbeat=self._heartbeat),
            ssl_context=tls,
            client_properties={"connection_name": self._name},
        )
        blockade = Blockade()
        connection.kwargs["transport_factory"] = MendingTransportFactory(blockade.heard)
        try:
            async with asyncio.timeout(min(self._patience, CALL_TIMEOUT)):
                await connection.connect()
        except BaseException as error:
            await _close(connection)
            if isinstance(error, (*DRIVER_ERRORS, StopAsyncIteration)):
                raise unreachable(self._url, error) from error
            raise
        assert connection.transport is not None
        connection.transport.connection.closing.add_done_callback(lambda _: blockade.heard(""))
        self._blockade = blockade
        return connection


@asynccontextmanager
async def asking(act: str) -> AsyncIterator[None]:
    """Bounds what is asked of the broker within, and makes the driver's errors ours.

    The driver's own timeouts are left alone: on Python 3.11 they can swallow a cancellation that
    comes together with the broker's answer.
    """
    with translated(act):
        async with asyncio.timeout(CALL_TIMEOUT):
            yield


async def close_channel(channel: Channel) -> None:
    """Close it; the broker gives what is unsettled on it to somebody else.

    If cancelled, it ends what it began: a driver that is interrupted would close the channel twice,
    to which the broker's answer is to close the whole connection.
    """
    closing = asyncio.create_task(_close_channel(channel), name="close a channel")
    interruption: asyncio.CancelledError | None = None
    while not closing.done():
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError as error:
            interruption = error
    if interruption is not None:
        raise interruption


async def _close_channel(channel: Channel) -> None:
    with suppress(BusError), translated("closing a channel"):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await channel.close()


def _checked(text: str) -> URL:
    try:
        url = URL(text)
        port = url.explicit_port or {"amqp": 5672, "amqps": 5671}[url.scheme]
    except (ValueError, KeyError) as error:
        raise UsageError(
            "The bus URL is no URL of a broker: use amqp://USER:PASSWORD@HOST:PORT/VHOST."
        ) from error
    if not url.host:
        raise UsageError("The bus URL names no host: use amqp://USER:PASSWORD@HOST:PORT/VHOST.")
    return url.with_port(port).with_user(url.user or "guest").with_password(url.password or "guest")


async def _close(connection: aio_pika.abc.AbstractConnection) -> None:
    with suppress(BusError), translated("closing the connection"):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await connection.close()
