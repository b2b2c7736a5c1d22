"""`RedisThrottle`: pauses that hold for every process which uses the same Redis.

*Guarantees*: those of `agents.throttle`; time runs by the server's clock. A Redis that is lost or
slow costs `budget` seconds now and then; a pause that it was not told of is told once it is back.
"""

import asyncio
from hashlib import sha256
from typing import Final, Self

import structlog
from redis import exceptions

from agents.caching.outage import Outage
from agents.caching.redis_client import impatient_client
from agents.throttles.local import LocalThrottle
from bus import Clock
from bus.logs.redaction import without_password

BUDGET: Final = 0.05
"""Seconds that one call may take."""

_PAUSE: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return redis.call('PTTL', KEYS[1])
"""

_log = structlog.get_logger(__name__)


class RedisThrottle:
    """Pauses in the Redis at `url`, `redis://` or `rediss://`, which may be away for now.

    Raises:
        AgentUsageError: `url` is no Redis URL.
    """

    def __init__(self, url: str, *, clock: Clock, budget: float = BUDGET) -> None:
        self._name = without_password(url)
        self._client = impatient_client(url, timeout=budget)
        self._budget = budget
        self._known = LocalThrottle(clock=clock)
        self._untold: set[str] = set()
        self._outage = Outage(clock)
        self._pause = self._client.register_script(_PAUSE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def pause_left(self, endpoint: str) -> float:
        await self._learn(endpoint)
        return self._known.left(endpoint)

    async def pause(self, endpoint: str, seconds: float) -> None:
        if not seconds > 0:
            return
        self._known.hold(endpoint, seconds)
        self._untold.add(endpoint)
        await self._learn(endpoint)

    async def aclose(self) -> None:
        """Let go of the connections. Idempotent."""
        await self._client.aclose()

    async def _learn(self, endpoint: str) -> None:
        """Tell Redis what it does not know of `endpoint`, and be told."""
        if self._outage.is_on:
            return
        key = f"convener:pause:{sha256(endpoint.encode()).hexdigest()}"
        untold = self._known.left(endpoint) if endpoint in self._untold else 0.0
        if not untold:
            self._untold.discard(endpoint)
        try:
            async with asyncio.timeout(self._budget):
                if untold > 0:
                    left = await self._pause(keys=[key], args=[round(untold * 1000) or 1])
                else:
                    left = await self._client.pttl(key)
        except (exceptions.RedisError, OSError) as error:  # of which TimeoutError is one
            if self._outage.failed():
                _log.warning("agents.throttle.redis_lost", redis=self._name, error=str(error))
            return
        if self._outage.succeeded():
            _log.info("agents.throttle.redis_found", redis=self._name)
        if self._known.left(endpoint) <= untold:
            self._untold.discard(endpoint)  # unless it was held for longer meanwhile
        self._known.hold(endpoint, left / 1000)
