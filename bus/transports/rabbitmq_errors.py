"""From what the AMQP driver raises to the errors of the bus: the one place that knows both.

The driver may also raise CancelledError where nobody cancelled anything: a lost connection ends the
calls that wait on it that way. Here it becomes what it is, a lost connection.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelInvalidStateError,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
    ProtocolSyntaxError,
    PublishError,
)
from pamqp.exceptions import PAMQPException
from yarl import URL

from bus.errors import (
    ConnectionLostError,
    RefusedError,
    TransportError,
    UnreachableError,
    UnroutableError,
)
from bus.tls import tls_problem

DRIVER_ERRORS: Final = (AMQPError, PAMQPException, ChannelInvalidStateError, OSError)
"""Everything the driver raises on purpose; OSError includes timeouts, TLS and name resolution."""


class MissingError(UnreachableError):
    """What the call names does not exist on the broker."""


class ForbiddenError(UnreachableError):
    """The user has no right to what the call asks of the broker."""

    retryable = False


@contextmanager
def translated(act: str) -> Iterator[None]:
    """Driver errors within become ours; `act` completes "while …" in their message."""
    try:
        yield
    except asyncio.CancelledError as error:
        if is_own_cancellation():
            raise
        raise ConnectionLostError(f"The connection to the broker broke while {act}.") from error
    except DRIVER_ERRORS as error:
        raise bus_error(error, act) from error


def is_own_cancellation() -> bool:
    """Whether somebody asked the present task to stop, so that a CancelledError is meant for it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def is_down(error: ChannelNotFoundEntity) -> bool:
    """Whether the broker knows the queue but does not serve it, such as just after a restart."""
    return "down or inaccessible" in _text(error)


def is_refusal(error: BaseException, *, exchange: str, routing_key: str) -> bool:
    """Whether a channel closed because this user may not publish just that.

    What else was on its way on the channel ends with the same error.
    """
    text = _text(error)
    return isinstance(error, ChannelAccessRefused) and (
        f"topic '{routing_key}' in exchange '{exchange}'" in text
        or f"access to exchange '{exchange or 'amq.default'}'" in text
    )


def bus_error(error: BaseException, act: str) -> TransportError:
    """Our error for a driver's error that came up while doing `act`."""
    match error:
        case PublishError():
            return UnroutableError(getattr(error.message, "routing_key", None) or "")
        case DeliveryError():
            return RefusedError(
                "The broker refused the message: a queue that it belongs in is full."
            )
        case ChannelAccessRefused():
            return ForbiddenError(f"The broker does not permit {act}: {_text(error)}.")
        case ChannelNotFoundEntity() if is_down(error):
            return UnreachableError(
                f"A queue is not available while {act}: {_text(error)}. "
                "If that lasts, `convener doctor --provision` says what to do."
            )
        case ChannelNotFoundEntity():
            return MissingError(
                f"Something is missing on the broker while {act}: {_text(error)}. "
                "Create it with `convener doctor --provision`."
            )
        case ChannelLockedResource() | ChannelPreconditionFailed():
            return UnreachableError(f"The broker refused {act}: {_text(error)}.")
        case TimeoutError():
            return ConnectionLostError(f"The broker did not answer in time while {act}.")
        case _:
            reason = _text(error)
            return ConnectionLostError(
                f"The connection to the broker broke while {act}"
                + (f": {reason}." if reason else ".")
            )


def unreachable(url: URL, error: BaseException) -> UnreachableError:
    """Why the broker at `url` could not be connected to, and what to check."""
    where = f"{url.scheme}://{url.host}:{url.port}"
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    problem = tls_problem(error, url.host or "")
    if problem is not None:
        return UnreachableError(f"Cannot connect to {where}: {problem}")
    match cause:
        case socket.gaierror():
            why = f"the host name {url.host!r} is not known."
        case ConnectionRefusedError():
            why = "nothing listens there. Is RabbitMQ running?"
        case TimeoutError():
            why = "it did not answer in time."
        case ProbableAuthenticationError() | AuthenticationError():
            why = f"it refused user {url.user!r}. Check the password."
        case _ if "Connection.OpenOk" in str(error):
            vhost = url.path.removeprefix("/") or "/"
            why = f"it has no virtual host {vhost!r}, or user {url.user!r} may not use it."
        case IncompatibleProtocolError() | ProtocolSyntaxError() | PAMQPException():
            why = "what listens there does not speak AMQP 0-9-1."
        case OSError(errno=int(), strerror=str(reason)) if not isinstance(
            cause, ConnectionResetError
        ):
            why = f"{reason}."
        case _ if url.scheme == "amqps":
            why = (
                "it closed the connection at once. Is this RabbitMQ's TLS port, and does it ask "
                "for a certificate of yours (CONVENER_CERTIFICATE)?"
            )
        case _:
            why = "it closed the connection at once. Is it RabbitMQ, and is this its AMQP port?"
    return UnreachableError(f"Cannot connect to {where}: {why}")


def _text(error: BaseException) -> str:
    return " ".join(str(part) for part in error.args if part).rstrip(".")
