"""What the history says of requests: which there were, how far they are, how they ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.task import AnalysisPlanned, TaskAssigned, TaskCompleted, TaskFailed
from agents.errors import AgentUsageError, RequestForgottenError, UnreadableRequestError
from agents.messages import REGISTRY, is_in_place
from bus import (
    AgentMessage,
    Fault,
    HistoryQuery,
    HistoryRecord,
    MessageBus,
    MessageError,
    decode,
    parse,
)

RequestState: TypeAlias = Literal[
    "waiting", "running", "complete", "partial", "failed", "cancelled", "expired"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as its messages tell it; `roles` says of each role what was last heard.

    `report` is the first one in the history; `superseded` counts later ones that differ from it,
    which there can be only where the ledger was lost meanwhile.
    """

    request_id: str
    request: AgentMessage[AnalysisRequested]
    state: RequestState
    roles: Mapping[str, str] = field(default_factory=dict)
    report: ReportPublished | None = None
    why: str = ""
    superseded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenRequest:
    """A request of which only the id and the time can be told, and why."""

    request_id: str
    requested_at: str
    why: Literal["forgotten", "unreadable"] = "forgotten"


async def find_request(bus: MessageBus, id: str) -> RecordedRequest:
    """The request whose id is, or begins with, `id`.

    Raises:
        AgentUsageError: there is none, or more than one.
        UnreadableRequestError: what was sent cannot be understood.
        RequestForgottenError: it was forgotten.
    """
    records = await bus.history.query(HistoryQuery(request=id, limit=100_000))
    conversations = {record.correlation_id for record in records if record.correlation_id}
    if len(conversations) > 1:
        raise AgentUsageError(
            f"{id!r} begins the ids of {len(conversations)} requests: add digits."
        )
    messages = [message for record in records if (message := read(record)) is not None]
    recorded = tell(messages, bus.clock.now())
    forgotten = [record for record in records if is_request(record) and record.erased]
    if recorded is None and forgotten:
        raise RequestForgottenError(forgotten[0].conversation)
    if recorded is None and any(map(is_request, records)):
        raise UnreadableRequestError(
            f"What was sent as the request {id} cannot be understood: see `convener dead list`."
        )
    if recorded is None:
        raise AgentUsageError(f"No request has the id {id!r}: see `convener status`.")
    return recorded


async def recent_requests(
    bus: MessageBus, limit: int
) -> Sequence[RecordedRequest | ForgottenRequest]:
    """The last 0..limit requests, newest first."""
    records = await bus.history.query(
        HistoryQuery(message_type=AnalysisRequested.message_type, limit=limit, latest=True)
    )
    return [
        await _found(bus, record, record.correlation_id)
        for record in reversed(records)
        if record.correlation_id
    ]


async def _found(
    bus: MessageBus, record: HistoryRecord, id: str
) -> RecordedRequest | ForgottenRequest:
    """The request that `record` is of, if it can still be read, and ever could."""
    left = ForgottenRequest(request_id=record.conversation, requested_at=record.time)
    if record.erased:
        return left
    try:
        return await find_request(bus, id)
    except UnreadableRequestError:
        return replace(left, why="unreadable")


async def find_report(bus: MessageBus, request_id: str) -> ReportPublished | None:
    """The published report of a request: the first one in the history is the report.

    Raises:
        RequestForgottenError: it was forgotten.
    """
    records = await bus.history.query(
        HistoryQuery(request=request_id, message_type=ReportPublished.message_type)
    )
    for record in records:
        if record.erased:
            raise RequestForgottenError(request_id)
        if (message := read(record)) is not None:
            report: ReportPublished = message.content
            return report
    return None


def read(record: HistoryRecord) -> AgentMessage[Any] | None:
    """The typed message of a record; None if it is none of ours, not in its place, or erased."""
    if record.erased:
        return None
    try:
        event = parse(record.body)
        now = datetime.fromisoformat(record.time)
        message = decode(event, REGISTRY, topic=record.topic, now=now)
    except MessageError:
        return None
    return message if is_in_place(message.content, record.topic) else None


def is_request(record: HistoryRecord) -> bool:
    """Whether somebody wanted data analysed."""
    return record.message_type == AnalysisRequested.message_type


def tell(messages: Sequence[AgentMessage[Any]], now: datetime) -> RecordedRequest | None:
    """How far a request is, by its messages in their order; None if nothing is asked in them."""
    request: AgentMessage[AnalysisRequested] | None = None
    state: RequestState = "waiting"
    why = ""
    roles: dict[str, str] = {}
    report: ReportPublished | None = None
    others: set[str] = set()
    for message in messages:
        match message.content:
            case AnalysisRequested():
                request = request or message
            case AnalysisPlanned() as plan:
                state, why = "running", plan.route.why
                roles |= {each.role: roles.get(each.role, "planned") for each in plan.assignments}
            case TaskAssigned() as task:
                roles[task.role] = "assigned"
            case TaskCompleted() as result:
                roles[result.role] = f"{len(result.findings)} findings"
            case TaskFailed() as result:
                roles[result.role] = result.error
            case AnalysisCancelled():
                why = "Its cancellation was ordered."
            case Fault() as fault if (
                report is None and request is not None and message.causation_id == request.id
            ):
                state = "expired" if fault.reason == "expired" else "failed"
                why = fault.error
            case ReportPublished() if report is None:
                report = message.content
                state, why = report.status, report.executive_summary
            case ReportPublished() as another if another != report:
                others.add(another.model_dump_json())
            case _:
                pass
    if request is None:
        return None
    if report is None and state in ("waiting", "running") and request.is_expired(now):
        state, why = "expired", "Its deadline passed without a report."
    return RecordedRequest(
        request_id=request.conversation,
        request=request,
        state=state,
        roles=roles,
        report=report,
        why=why,
        superseded=len(others),
    )
