"""Retention: what is older than it may be is forgotten, by one process at a time.

A conversation is as old as its first message. Of what was forgotten the ids, types and times stay,
so that the audit can be verified.

*Guarantees*: nothing younger is touched. However many processes run, one of them looks, once an
interval; if it dies, another one goes on in the next.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import structlog

from agents.caching.response_cache import ResponseCache
from agents.forgetting import Conversation, forget, pages
from bus import (
    AuditRecorded,
    Claim,
    Forgotten,
    HistoryQuery,
    HistoryRecord,
    Leased,
    MessageBus,
    NotPermittedError,
    StoreError,
    TransportError,
    UsageError,
    task_group,
)

INTERVAL: Final = 3600.0
"""Seconds between two looks."""

BATCH: Final = 50
"""Conversations that are forgotten at once; others write in between."""

_KEY: Final = "retention"

_log = structlog.get_logger(__name__)


async def prune(bus: MessageBus, *, before: datetime, cache: ResponseCache) -> Forgotten:
    """Forget the conversations that began before then.

    Traces of them may be left in unused parts of a file until somebody forgets thoroughly.

    Raises:
        UsageError: the history cannot forget.
        StoreError, TransportError: something is out of reach; doing it again goes on.
    """
    messages = kept = 0
    async for batch in _older(bus, before):
        forgotten = await forget(bus, batch, cache=cache, thoroughly=False)
        messages += forgotten.messages
        kept += forgotten.kept
    return Forgotten(messages=messages, kept=kept)


@asynccontextmanager
async def retained(
    bus: MessageBus, retention: timedelta | None, *, cache: ResponseCache
) -> AsyncIterator[None]:
    """Keep nothing for longer than `retention` while the context lasts; None keeps everything."""
    if retention is None:
        yield
        return
    async with task_group() as tasks:
        janitor = tasks.create_task(_sweep(bus, retention, cache), name="retention")
        try:
            yield
        finally:
            janitor.cancel()


async def _sweep(bus: MessageBus, retention: timedelta, cache: ResponseCache) -> None:
    """Look whenever nobody did for an interval."""
    while True:
        try:
            pause = await _turn(bus)
            if pause == 0.0:
                forgotten = await prune(bus, before=bus.clock.now() - retention, cache=cache)
                _log.info(
                    "agents.retention.swept", messages=forgotten.messages, kept=forgotten.kept
                )
                pause = INTERVAL
        except UsageError as error:
            _log.warning("agents.retention.impossible", error=str(error))
            return
        except (StoreError, TransportError, NotPermittedError) as error:
            _log.warning("agents.retention.put_off", error=str(error))
            pause = INTERVAL
        await asyncio.sleep(pause)


async def _turn(bus: MessageBus) -> float:
    """0.0 if it is ours to look now, else in how many seconds to ask again.

    The claim is never given up: it runs out when it is time to look again.
    """
    entry = await bus.ledger.claim(_KEY, owner=uuid4().hex, lease=INTERVAL)
    match entry:
        case Claim():
            return 0.0
        case Leased(seconds=seconds):
            return seconds
        case _:
            return INTERVAL


async def _older(bus: MessageBus, before: datetime) -> AsyncIterator[list[Conversation]]:
    """All that is not forgotten and began before then, some conversations at a time."""
    found: dict[str, list[HistoryRecord]] = {}
    async for record in pages(bus, HistoryQuery(until=before)):
        if record.erased or record.message_type == AuditRecorded.message_type:
            continue
        if len(found) == BATCH and record.conversation not in found:
            yield _conversations(found)
            found = {}
        found.setdefault(record.conversation, []).append(record)
    if found:
        yield _conversations(found)


def _conversations(found: dict[str, list[HistoryRecord]]) -> list[Conversation]:
    return [Conversation(name=name, records=records) for name, records in found.items()]
