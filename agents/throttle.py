"""The seam to pauses: an endpoint that said "too many requests" is left alone by every worker.

Implementations stand in `agents/throttles/`; `tests/contract/test_throttle.py` is the
specification.

*Guarantees*: a pause never becomes shorter, and never longer than `LONGEST_PAUSE` from now.
Nothing is raised: a throttle that cannot reach the others knows what this process was told.

*Source*: RFC 9110, section 10.2.3, Retry-After; RFC 6585, section 4, status 429.
"""

from typing import Final, Protocol

LONGEST_PAUSE: Final = 3600.0
"""Seconds; what asks for more is believed so far and asked again."""


class Throttle(Protocol):
    """When calls of an endpoint may go out; an endpoint is any name that its callers agree on."""

    async def pause_left(self, endpoint: str) -> float:
        """Seconds until calls of `endpoint` may go out, 0.0 if now."""
        ...

    async def pause(self, endpoint: str, seconds: float) -> None:
        """Hold calls of `endpoint` back for `seconds` at least; no effect unless positive."""
        ...
