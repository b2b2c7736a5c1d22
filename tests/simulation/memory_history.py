"""`MemoryHistory` and `MemoryDeadLetters`: the broker's log and parked messages, to be asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bus.dead_letter import DeadLetter
from bus.domain import codec
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope, Headers
from bus.errors import BusError, ConnectionLostError
from bus.history import HistoryQuery, HistoryRecord, Position
from tests.simulation.broker import Broker
from tests.simulation.process import Wire


def record_of(envelope: Envelope, position: int) -> HistoryRecord:
    """The record of a message of ours at its position in the log."""
    event = codec.parse(envelope.body)
    return HistoryRecord(
        position=Position(position),
        id=event.id,
        message_type=event.type,
        topic=envelope.topic,
        source=event.source,
        time=format_instant(event.time) if event.time else "",
        correlation_id=event.conversation,
        causation_id=event.causation_id,
        body=envelope.body,
    )


def _unreachable() -> BusError:
    return ConnectionLostError("The history does not answer.")


class MemoryHistory:
    """Implements `History`, but for queries by time and role, which nothing here asks."""

    def __init__(self, broker: Broker, wire: Wire) -> None:
        self._broker = broker
        self._wire = wire

    async def query(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        return await self._wire.call(
            "ask history", query.request or "", lambda: self._select(query), lost=_unreachable
        )

    async def follow(self, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
        after = query.after
        while True:
            for record in await self.query(replace(query, after=after)):
                after = record.position
                yield record
            await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        """Nothing to let go of: the log is the broker's."""

    def _select(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        found = [
            (position, envelope)
            for position, envelope in enumerate(self._broker.log, start=1)
            if position > query.after
            and (query.request or "") in (envelope.correlation_id or "")
            and (query.message_type or "") in envelope.message_type
        ]
        chosen = found[-query.limit :] if query.latest else found[: query.limit]
        return [record_of(envelope, position) for position, envelope in chosen]


class MemoryDeadLetters:
    """Implements `DeadLetters`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        return self._broker.parked[:limit]

    async def get(self, id: str) -> DeadLetter | None:
        return next((letter for letter in self._broker.parked if letter.id == id), None)

    async def redrive(
        self, id: str, *, body: bytes | None = None, headers: Headers | None = None
    ) -> bool:
        letter = await self.get(id)
        if letter is None:
            return False
        envelope = replace(
            letter.envelope, body=body or letter.envelope.body, headers=headers or {}
        )
        self._broker.give_to(letter.group, envelope)
        return await self.discard(id)

    async def discard(self, id: str) -> bool:
        kept = [letter for letter in self._broker.parked if letter.id != id]
        is_there = len(kept) < len(self._broker.parked)
        self._broker.parked[:] = kept
        return is_there

    async def aclose(self) -> None:
        """Nothing to let go of: the dead letters are the broker's."""
