"""The seam between the bus and whatever moves its messages.

Implementations stand in `bus/transports/`; `tests/contract/test_transport.py` is the specification
that each of them passes.

*Guarantees* of every implementation:

- `publish` returns once the message is durably accepted (fsynced, or confirmed by the broker) by
  every group that its topic matches, and by the history unless the topic is transient.
- A group's message is delivered to one of its consumers until somebody settles it: at least once.
- Messages of one publisher reach a queue in the order in which their publishes returned.

*Not here*: retry policy, verification, payloads. A transport never decodes a body.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.domain.topic import check_pattern, is_work
from bus.errors import UsageError

DELIVERY_LIMIT: Final = 20
"""How often a message may come back without having been settled before it is parked."""

_GROUP = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_RESERVED = re.compile(r"(history|retry|parked|dlx)(\..*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Which messages, shared with whom, how many at once.

    Subscribers of the same `group` compete: each message goes to one of them, and messages wait
    while none is there. Without a group a subscriber gets its own copy of every notice or
    transient message published while it listens. `prefetch` bounds unsettled deliveries.
    """

    pattern: str
    group: str | None = None
    prefetch: int = 8

    def __post_init__(self) -> None:
        check_pattern(self.pattern)
        if self.prefetch < 1:
            raise UsageError("prefetch must be at least 1.")
        if self.group is None:
            if is_work(self.pattern):
                raise UsageError(
                    f"A subscription to {self.pattern!r} needs a group: own copies are for topics "
                    "that begin with event, control, reply or progress."
                )
        elif not _GROUP.fullmatch(self.group) or _RESERVED.fullmatch(self.group):
            raise UsageError(
                f"{self.group!r} is no group name: use lower-case words of letters, digits and '_' "
                "joined by dots, the first one not history, retry, parked or dlx."
            )


class Delivery(Protocol):
    """One message handed to one subscriber, to be settled exactly once.

    Every settling method raises SettlementError when the delivery is settled already or lost.
    """

    @property
    def envelope(self) -> Envelope: ...

    @property
    def attempt(self) -> int:
        """1 for the first attempt; counted up by `nack` alone."""
        ...

    @property
    def redeliveries(self) -> int:
        """How often it was handed out before without being settled, in this attempt."""
        ...

    @property
    def lost(self) -> "asyncio.Future[None]":
        """Done once the message is no longer ours: its lease ran out or its channel is gone.

        Give it a callback; whoever awaits it shields it.
        """
        ...

    async def ack(self) -> None:
        """Done: the message is gone."""
        ...

    async def nack(self, delay: float = 0.0, *, counted: bool = True) -> None:
        """Try again after `delay` seconds; the copy is accepted before the original is gone.

        The copy's attempt is one higher if `counted`. A transport may round `delay` up.
        """
        ...

    async def reject(self, reason: ParkReason, error: str = "") -> None:
        """Park it: it is accepted among the dead letters before it is gone here."""
        ...

    async def release(self) -> None:
        """Hand it back at once, attempt unchanged, for another subscriber of the group."""
        ...


class Transport(Protocol):
    """Moves envelopes."""

    async def publish(self, envelope: Envelope) -> None:
        """Have `envelope` accepted.

        A transient envelope is sent without waiting for anything.

        Raises:
            UnroutableError: no group was ever subscribed to this work topic, or the queue that a
                direct envelope names does not exist.
            RefusedError: a queue that it belongs in is full, or the server has no room for more.
            UnconfirmedError: no confirmation came in time: it may or may not have been accepted.
            ConnectionLostError, UnreachableError, TransportClosedError, StoreError: it was not
                sent.
        If cancelled, it may or may not have been accepted.
        """
        ...

    def subscribe(
        self, subscription: Subscription
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Deliveries for as long as the context lasts; entered once messages cannot be missed.

        Leaving the context stops the intake at once; deliveries taken before can still be settled.
        A subscription survives the loss of a connection: deliveries taken before are then `lost`.
        """
        ...

    async def consumers(self, group: str) -> int:
        """How many subscribers of `group` there are now, in all processes."""
        ...

    async def aclose(self) -> None:
        """Let go of everything; unsettled deliveries become somebody else's. Idempotent."""
        ...
