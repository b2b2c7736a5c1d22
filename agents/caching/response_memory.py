"""`ResponseMemory`: the answers that one process keeps for itself, least recently used out first.

*Guarantees*: never more entries or bytes than allowed; nothing past its time is given; an answer
whose tag was dropped while it was on its way here is not kept.

*Not here*: whether an entry may be stale because nobody heard of an invalidation; the one who asks
knows what it heard, see `agents.caching.response_cache`.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_OVERHEAD: Final = 400
"""Bytes that an entry costs beside its key and value, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An answer as JSON; instants are seconds of the monotonic clock."""

    value: bytes
    made_at: float
    kept_at: float
    expires_at: float
    tags: frozenset[str]


class Filling:
    """An answer on its way here: notes what is dropped meanwhile."""

    def __init__(self) -> None:
        self._dropped: set[str] = set()
        self._is_all_dropped = False

    def drop(self, tags: Collection[str] | None) -> None:
        """Note that `tags`, or None for all, were dropped."""
        if tags is None:
            self._is_all_dropped = True
        else:
            self._dropped.update(tags)

    def is_outdated(self, tags: frozenset[str]) -> bool:
        """Whether an answer with `tags` may be older than what dropped them."""
        return bool(tags) and (self._is_all_dropped or not self._dropped.isdisjoint(tags))


class ResponseMemory:
    """Up to `max_entries` answers, together up to `max_bytes`."""

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Remembered] = OrderedDict()
        self._keys_of: dict[str, set[str]] = {}
        self._fillings: set[Filling] = set()
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now: float) -> Remembered | None:
        """The entry of `key`, which is the most recently used one then."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.expires_at:
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry

    @contextmanager
    def filling(self) -> Iterator[Filling]:
        """To be begun before an answer is looked for or made, and ended once it was put here."""
        filling = Filling()
        self._fillings.add(filling)
        try:
            yield filling
        finally:
            self._fillings.discard(filling)

    def put(self, key: str, entry: Remembered, filling: Filling) -> None:
        """Keep `entry` unless it is outdated already, and let others go where room is short."""
        if filling.is_outdated(entry.tags) or _size(key, entry) > self._max_bytes:
            return
        self._forget(key)
        self._entries[key] = entry
        self.bytes += _size(key, entry)
        for tag in entry.tags:
            self._keys_of.setdefault(tag, set()).add(key)
        while len(self._entries) > self._max_entries or self.bytes > self._max_bytes:
            self._forget(next(iter(self._entries)))
            self.evictions += 1

    def drop(self, tags: Collection[str] | None) -> None:
        """Forget every entry that has one of `tags`; None: every entry that has any."""
        for filling in self._fillings:
            filling.drop(tags)
        for tag in tuple(self._keys_of) if tags is None else tags:
            for key in tuple(self._keys_of.get(tag, ())):
                self._forget(key)

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.bytes -= _size(key, entry)
        for tag in entry.tags:
            keys = self._keys_of[tag]
            keys.discard(key)
            if not keys:
                del self._keys_of[tag]


def _size(key: str, entry: Remembered) -> int:
    return len(key) + len(entry.value) + _OVERHEAD
