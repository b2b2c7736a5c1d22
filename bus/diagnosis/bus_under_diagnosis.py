"""The seam to a bus that is looked at: what to check about it, and who waits for whom there.

Implementations: `bus.diagnosis.bus_file` and `bus.diagnosis.broker`; `opened` chooses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bus.diagnosis.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """How many consume the queue of a group, and how many messages wait to be taken.

    `oldest` is for how many seconds the oldest of them has been waiting, if that can be told.
    """

    consumers: int
    waiting: int
    oldest: float | None = None


class BusUnderDiagnosis(Protocol):
    """One bus; it can be asked once the check named `bus` has passed."""

    def checks(self) -> Sequence[Check]:
        """The questions about the bus itself, the one whether it can be reached at all first."""
        ...

    async def queue(self, group: str) -> QueueState | None:
        """The queue of `group`; None if there is none."""
        ...

    async def parked(self) -> int:
        """How many messages are parked."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...


def opened(url: str) -> BusUnderDiagnosis:
    """The bus at `url`; nothing is asked yet.

    Raises:
        UsageError: `url` cannot be understood.
    """
    if url.startswith("sqlite:"):
        from bus.diagnosis.bus_file import BusFile

        return BusFile(url)
    from bus.diagnosis.broker import Broker

    return Broker(url)
