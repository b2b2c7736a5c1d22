"""Doing again what fails because the bus is out of reach for a moment."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from bus import Clock, StoreError, TransportError

R = TypeVar("R")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0

_log = structlog.get_logger(__name__)


async def persistently(act: Callable[[], Awaitable[R]], *, clock: Clock, seconds: float) -> R:
    """The result of `act`, tried again for `seconds` while it fails in a way that may pass.

    Raises:
        StoreError, TransportError: the last one, or one that will not pass.
        Whatever else `act` raises.
    """
    until = clock.monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        try:
            return await act()
        except (StoreError, TransportError) as error:
            if not error.retryable or clock.monotonic() + pause >= until:
                raise
            _log.info("agents.caching.outage.waited", error=str(error), seconds=round(pause, 3))
        await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311  (spreads retries)
        pause = min(LONGEST_PAUSE, 2 * pause)
