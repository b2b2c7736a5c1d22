"""The seam to the ledger: work that costs something is done once and its result kept.

Implementations stand in `bus/ledgers/`; `tests/contract/test_ledger.py` is the specification.

*Guarantees*: per key, the first value recorded stays, unless it is forgotten; every later `record`
returns that value, or then that it was forgotten. At most one unexpired claim exists per key, and
none once a value is recorded.

*Source*: Gray & Cheriton, "Leases" (1989); Kleppmann, "How to do distributed locking" (2016), for
fencing tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

FORGOTTEN: Final = b""
"""Stands where a value was forgotten; nobody records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on `key` until the lease ends; `token` grows with every claim of a key."""

    key: str
    owner: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """Somebody works on it; the lease ends in `seconds` unless it is renewed."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """It is done; `value` is the result, always the same bytes, or `FORGOTTEN`."""

    value: bytes

    @property
    def is_forgotten(self) -> bool:
        """Whether there was a result and must not be another one."""
        return self.value == FORGOTTEN


Entry: TypeAlias = Leased | Recorded


class Ledger(Protocol):
    """Who works on what, and what came of it."""

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        """A claim for `lease` seconds, or why there is none.

        `owner` must be unique per delivery attempt, not per process: a second delivery of the same
        message in one process is a second owner.
        """
        ...

    async def renew(self, claim: Claim, *, lease: float) -> bool:
        """Prolong the lease; False when the claim is gone and the work should stop."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give up a claim without a result. No effect when it is gone already."""
        ...

    async def record(self, key: str, value: bytes) -> bytes:
        """Keep `value` unless there is one already; returns the value that is kept.

        Recording ends every claim of the key. A worker whose lease ran out may still record: its
        work is paid for, and whoever comes second gets the first result.
        """
        ...

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        """What is known of `keys`; a key that is neither claimed nor recorded is left out."""
        ...

    async def forget(self, keys: Sequence[str]) -> None:
        """Have `keys` be done without their values, so that nobody does the work again.

        Claims of them end, and what is recorded later is not kept.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...
