"""The sliding window of a circuit breaker: how the last calls ended.

*Guarantees*: adding a call and asking for the counts take the same time however large the window is
(a call is added once and dropped once).
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class CallWindow:
    """The last `size` calls, those that ended more than `seconds` ago left out.

    `now` is seconds of a monotonic clock throughout.
    """

    size: int
    seconds: float
    failures: int = 0
    slow: int = 0
    _calls: deque[tuple[float, bool, bool]] = field(init=False)

    def __post_init__(self) -> None:
        self._calls = deque(maxlen=self.size)

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count a call that ended `now`."""
        calls = self._calls
        if (self.failures or self.slow) and len(calls) == self.size:
            self._drop()
        calls.append((now, failed, slow))
        if failed:
            self.failures += 1
        if slow:
            self.slow += 1
        if calls[0][0] < now - self.seconds:
            self.slide(now)

    def slide(self, now: float) -> None:
        """Leave out what has become too old."""
        oldest = now - self.seconds
        while self._calls and self._calls[0][0] < oldest:
            self._drop()

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()
        self.failures = self.slow = 0

    def _drop(self) -> None:
        _, failed, slow = self._calls.popleft()
        if failed:
            self.failures -= 1
        if slow:
            self.slow -= 1
