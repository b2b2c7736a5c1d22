"""The seam to the record of every message: what was said, in order.

Implementations stand in `bus/histories/`.

*Guarantees*: every confirmed message that is not transient is in the history, once per id, in an
order in which each sender's messages keep theirs. Tokens are never in it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from bus.domain.message import request_key

Position = NewType("Position", int)
"""Where a record stands; grows with every record and is never reused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecord:
    """One recorded message: its event as bytes, and what can be asked of it without decoding.

    `correlation_id` names the conversation; a message that begins one without naming it has its own
    request key there. Of a record that is `erased` only that is left: its body is an event without
    data, with the extension attribute `erased`.
    """

    position: Position
    id: str
    message_type: str
    topic: str
    source: str
    time: str
    correlation_id: str | None
    causation_id: str | None
    body: bytes
    erased: bool = False

    @property
    def conversation(self) -> str:
        """What it is part of; a message that names no conversation began one."""
        return self.correlation_id or request_key(self.source, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What came of an order to forget.

    `messages` had content and have none any more; `kept` could not be erased, since they were
    recorded in the clear where nothing can be taken out.
    """

    messages: int
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """Which records; every condition given must hold.

    `request` is a request key or the start of one, of at least 4 characters. `message_type` may be
    a whole wire name or a part of it. `role` selects what that role was told or said. `since` and
    `until` bound the message's own time, `since` included. `text` occurs in the event, case-blind.
    """

    request: str | None = None
    role: str | None = None
    message_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    after: Position = Position(0)
    limit: int = 1000
    latest: bool = False
    """Take the last `limit` matching records instead of the first; the order stays ascending."""


class History(Protocol):
    """Answers what was recorded."""

    async def query(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        """0..limit records, oldest first.

        Includes every message whose publish was confirmed before the call.

        Raises:
            StoreError: the history's file cannot be used.
            TransportError: the history cannot be reached, or no recorder is running.
        """
        ...

    def follow(self, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
        """Records as they are made, beginning after `query.after`; ends when the caller stops."""
        ...

    async def forget(self, conversations: Sequence[str], *, thoroughly: bool = True) -> Forgotten:
        """Erase what was said in `conversations`, except for records of the audit.

        Nobody can read it from the history again, by whatever means, once this has returned. Unless
        it is done `thoroughly`, traces may be left in unused parts of files, and it takes much less
        time. Interrupted, it is done again as a whole.

        Raises:
            UsageError: this history cannot forget; the message says what it needs.
            StoreError, TransportError: as for `query`.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...
