"""`Outage`: remembers that something is out of reach, so that not every call waits to find out.

*Not here*: breakers of tools and models, which weigh rates and tell the others; that is
`agents.calling.circuit_breaker`.
"""

from typing import Final

from bus import Clock

FIRST_PAUSE: Final = 0.1
"""Seconds without a try after the first failure; doubled by each further one."""
LONGEST_PAUSE: Final = 5.0
"""The longest pause; also the seconds without a failure after which an outage is over."""


class Outage:
    """Whether it is worth trying, of one callee."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pause = 0.0
        self._failed_at = 0.0
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        """Whether the callee should be left alone for now."""
        return self._pause > 0 and self._clock.monotonic() < self._until

    def failed(self) -> bool:
        """Leave it alone for a while; True if this is how the outage began."""
        now = self._clock.monotonic()
        is_news = self._pause == 0
        if now >= self._until:  # calls that failed together are one failure
            self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
            self._until = now + self._pause
        self._failed_at = now
        return is_news

    def succeeded(self) -> bool:
        """It answered; True if this is how the outage ended."""
        if self._pause == 0 or self._clock.monotonic() - self._failed_at < LONGEST_PAUSE:
            return False
        self._pause = 0.0
        return True
