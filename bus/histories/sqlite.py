"""`SqliteHistory`: the record of every message, as the log of the bus file.

*Guarantees*: those of `bus.history`. Nothing is read for long at a time, so that no reader makes
the file grow.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from bus.histories.erased import emptied
from bus.history import Forgotten, HistoryQuery, HistoryRecord, Position
from bus.sqlite import message_log
from bus.sqlite.database import Database
from bus.sqlite.message_log import Span, Stored
from bus.sqlite.wakeup import LOG

SPAN: Final = 10_000
"""Positions that are looked at in one read."""

PAGE: Final = 500
"""Records that are taken in one read."""


Reveal: TypeAlias = Callable[[Sequence[Stored], HistoryQuery], Awaitable[Sequence[HistoryRecord]]]
"""From what stands in the log, and was asked for, to what can be read of it."""


async def _as_stored(stored: Sequence[Stored], query: HistoryQuery) -> Sequence[HistoryRecord]:
    return [emptied(each.record) if each.record.erased else each.record for each in stored]


class SqliteHistory:
    """The log of `database`, which it does not close; `reveal` decrypts what is encrypted there."""

    def __init__(self, database: Database, *, reveal: Reveal = _as_stored) -> None:
        self._database = database
        self._reveal = reveal
        self._following: set[asyncio.Event] = set()
        self._is_closed = False

    async def query(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        end = await self._database.read(message_log.last_position)
        records = [record async for record in self._select(query, end)]
        return records[::-1] if query.latest else records

    async def follow(self, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
        """As `History.follow`, without regard to `limit`; `latest` begins with the last `limit`."""
        changed = asyncio.Event()
        self._following.add(changed)
        self._database.wakeup.listen(LOG, changed.set)
        try:
            seen = query.after
            if query.latest:
                seen = await self._database.read(message_log.last_position)
                for record in reversed([record async for record in self._select(query, seen)]):
                    yield record
            while not self._is_closed:
                changed.clear()
                end = await self._database.read(message_log.last_position)
                news = replace(query, after=seen, limit=end, latest=False)
                async for record in self._select(news, end):
                    yield record
                seen = end
                await changed.wait()
        finally:
            self._database.wakeup.forget(LOG, changed.set)
            self._following.discard(changed)

    async def forget(self, conversations: Sequence[str], *, thoroughly: bool = True) -> Forgotten:
        """As `History.forget`; done thoroughly, it writes the file anew."""
        messages = 0
        for conversation in conversations:
            work = partial(message_log.erase, conversation=conversation)
            messages += await self._database.write(work)
        if thoroughly:
            await self._database.compact()
        return Forgotten(messages=messages)

    async def aclose(self) -> None:
        self._is_closed = True
        for changed in self._following:
            changed.set()

    async def _select(self, query: HistoryQuery, end: Position) -> AsyncIterator[HistoryRecord]:
        """Up to `query.limit` records up to `end`, in the order in which they are looked for."""
        left = query.limit
        for first, last in _spans(query, end):
            span: Span | None = (first, last)
            while span is not None and left > 0:
                page = min(left, PAGE)
                work = partial(message_log.select, query=query, span=span, limit=page)
                stored = await self._database.read(work)
                for record in await self._reveal(stored, query):
                    yield record
                    left -= 1
                span = None
                if len(stored) == page:
                    reached = stored[-1].record.position
                    span = (first, reached - 1) if query.latest else (reached, last)


def _spans(query: HistoryQuery, end: Position) -> Iterator[Span]:
    """The log in pieces, from the side where `query` begins."""
    size = SPAN if query.request is None else max(end, 1)
    starts = range(query.after, end, size)
    for start in reversed(starts) if query.latest else starts:
        yield start, min(start + size, end)
