"""Time limits for many short awaits, with one timer for all of them.

`asyncio.timeout` arms and disarms a timer for every await, which costs several times what a
breaker does besides. Here a timer is left to run out: it looks for what is over time, and is armed
again for the next limit that is still needed.

*Guarantees*: what is limited is cancelled once its time is over; cancellations by others stay
theirs, also when both come together.

*Source*: `asyncio.timeouts`, for telling our cancellation from others'.
"""

import asyncio
import math
from threading import get_ident

from agents.errors import AgentUsageError


class TimeLimit:
    """One limited await: of which task, until when, and whether it is over."""

    __slots__ = ("cancelling", "deadline", "is_over", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[object] | None = None
        self.deadline = 0.0
        self.cancelling = 0
        self.is_over = False


class TimeLimits:
    """The limits in force on the event loop on which it is made, for the tasks of that loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._limits: list[TimeLimit] = []
        self._free: list[TimeLimit] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def present_task(self) -> "asyncio.Task[object]":
        """The running task.

        Raises:
            AgentUsageError: it is on another event loop.
        """
        # In the loop's own thread no other loop runs while a task of it does; asking which loop
        # runs would be a system call.
        task = asyncio.current_task(self._loop) if get_ident() == self._thread else None
        if task is None:
            raise AgentUsageError(
                "A circuit breaker belongs to the tasks of one event loop: make one for each loop."
            )
        return task

    def begin(self, task: "asyncio.Task[object]", seconds: float) -> TimeLimit:
        """Cancel what `task`, the present one, awaits when `seconds` have passed without `end`."""
        if self._free:
            limit = self._free.pop()
            limit.is_over = False
        else:
            limit = TimeLimit()
            self._limits.append(limit)
        limit.task = task
        limit.cancelling = task.cancelling()
        limit.deadline = deadline = self._loop.time() + seconds
        if deadline < self._timer_at:
            self._arm(deadline)
        return limit

    def end(self, limit: TimeLimit) -> bool:
        """Lift `limit`; whether the task was cancelled by it and by nobody else.

        To be called once, when the await is over, however it ended; `limit` is then used again.
        """
        task, limit.task = limit.task, None
        self._free.append(limit)
        if not limit.is_over:
            return False
        assert task is not None
        return task.uncancel() <= limit.cancelling

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer, self._timer_at = None, math.inf
        now, next_at = self._loop.time(), math.inf
        for limit in self._limits:
            if limit.task is None or limit.is_over:
                continue
            if limit.deadline <= now:
                limit.is_over = True
                limit.task.cancel()
            else:
                next_at = min(next_at, limit.deadline)
        if next_at < math.inf:
            self._arm(next_at)
