"""`SlowStart`: how many messages a consumer may hold, so that a crash loop takes few along.

A message that crashes its consumer raises the delivery count of every message the consumer held,
and innocent ones would be parked with it. So a consumer begins with one, doubles on each that it
settles, and goes back to one when it is given a message that somebody held before.

*Source*: RELIABILITY fact R9; the growth is that of TCP (RFC 5681, section 3.1).
"""


class SlowStart:
    """The present prefetch, from 1 to `limit`; full from the start unless `gradual`."""

    def __init__(self, limit: int, *, gradual: bool = True) -> None:
        self._limit = limit
        self._gradual = gradual
        self.prefetch = 1 if gradual else limit

    def settled(self) -> None:
        """A message was handled without a crash."""
        self.prefetch = min(2 * self.prefetch, self._limit)

    def suspected(self) -> None:
        """A message arrived that an earlier consumer did not settle."""
        if self._gradual:
            self.prefetch = 1
