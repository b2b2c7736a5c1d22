"""The error tree of the bus.

BusError
├── MessageError                 the message itself is at fault
│   ├── MalformedMessageError    its bytes are no event we accept
│   ├── UnknownMessageTypeError  no payload type is registered under its wire name
│   └── MessageTooLargeError     it is larger than a message may be
├── NotPermittedError            its authority does not cover what it asks
├── UsageError                   the bus was called in a way it does not allow
├── TransportError               the way between sender and receiver is at fault
│   ├── UnreachableError         the server could not be reached or refused us
│   ├── ConnectionLostError      the connection broke
│   ├── TransportClosedError     we closed it ourselves
│   ├── UnroutableError          nobody ever subscribed to that topic
│   ├── RefusedError             a queue is full, or the server has no room for more
│   └── UnconfirmedError         no confirmation came in time: the outcome is unknown
├── StoreError                   the bus file, or the ledger's server, is at fault
│   ├── StoreLockedError         another process holds it
│   ├── StoreCorruptError        it is damaged or no bus file
│   ├── StoreFullError           it has no room
│   └── KeysUnavailableError     the keys by which tokens are trusted cannot be had
├── SettlementError              a delivery was settled twice, or after it was lost
├── RequestTimeoutError          no reply came in time
├── RequestFaultedError          the reply is a Fault
└── RetryLater, Postpone         raised by a handler to be called again

`retryable` says whether the same act may succeed later without a change. A handler that raises such
an error is called again; a TransportError or a StoreError uses up no attempt, since the fault is
not the message's.
Driver exceptions are translated where they appear, by one context manager per edge.
"""

from typing import ClassVar


class BusError(Exception):
    """Something on the bus went wrong; the message says what and what to do next."""

    retryable: ClassVar[bool] = False


class MessageError(BusError):
    """A message cannot be handled as it is."""


class MalformedMessageError(MessageError):
    """The bytes are not an event that this bus accepts."""


class UnknownMessageTypeError(MessageError):
    """No payload type is registered under the message's wire name."""

    def __init__(self, message_type: str) -> None:
        super().__init__(f"No payload type is registered as {message_type!r}.")
        self.message_type = message_type


class MessageTooLargeError(MessageError):
    """The message is larger than a message may be."""

    def __init__(self, *, size: int, limit: int) -> None:
        super().__init__(
            f"The message has {size:,} bytes, the limit is {limit:,}: "
            "publish a reference to the data instead of the data."
        )
        self.size = size
        self.limit = limit


class NotPermittedError(BusError):
    """The authority that came with a message does not cover what it asks."""


class UsageError(BusError):
    """The bus was called in a way that it does not allow."""


class TransportError(BusError):
    """A message could not be moved."""


class UnreachableError(TransportError):
    """The server could not be reached, or it refused us."""

    retryable = True


class ConnectionLostError(TransportError):
    """The connection broke under a call."""

    retryable = True


class TransportClosedError(TransportError):
    """The transport was closed before or during the call."""


class UnroutableError(TransportError):
    """No subscription has ever been made that would take this topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"Nobody listens to {topic!r}: start a worker for it first.")
        self.topic = topic


class RefusedError(TransportError):
    """The server took no message for now: a queue is full, or it is short of memory or disk."""

    retryable = True


class UnconfirmedError(TransportError):
    """No confirmation came in time, so it is unknown whether the message was accepted."""

    retryable = True


class StoreError(BusError):
    """The file of the embedded bus, or the ledger's server, cannot be used."""


class StoreLockedError(StoreError):
    """Another process holds the bus file longer than we wait."""

    retryable = True


class StoreCorruptError(StoreError):
    """The file is damaged, or it is not a bus file."""


class StoreFullError(StoreError):
    """There is no room for the write, on the disk or in the server's memory."""

    retryable = True


class KeysUnavailableError(StoreError):
    """The keys by which a token would be trusted cannot be had for now."""

    retryable = True


class SettlementError(BusError):
    """A delivery was settled a second time, or after it had been lost."""


class RequestTimeoutError(BusError):
    """No reply came within the time that the caller gave."""

    retryable = True


class RequestFaultedError(BusError):
    """The request ended in a Fault instead of a reply."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error or reason)
        self.reason = reason
        self.error = error


class RetryLater(BusError):
    """Raised by a handler to be called again with the next attempt after `delay` seconds.

    Without a delay the retry policy chooses one.
    """

    retryable = True

    def __init__(
        self, reason: str = "The handler asked for a retry.", *, delay: float | None = None
    ) -> None:
        super().__init__(reason)
        self.delay = delay


class Postpone(BusError):
    """Raised by a handler to be called again after `delay` seconds, without using up an attempt."""

    retryable = True

    def __init__(self, reason: str = "The handler asked to wait.", *, delay: float) -> None:
        super().__init__(reason)
        self.delay = delay
