"""`SlowStart`: how many messages a consumer may hold, so that a crash loop takes few along.

A message that crashes its consumer raises the delivery count of every message the consumer held,
and innocent ones would be parked with it. So a consumer begins with one message in hand, and
doubles that with each one that it settles or outlives. One that came back unsettled brings it down
to one again: it may be what kills its consumers.

A broker that sends ahead is asked for one message at first and for all of them once one was
outlived, not for each number in between: it can be told another number only by another consumer,
and what is on its way to the old one then comes back out of turn. A message that came back twice
makes it one again.

*Source*: RFC 5681, section 3.1 (TCP slow start).
"""

from typing import Final

SURVIVAL: Final = 1.0
"""Seconds after which a message that is still being handled is not what kills its consumer."""

_SURELY_CRASHED: Final = 2


class SlowStart:
    """`window` is how many messages may be in hand, `prefetch` how many may be sent ahead.

    Both are `limit` from the start unless `gradual`.
    """

    def __init__(self, limit: int, *, gradual: bool = True) -> None:
        self._limit = limit
        self._gradual = gradual
        self.window = 1 if gradual else limit
        self.prefetch = self.window

    @property
    def is_full(self) -> bool:
        """Whether nothing holds it back any more."""
        return self.window == self._limit

    def taken(self, *, redeliveries: int) -> None:
        """A message is in hand that came back so often."""
        if self._gradual and redeliveries:
            self.window = 1
            if redeliveries >= _SURELY_CRASHED:
                self.prefetch = 1

    def outlived(self) -> None:
        """A message was handled, or is being handled for long, without a crash."""
        self.window = min(2 * self.window, self._limit)
        self.prefetch = self._limit
