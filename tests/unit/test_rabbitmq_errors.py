"""Every error of the AMQP driver becomes one of ours, and says what to do."""

import asyncio
import inspect
import socket
import ssl

import aio_pika.exceptions
import aiormq.exceptions
import pamqp.exceptions
import pytest
from aiormq.exceptions import (
    AMQPConnectionError,
    ChannelNotFoundEntity,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from yarl import URL

from bus.errors import ConnectionLostError, TransportError, UnreachableError
from bus.transports.rabbitmq_errors import (
    DRIVER_ERRORS,
    MissingError,
    bus_error,
    translated,
    unreachable,
)


def driver_exceptions() -> list[type[Exception]]:
    """All that the driver's modules define or pass on."""
    return sorted(
        {
            member
            for module in (aio_pika.exceptions, aiormq.exceptions, pamqp.exceptions)
            for member in vars(module).values()
            if inspect.isclass(member) and issubclass(member, Exception)
        },
        key=lambda each: f"{each.__module__}.{each.__name__}",
    )


@pytest.mark.parametrize("kind", driver_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_driver_is_caught_and_translated(kind):
    error = kind.__new__(kind)
    assert isinstance(error, DRIVER_ERRORS)
    if kind.__name__ != "PublishError":  # it needs a returned message, which publishing provides
        assert isinstance(bus_error(error, "doing something"), TransportError)


@pytest.mark.parametrize("kind", [OSError, ConnectionResetError, TimeoutError, ssl.SSLError])
def test_errors_of_the_network_are_lost_connections(kind):
    assert isinstance(bus_error(kind("gone"), "doing something"), ConnectionLostError)


def test_the_original_error_is_kept_as_the_cause():
    original = ChannelNotFoundEntity("NOT_FOUND - no queue 'q'")
    with pytest.raises(MissingError, match="no queue 'q'") as raised, translated("asking"):
        raise original
    assert raised.value.__cause__ is original


async def test_a_cancellation_that_nobody_asked_for_is_a_lost_connection():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    with pytest.raises(ConnectionLostError), translated("waiting"):
        await future


async def test_a_cancellation_that_somebody_asked_for_stays_one():
    async def wait() -> None:
        with translated("waiting"):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def caused_by(cause: OSError) -> AMQPConnectionError:
    error = AMQPConnectionError(*cause.args)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (caused_by(ConnectionRefusedError(111, "refused")), "Is RabbitMQ running?"),
        (caused_by(socket.gaierror(-2, "unknown")), "host name 'broker' is not known"),
        (caused_by(ssl.SSLError(1, "[SSL] wrong version")), "Is this the TLS port"),
        (caused_by(OSError(113, "No route to host")), "No route to host."),
        (TimeoutError(), "did not answer in time"),
        (ProbableAuthenticationError("ACCESS_REFUSED"), "refused user 'me'. Check the password"),
        (InvalidFrameError("Expected one of ['Connection.OpenOk'], got"), "virtual host 'shop'"),
        (InvalidFrameError("no frame"), "does not speak AMQP 0-9-1"),
        (AMQPConnectionError("closed"), "is this its AMQP port?"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failed_connection_says_where_and_what_to_check(error, advice):
    result = unreachable(URL("amqp://me:secret@broker:5672/shop"), error)
    assert isinstance(result, UnreachableError)
    assert str(result).startswith("Cannot connect to amqp://broker:5672: ")
    assert advice in str(result)
    assert "secret" not in str(result)


def test_a_queue_that_is_down_is_not_taken_for_one_that_does_not_exist():
    down = "NOT_FOUND - home node 'a@b' of durable queue 'q' in vhost '/' is down or inaccessible"
    error = bus_error(ChannelNotFoundEntity(down), "asking")
    assert type(error) is UnreachableError
    assert "not available" in str(error)
    missing = bus_error(ChannelNotFoundEntity("NOT_FOUND - no queue 'q' in vhost '/'"), "asking")
    assert type(missing) is MissingError


def test_a_connection_that_is_reset_at_the_handshake_may_want_a_certificate() -> None:
    """The refusal of a client without one can arrive as that alone, and as a ring of causes."""
    reset, again = ConnectionResetError(104, "Connection reset by peer"), OSError()
    reset.__cause__, again.__cause__ = again, reset
    told = unreachable(URL("amqps://host:5671/"), reset)
    assert "CONVENER_CERTIFICATE" in str(told)
