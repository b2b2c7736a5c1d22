"""When a failed message is tried again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after how long.

    The wait before attempt n + 1 is `base_delay * 2 ** (n - 1)`, at most `max_delay`, of which the
    part `spread` is random: many messages that failed together do not come back together.
    All delays are seconds.
    """

    max_attempts: int = 5
    base_delay: float = 1.0
    max_delay: float = 120.0
    spread: float = 0.5

    def delay(self, attempt: int, jitter: float) -> float:
        """Seconds to wait after `attempt` (1-based) failed; `jitter` is drawn from [0, 1)."""
        longest = min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 32))
        return longest * (1.0 - self.spread * jitter)

    def is_exhausted(self, attempt: int) -> bool:
        """Whether no attempt may follow `attempt`."""
        return attempt >= self.max_attempts
