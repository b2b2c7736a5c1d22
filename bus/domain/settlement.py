"""From the outcome of handling a delivery to what is done with the delivery.

| outcome | settlement |
|---|---|
| the handler returned | acknowledge |
| it asked for a retry, failed retryably, or timed out | retry; park after the last attempt |
| it asked to wait | retry without using up an attempt |
| the bus itself was out of reach for it | retry without using up an attempt |
| the message cannot be handled, or the handler failed otherwise | park |
| its request was cancelled | acknowledge, and tell whoever waits |
| this process shuts down | hand back, attempt unchanged |
| the delivery was lost, or a foreign cancellation stopped the handler | leave it alone |

An attempt is used up by what a handler does with its message. A transport or a store (the ledger,
the bus file) that is out of reach says nothing about the message: it fails every message alike and
comes back, so an outage costs time and parks nothing. The message's own deadline is what bounds the
wait; one without a deadline waits for as long as the outage lasts.

*Not here*: how a settlement is carried out; that is `bus.consumer` and the transport.
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from bus.domain.fault import ParkReason
from bus.domain.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler came to its end."""


@dataclass(frozen=True, slots=True)
class RetryWanted:
    """The handler failed in a way that may pass; `delay` in seconds, or as the policy says."""

    error: str
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class PostponeWanted:
    """The handler wants the message again in `delay` seconds and did not fail."""

    delay: float


@dataclass(frozen=True, slots=True)
class OutageMet:
    """A part of the bus that the handler needs is out of reach for now; `error` says which."""

    error: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The message cannot be handled, now or later."""

    reason: ParkReason
    error: str


@dataclass(frozen=True, slots=True)
class RequestCancelled:
    """Whoever asked no longer wants it."""


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The process stops; the message is somebody else's."""


@dataclass(frozen=True, slots=True)
class DeliveryLost:
    """The channel or the lease is gone, so the message is already somebody else's."""


Outcome: TypeAlias = (
    Returned
    | RetryWanted
    | PostponeWanted
    | OutageMet
    | Failed
    | RequestCancelled
    | ShutDown
    | DeliveryLost
)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Done; the message is gone. `cancelled` also sends a Fault to whoever waits."""

    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """A copy comes back after `delay` seconds; `counted` says whether as the next attempt."""

    delay: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Park:
    """Set aside with its context, for a person to look at; a Fault goes to whoever waits."""

    reason: ParkReason
    error: str


@dataclass(frozen=True, slots=True)
class HandBack:
    """Back to the queue at once, as it was."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing: the transport gives it to somebody else by itself."""


Settlement: TypeAlias = Acknowledge | Retry | Park | HandBack | Leave


def settle(outcome: Outcome, *, attempt: int, policy: RetryPolicy, jitter: float) -> Settlement:
    """What to do with a delivery; `attempt` is 1-based, `jitter` is drawn from [0, 1)."""
    match outcome:
        case Returned():
            return Acknowledge()
        case RetryWanted(error=error) if policy.is_exhausted(attempt):
            return Park("attempts_exhausted", error)
        case RetryWanted(delay=delay):
            return Retry(policy.delay(attempt, jitter) if delay is None else delay)
        case PostponeWanted(delay=delay):
            return Retry(delay, counted=False)
        case OutageMet():
            return Retry(policy.delay(attempt, jitter), counted=False)
        case Failed(reason=reason, error=error):
            return Park(reason, error)
        case RequestCancelled():
            return Acknowledge(cancelled=True)
        case ShutDown():
            return HandBack()
        case DeliveryLost():
            return Leave()
        case _:
            assert_never(outcome)
