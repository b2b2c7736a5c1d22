"""`SlowStart`: how many messages a consumer may hold, so that a crash loop takes few along.

A message that crashes its consumer raises the delivery count of every message the consumer held,
and innocent ones would be parked with it. So a consumer begins with one, doubles on each that it
settles, and handles alone what somebody held before without settling it.

To hold fewer messages the consumer has to be replaced on the broker, which may itself return some
that were on their way; so the broker is asked for fewer only when a message came back twice.

*Source*: RELIABILITY fact R9; the growth is that of TCP (RFC 5681, section 3.1).
"""

from typing import Final

_SURELY_CRASHED: Final = 2


class SlowStart:
    """`window` is how many messages may be in hand, `prefetch` how many the broker may send.

    Both go from 1 to `limit`; they are there from the start unless `gradual`.
    """

    def __init__(self, limit: int, *, gradual: bool = True) -> None:
        self._limit = limit
        self._gradual = gradual
        self.window = 1 if gradual else limit
        self.prefetch = self.window

    def admits(self, *, held: int, redeliveries: int) -> bool:
        """Whether a message that came back so often may be taken beside `held` others."""
        if self._gradual and redeliveries:
            return held == 0
        return held < self.window

    def taken(self, *, redeliveries: int) -> None:
        """A message is in hand now."""
        if self._gradual and redeliveries:
            self.window = 1
            if redeliveries >= _SURELY_CRASHED:
                self.prefetch = 1

    def settled(self) -> None:
        """A message was handled without a crash."""
        self.window = min(2 * self.window, self._limit)
        self.prefetch = max(self.prefetch, self.window)
