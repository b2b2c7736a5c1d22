"""`Audit`: takes the decisions of one process, and records them on the bus before they take effect.

*Guarantees*: once `flush` has returned, every decision noted before the call is in the history; who
flushes at the same time shares a record. A record whose publish was in doubt is published again as
it was, so a chain never forks. Nothing that is transient and no record of an audit is audited.

*Not here*: what a record is (`bus.domain.audit`), and checking them (`bus.auditing.trail`).

*Source*: group commit: DeWitt et al., "Implementation Techniques for Main Memory Database Systems"
(1984).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any, Final, TypeAlias

import structlog

from bus.auditing.head_file import HeadFile
from bus.authority import Authority
from bus.clock import Clock
from bus.domain.audit import (
    MAX_DECISIONS,
    AuditRecorded,
    Chain,
    Decision,
    Head,
    fitting,
    record_message,
    writer_name,
)
from bus.domain.authority import Principal, body_digest
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope
from bus.domain.message import AgentMessage
from bus.errors import NotPermittedError, StoreError, TransportClosedError, TransportError

MAX_WAITING: Final = 1000
"""Decisions that may wait before whoever notes more has to see them recorded."""

HEAD_INTERVAL: Final = 30.0
"""Seconds after which a chain that has grown gets a head; how long a decision waits at most."""

HEAD_RECORDS: Final = 100
"""Records after which a chain gets a head at once."""

CLOSING_TIME: Final = 5.0
"""Seconds that recording what is left may take when a process ends."""

_TEXT_LIMIT: Final = 300

Publish: TypeAlias = Callable[[AgentMessage[AuditRecorded]], Awaitable[None]]

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0

_log = structlog.get_logger(__name__)


class Audit:
    """The chain of one process, which `writer` names, with its heads in the file `heads`."""

    def __init__(
        self,
        writer: str,
        publish: Publish,
        *,
        authority: Authority,
        clock: Clock,
        heads: HeadFile | None = None,
    ) -> None:
        self.heads = heads
        self.authority = authority
        self._publish = publish
        self._clock = clock
        self._name = writer_name(writer)
        self._chain = Chain(writer=writer)
        self._waiting: deque[Decision] = deque()
        self._noted = 0
        self._recorded = 0
        self._under_way: tuple[Chain, AuditRecorded] | None = None
        self._writing = asyncio.Lock()
        self._headed = 0
        self._headed_at = clock.monotonic()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that it has to be flushed before more is noted."""
        return len(self._waiting) >= MAX_WAITING

    def note(
        self,
        action: str,
        message: AgentMessage[Any] | None = None,
        envelope: Envelope | None = None,
        *,
        principal: Principal | None = None,
        denial: object = None,
        request: str = "",
    ) -> None:
        """Take a decision to be recorded: `action` is allowed, or denied for the reason `denial`.

        It is about `message`, which came in `envelope`; one of the two is enough. What is allowed
        to no `principal` is what this process itself decides to do.
        """
        if envelope is not None and envelope.is_transient:
            return
        about = message or envelope
        message_type = about.message_type if about else ""
        if message_type == AuditRecorded.message_type:
            return
        subject = principal.subject if principal else "" if denial else self._name
        self._waiting.append(
            Decision(
                at=self._now(),
                action=_text(action),
                verdict="allowed" if denial is None else "denied",
                subject=_text(subject),
                actors=tuple(map(_text, principal.actors)) if principal else (),
                message_id=_text(about.id) if about else "",
                message_type=_text(message_type),
                message_digest=body_digest(envelope.body) if envelope else "",
                request=_text(request or (message.conversation if message else "")),
                reason="" if denial is None else _text(str(denial)),
            )
        )
        self._noted += 1

    async def flush(self) -> None:
        """Return when all that was noted before the call is recorded.

        Cancelled, it leaves what is not recorded for the next call.

        Raises:
            TransportError, StoreError: the bus cannot be reached, or has no room.
            NotPermittedError: this process may not send records of the audit.
        """
        until = self._noted
        while self._recorded < until:
            async with self._writing:
                if self._recorded < until:
                    await self._record()

    async def insist(self, lost: "asyncio.Future[None]", stopping: asyncio.Event) -> None:
        """Flush, again and again while the bus is out of reach; what is not settled stays taken.

        It is given up once the delivery is `lost` or the process is `stopping`, since then somebody
        else gets the message. Raises as `flush` does.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.flush()
            except TransportClosedError:
                raise
            except (TransportError, StoreError) as error:
                if lost.done() or stopping.is_set():
                    raise
                _log.warning("bus.audit.unrecorded", waiting=len(self._waiting), error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def run(self) -> None:
        """Until cancelled: record what waits, and keep a head of it, from time to time."""
        while True:
            await asyncio.sleep(HEAD_INTERVAL)
            try:
                await self.flush()
                await self._keep_head()
            except TransportClosedError:
                return
            except (TransportError, StoreError, NotPermittedError) as error:
                _log.warning("bus.audit.unrecorded", waiting=len(self._waiting), error=str(error))

    async def aclose(self) -> None:
        """Record what waits, and keep a head of it. Idempotent; more may be noted after it."""
        try:
            async with asyncio.timeout(CLOSING_TIME):
                await self.flush()
                await self._keep_head()
        except (TransportError, StoreError, NotPermittedError, TimeoutError) as error:
            _log.warning("bus.audit.unrecorded", waiting=len(self._waiting), error=str(error))

    async def _record(self) -> None:
        """Record the next decisions, or the record that is in doubt."""
        if self._under_way is None:
            first = list(islice(self._waiting, MAX_DECISIONS))
            chain, record = self._chain.append(first[: fitting(first)], at=self._now())
            self._under_way = chain, record.sealed(self.authority.attest(record.statement))
        chain, record = self._under_way
        await self._publish(record_message(record))
        self._under_way, self._chain = None, chain
        for _ in record.decisions:
            self._waiting.popleft()
        self._recorded += len(record.decisions)
        since = self._clock.monotonic() - self._headed_at
        if chain.sequence - self._headed >= HEAD_RECORDS or since >= HEAD_INTERVAL:
            await self._keep_head()

    async def _keep_head(self) -> None:
        """State how far the chain has come, unless that is stated already."""
        chain = self._chain
        if self.heads is None or chain.sequence == self._headed:
            return
        head = Head(
            bus=self.heads.bus,
            writer=chain.writer,
            sequence=chain.sequence,
            hash=chain.hash,
            at=self._now(),
        )
        self._headed, self._headed_at = chain.sequence, self._clock.monotonic()
        try:
            await self.heads.append(head.sealed(self.authority.attest(head.statement)))
        except OSError as error:
            _log.warning("bus.audit.headless", file=str(self.heads.file), error=str(error))

    def _now(self) -> str:
        return format_instant(self._clock.now())


def _text(text: str) -> str:
    """`text` as it can be written, and not too much of it."""
    return text[:_TEXT_LIMIT].encode("utf-8", "replace").decode()
