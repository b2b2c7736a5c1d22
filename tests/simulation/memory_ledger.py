"""`MemoryLedger`: the ledger that outlives processes; `FaultyLedger`: one process's way to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bus.clock import Clock
from bus.errors import BusError, ConnectionLostError, StoreLockedError
from bus.ledger import FORGOTTEN, Claim, Entry, Leased, Recorded
from tests.simulation.chance import Chance
from tests.simulation.journal import Journal
from tests.simulation.process import Process, Wire
from tests.simulation.trace import Trace


@dataclass(slots=True)
class _Row:
    owner: str | None = None
    token: int = 0
    until: float = 0.0
    value: bytes | None = None


class MemoryLedger:
    """Keeps the promises of `bus.ledger`, each act one step."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}

    def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        now = self._clock.monotonic()
        row = self._rows.setdefault(key, _Row())
        if row.value is not None:
            return Recorded(value=row.value)
        if row.owner is not None and row.until > now:
            return Leased(seconds=row.until - now)
        row.owner, row.token, row.until = owner, row.token + 1, now + lease
        return Claim(key=key, owner=owner, token=row.token)

    def renew(self, claim: Claim, *, lease: float) -> bool:
        if not self._holds(claim):
            return False
        self._rows[claim.key].until = self._clock.monotonic() + lease
        return True

    def release(self, claim: Claim) -> None:
        if self._holds(claim):
            self._rows[claim.key].owner = None

    def record(self, key: str, value: bytes) -> bytes:
        row = self._rows.setdefault(key, _Row())
        if row.value is None:
            row.value, row.owner = value, None
        return row.value

    def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        now = self._clock.monotonic()
        found: dict[str, Entry] = {}
        for key in keys:
            row = self._rows.get(key, _Row())
            if row.value is not None:
                found[key] = Recorded(value=row.value)
            elif row.owner is not None and row.until > now:
                found[key] = Leased(seconds=row.until - now)
        return found

    def forget(self, keys: Sequence[str]) -> None:
        for key in keys:
            row = self._rows.setdefault(key, _Row())
            row.value, row.owner = FORGOTTEN, None

    def _holds(self, claim: Claim) -> bool:
        row = self._rows[claim.key]
        return (
            row.value is None
            and (row.owner, row.token) == (claim.owner, claim.token)
            and row.until > self._clock.monotonic()
        )


class FaultyLedger:
    """Implements `Ledger` over a wire that fails."""

    def __init__(
        self,
        process: Process,
        ledger: MemoryLedger,
        *,
        chance: Chance,
        trace: Trace,
        journal: Journal,
    ) -> None:
        self._ledger = ledger
        self._chance = chance
        self._journal = journal
        self._wire = Wire(process, chance=chance, trace=trace)

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        return await self._wire.call(
            "claim",
            key,
            lambda: self._ledger.claim(key, owner=owner, lease=lease),
            lost=self._failure,
        )

    async def renew(self, claim: Claim, *, lease: float) -> bool:
        return await self._wire.call(
            "renew", claim.key, lambda: self._ledger.renew(claim, lease=lease), lost=self._failure
        )

    async def release(self, claim: Claim) -> None:
        await self._wire.call(
            "give up claim", claim.key, lambda: self._ledger.release(claim), lost=self._failure
        )

    async def record(self, key: str, value: bytes) -> bytes:
        life = self._wire.process.name

        def act() -> bytes:
            kept = self._ledger.record(key, value)
            self._journal.note_record(life, key)
            return kept

        try:
            kept = await self._wire.call("record", key, act, lost=self._failure)
        except BusError:
            self._journal.note_refusal(life, key)
            raise
        self._journal.note_told(life, key)
        return kept

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        return await self._wire.call(
            "look up",
            f"{len(keys)} keys",
            lambda: self._ledger.look_up(keys),
            lost=self._failure,
        )

    async def forget(self, keys: Sequence[str]) -> None:
        await self._wire.call(
            "forget",
            f"{len(keys)} keys",
            lambda: self._ledger.forget(keys),
            lost=self._failure,
        )

    async def aclose(self) -> None:
        """Nothing to let go of: the ledger is the world's."""

    def _failure(self) -> BusError:
        if self._chance.is_so(0.5):
            return StoreLockedError("Another process holds the ledger.")
        return ConnectionLostError("The ledger does not answer.")
