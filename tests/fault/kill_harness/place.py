"""The seam to where a run takes place: a bus with whatever servers it needs, to be struck."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bus import Event
from tests.fault.kill_harness.evidence import Blow


class Place(Protocol):
    """One bus of the run's own."""

    name: str
    """The key of its schedule."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What its workers and its client are told by."""
        ...

    async def strike(self, blow: Blow) -> None:
        """Carry out a blow against a server; returns once it serves again."""
        ...

    async def left(self) -> Mapping[str, int]:
        """How many messages wait in each shared queue; what somebody holds may not count."""
        ...

    async def events(self) -> Sequence[Event]:
        """Everything confirmed, copies of the same message included where they are kept."""
        ...
