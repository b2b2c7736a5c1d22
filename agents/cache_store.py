"""The seam to what many processes keep answers in: entries, locks, and what tags were invalidated.

Implementations stand in `agents/caches/`; `tests/contract/test_cache_store.py` is the
specification.

*Guarantees*: an entry is given back only as it was put: to its own key, unaltered, within its
time, and only while none of its tags was invalidated since its stamp was taken. At most one
unexpired lock exists per key. A store that is lost or emptied costs work done again, never a wrong
answer: versions of tags are random, so none comes back.

*Not here*: whether it is worth asking at all, and what a process keeps in its own memory; that is
`agents.caching.response_cache`.

*Source*: Nishtala et al., "Scaling Memcache at Facebook" (2013), for leases that keep a stale
value from being set; Gray & Cheriton, "Leases" (1989).
"""

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agents.errors import AgentError

Stamp: TypeAlias = Mapping[str, str]
"""The version that each tag had when the work on an entry began."""


class CacheUnavailableError(AgentError):
    """The store of the cache cannot be used now; whoever meets this works without it."""

    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry; `age` and `left` are seconds since it was put and until it is dropped."""

    value: bytes
    age: float
    left: float
    tags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The right to work on `key` until the lease ends; `token` grows with every lock of a key."""

    key: str
    holder: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Somebody else works on it; the lease ends in `seconds` unless it is renewed."""

    seconds: float


class CacheStore(Protocol):
    """What processes share. Every method may raise CacheUnavailableError, soon rather than late."""

    async def get(self, key: str) -> Stored | None:
        """The entry of `key`; one that was altered or planted is none, with a warning."""
        ...

    async def stamp(self, tags: Collection[str]) -> Stamp:
        """The versions of `tags` now, to be taken before the work on an entry begins."""
        ...

    async def put(
        self, key: str, value: bytes, *, ttl: float, stamp: Stamp, lock: Lock | None = None
    ) -> bool:
        """Keep `value` for `ttl` seconds; False if it was not kept.

        It is not when a tag of `stamp` was invalidated since, or somebody locked `key` after
        `lock` was given: the value may be older than what they found.
        """
        ...

    async def lock(self, key: str, *, lease: float) -> Lock | Locked:
        """The lock of `key` for `lease` seconds, or how long it is somebody else's at least."""
        ...

    async def renew(self, lock: Lock, *, lease: float) -> bool:
        """Prolong the lease; False when the lock is lost."""
        ...

    async def unlock(self, lock: Lock) -> None:
        """Give up the lock. No effect when it is lost already."""
        ...

    async def invalidate(self, tags: Collection[str]) -> None:
        """Have every entry with one of `tags` be no entry any more, in every process."""
        ...

    def invalidations(self) -> AsyncGenerator[frozenset[str], None]:
        """The tags that others invalidate through this store, as they do, without end.

        Yields at once when it begins to hear, and then at least every 0.5 s as a sign of life; no
        tags at all unless there is news. What was invalidated before is not told. Raises
        CacheUnavailableError when something may have been missed.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...
