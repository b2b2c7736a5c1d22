"""`LocalThrottle`: pauses that hold within one process."""

from agents.throttle import LONGEST_PAUSE
from bus import Clock


class LocalThrottle:
    """Pauses in memory, by the monotonic clock."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}

    async def pause_left(self, endpoint: str) -> float:
        return self.left(endpoint)

    async def pause(self, endpoint: str, seconds: float) -> None:
        self.hold(endpoint, seconds)

    def left(self, endpoint: str) -> float:
        """`pause_left` for whoever cannot wait."""
        end = self._ends.get(endpoint)
        if end is None:
            return 0.0
        left = end - self._clock.monotonic()
        if left > 0:
            return left
        del self._ends[endpoint]
        return 0.0

    def hold(self, endpoint: str, seconds: float) -> None:
        """`pause` for whoever cannot wait."""
        if not seconds > self.left(endpoint):  # nor does NaN hold anything
            return
        now = self._clock.monotonic()
        self._ends = {name: end for name, end in self._ends.items() if end > now}
        self._ends[endpoint] = now + min(seconds, LONGEST_PAUSE)
