"""The seam to the parked messages: what could not be handled, kept until a person decides.

Implementations stand in `bus/dead_letters/`; `tests/contract/test_dead_letter.py` is the
specification.

*Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Dead Letter Channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bus.domain.envelope import Envelope, Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One parked message with its context.

    `id` names the parked copy, not the message: a message that was parked twice has two.
    `envelope` is as it was received, without its token. `group` is the queue it was taken from,
    empty if the broker parked it before anybody took it. Times are RFC 3339 in UTC.
    """

    id: str
    envelope: Envelope
    group: str
    reason: str
    error: str
    attempts: int
    host: str
    published_at: str
    parked_at: str


class DeadLetters(Protocol):
    """The parked messages."""

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """0..limit dead letters, oldest first; looking does not change them."""
        ...

    async def get(self, id: str) -> DeadLetter | None:
        """The dead letter of that id, or of the one id that begins with it."""
        ...

    async def redrive(
        self, id: str, *, body: bytes | None = None, headers: Headers | None = None
    ) -> bool:
        """Give it back to the group it was taken from, as attempt 1; False when it is not there.

        `body` replaces the event, `headers` carry the authority of whoever redrives it. The copy is
        accepted before the dead letter is gone.

        Raises:
            UnroutableError: its group is gone.
        """
        ...

    async def discard(self, id: str) -> bool:
        """Forget it for good; False when it is not there."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...
