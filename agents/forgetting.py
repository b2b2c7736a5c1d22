"""Forgetting requests: what was asked, found and said is erased wherever the bus keeps it.

That there was a request stays, and so does the audit: who asked, which messages there were, by id
and digest, and that they were erased.

*Guarantees*: nothing is erased before that is in the audit. The history comes last, and whoever
does it again after an interruption finishes it. Work that is delivered late is not done again,
since the ledger still knows that it was done.

*Not here*: how a history erases, see `bus.history`; what becomes old, see `agents.retention`.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agents.caching.response_cache import ResponseCache
from agents.domain.cache_key import dataset_tag, request_tag
from agents.domain.dispute import MAX_ROUNDS
from agents.domain.identity import plan_key, report_key, round_key, synthesis_key, task_key
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.task import AnalysisPlanned, TaskAssigned, TaskCompleted, TaskFailed
from agents.errors import AgentUsageError
from agents.messages import CANCEL_TOPIC
from agents.recorded import read, tell
from bus import (
    AgentMessage,
    AuditRecorded,
    DeadLetter,
    Forgotten,
    HistoryQuery,
    HistoryRecord,
    Leased,
    MessageBus,
    MessageError,
    MessageId,
    NotPermittedError,
    Principal,
    parse,
)
from bus.auditing.trail import trail
from bus.domain.codec import seal
from bus.domain.envelope import Envelope

MOST: Final = 100_000
"""Messages of a request, and parked messages, that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is recorded under one request key, oldest first; `requested_by` is "" if unknown."""

    name: str
    records: Sequence[HistoryRecord]
    requested_by: str = ""

    @property
    def tasks(self) -> frozenset[str]:
        """The ids of the tasks that were assigned."""
        contents = (message.content for each in self.records if (message := read(each)))
        return frozenset(
            content.task_id
            for content in contents
            if isinstance(content, TaskAssigned | TaskCompleted | TaskFailed)
        )

    @property
    def versions(self) -> frozenset[str]:
        """The versions of the datasets that were analysed."""
        contents = (message.content for each in self.records if (message := read(each)))
        return frozenset(
            dataset.version
            for content in contents
            if isinstance(content, AnalysisPlanned)
            for dataset in content.datasets
        )


async def find_conversation(bus: MessageBus, id: str) -> Conversation:
    """The one whose request key is, or begins with, `id`, also if it is erased.

    Raises:
        AgentUsageError: there is none, or more than one.
    """
    found: dict[str, list[HistoryRecord]] = {}
    for record in await bus.history.query(HistoryQuery(request=id, limit=MOST)):
        if record.message_type != AuditRecorded.message_type:
            found.setdefault(record.conversation, []).append(record)
    if len(found) > 1 and id not in found:
        raise AgentUsageError(f"{id!r} begins the ids of {len(found)} requests: add digits.")
    if not found:
        raise AgentUsageError(f"No request has the id {id!r}: see `convener status`.")
    name = id if id in found else next(iter(found))
    return Conversation(name=name, records=found[name], requested_by=_requester(found[name]))


async def remembered(bus: MessageBus, requests: Sequence[str]) -> AsyncIterator[Conversation]:
    """Those of `requests` of which the history still has content."""
    for name in requests:
        of_request = await bus.history.query(HistoryQuery(request=name, limit=MOST))
        records = [each for each in of_request if each.conversation == name]
        if not all(each.erased for each in records):
            yield Conversation(name=name, records=records, requested_by=_requester(records))


async def requests_by(bus: MessageBus) -> Mapping[str, str]:
    """Who asked, by request, as far as the audit and the reports tell."""
    asked: dict[str, str] = {}
    async for record in trail(bus.history):
        for decision in record.decisions:
            is_request = decision.message_type == AnalysisRequested.message_type
            if is_request and decision.verdict == "allowed" and decision.action == "consume":
                asked.setdefault(decision.request, decision.subject)
    query = HistoryQuery(message_type=ReportPublished.message_type)
    async for report in pages(bus, query):
        if subject := _requester([report]):
            asked.setdefault(report.conversation, subject)
    return asked


async def refuse_running(bus: MessageBus, conversation: Conversation) -> None:
    """Refuse what would go on saying things.

    Raises:
        AgentUsageError: the request has no report yet and could get one, or a task is at work.
    """
    messages = [message for each in conversation.records if (message := read(each)) is not None]
    recorded = tell(messages, bus.clock.now())
    name = conversation.name
    if recorded is not None and recorded.state in ("waiting", "running"):
        raise AgentUsageError(
            f"{name} is {recorded.state}: stop it first, with `convener cancel {name}`."
        )
    entries = await bus.ledger.look_up([task_key(task) for task in sorted(conversation.tasks)])
    leases = [entry.seconds for entry in entries.values() if isinstance(entry, Leased)]
    if leases:
        raise AgentUsageError(
            f"A worker is still at {name}: try again in {max(leases):.0f} seconds."
        )


async def permitted(bus: MessageBus, *, request: str = "", requested_by: str = "") -> Principal:
    """On whose behalf this process may forget `request`, or all that anybody asked for.

    Raises:
        NotPermittedError: it is another person's, and admin_operations is not granted.
    """
    message = AgentMessage(
        id=MessageId(f"forget-{request}"),
        sender=bus.name,
        recipient=CANCEL_TOPIC,
        content=AnalysisCancelled(request_id=request),
        timestamp=bus.clock.now(),
    )
    authority = bus.audit.authority
    principal = await authority.verify(message, authority.signed(seal(message), message))
    if principal.may_end(requested_by):
        return principal
    what = f"{request}, which {requested_by or 'somebody else'} asked for," if request else "all"
    denial = f"To forget {what} {principal.subject} needs the permission 'admin_operations'."
    bus.audit.note("forget", principal=principal, denial=denial, request=request)
    await bus.audit.flush()
    raise NotPermittedError(denial)


async def forget(
    bus: MessageBus,
    conversations: Sequence[Conversation],
    *,
    cache: ResponseCache,
    principal: Principal | None = None,
    thoroughly: bool = True,
) -> Forgotten:
    """Erase `conversations` on behalf of `principal`, or as this process has to by itself.

    On somebody's behalf, the audit names every message that is erased.

    Raises:
        UsageError: the history cannot forget.
        StoreError, TransportError: something is out of reach; doing it again finishes it.
    """
    names = [each.name for each in conversations]
    for conversation in conversations:
        bus.audit.note("forget", principal=principal, request=conversation.name)
        for record in conversation.records if principal is not None else ():
            if not record.erased:
                if bus.audit.is_full:
                    await bus.audit.flush()
                bus.audit.note(
                    "forget",
                    envelope=_envelope(record),
                    principal=principal,
                    request=conversation.name,
                )
    await bus.audit.flush()
    for conversation in conversations:
        tags = {dataset_tag(version) for version in conversation.versions}
        await cache.invalidate(request_tag(conversation.name), *tags)
    await _discard(bus, frozenset(names))
    await bus.ledger.forget([key for each in conversations for key in await _keys(bus, each)])
    return await bus.history.forget(names, thoroughly=thoroughly)


async def pages(bus: MessageBus, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
    """All records that `query` selects, asked for a few at a time."""
    query = replace(query, limit=500)
    while page := await bus.history.query(query):
        for record in page:
            yield record
        query = replace(query, after=page[-1].position)


async def _keys(bus: MessageBus, conversation: Conversation) -> list[str]:
    """Those of the ledger that must never get another value, and those that have one."""
    name = conversation.name
    final = [report_key(name), *map(task_key, sorted(conversation.tasks))]
    rounds = (round_key(name, number) for number in range(1, MAX_ROUNDS + 1))
    known = await bus.ledger.look_up([plan_key(name), synthesis_key(name), *rounds])
    return [*final, *known]


async def _discard(bus: MessageBus, names: Collection[str]) -> None:
    for letter in await bus.dead_letters.list(MOST):
        if not _conversations(letter).isdisjoint(names):
            await bus.dead_letters.discard(letter.id)


def _conversations(letter: DeadLetter) -> set[str]:
    """What a parked message may be part of, by what it says and by what was said of it."""
    named = {letter.envelope.correlation_id} if letter.envelope.correlation_id else set()
    try:
        return named | {parse(letter.envelope.body).conversation}
    except MessageError:
        return named


def _requester(records: Sequence[HistoryRecord]) -> str:
    for record in records:
        if record.message_type == ReportPublished.message_type:
            message = read(record)
            if message is not None and isinstance(message.content, ReportPublished):
                return message.content.run.requested_by
    return ""


def _envelope(record: HistoryRecord) -> Envelope:
    return Envelope(
        topic=record.topic, body=record.body, id=record.id, message_type=record.message_type
    )
