"""`SqliteLedger`: claims and results in the bus file.

*Guarantees*: those of `bus.ledger`. A recorded value survives a power loss; a claim may not, but
then neither does the work it stood for. Leases are kept by the monotonic clock of the machine, see
`bus.sqlite.boot`: setting the wall clock neither ends nor prolongs one.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from bus.clock import Clock
from bus.ledger import Claim, Entry
from bus.sqlite import claims
from bus.sqlite.database import Database


class SqliteLedger:
    """The ledger table of `database`, which it does not close."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        now = self._now()
        work = partial(claims.claim, key=key, owner=owner, until=now + lease, now=now)
        return await self._database.write(work, durable=False)

    async def renew(self, claim: Claim, *, lease: float) -> bool:
        now = self._now()
        work = partial(claims.renew, claimed=claim, until=now + lease, now=now)
        return await self._database.write(work, durable=False)

    async def release(self, claim: Claim) -> None:
        await self._database.write(partial(claims.release, claimed=claim), durable=False)

    async def record(self, key: str, value: bytes) -> bytes:
        return await self._database.write(partial(claims.record, key=key, value=value))

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        return await self._database.read(partial(claims.look_up, keys=keys, now=self._now()))

    async def forget(self, keys: Sequence[str]) -> None:
        await self._database.write(partial(claims.forget, keys=keys))

    async def aclose(self) -> None:
        """Nothing to let go of: the database belongs to whoever opened it."""

    def _now(self) -> float:
        return self._clock.monotonic()
