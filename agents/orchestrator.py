"""The orchestrator: plan, scatter, gather, synthesise, publish one report.

*Guarantees*: a request stays unacknowledged until its report is accepted, so another orchestrator
takes over when this one dies. Plan, results and report are recorded, first writer wins, before
they are announced: a second orchestrator continues from them, and every copy of a report is the
same. The record is the truth and a reply only a hint: a result whose reply was lost is found in
the ledger.

*Not here*: when a gather closes (`agents.domain.gather`), what follows from the findings
(`agents.domain.synthesis`), how data is looked at (specialists).
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import structlog

from agents.dataset import DatasetCatalog
from agents.domain.composition import compose_report, empty_report, missing_roles, run_of
from agents.domain.gather import (
    Cancelled,
    Close,
    Gather,
    GatherEvent,
    GatherStatus,
    ResultArrived,
    RoleFaulted,
    Ticked,
    WakeAt,
    advance,
    begin,
)
from agents.domain.identity import (
    cancel_key,
    content_digest,
    message_id,
    plan_key,
    report_key,
    task_id,
    task_key,
)
from agents.domain.report import ReportPublished, ReportStatus, Run
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.role import ORCHESTRATOR, role_group, task_topic
from agents.domain.routing import Member, TimeColumn, assign, choose_route
from agents.domain.synthesis import synthesise
from agents.domain.task import (
    AnalysisPlanned,
    Assignment,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
    decode_result,
)
from agents.errors import DatasetError, ToolError
from agents.messages import progress_topic
from agents.specialist import Panel
from agents.tool_gateway import Caller, ToolGateway
from agents.tools.pin_datasets import pin_datasets_of
from agents.tools.time_columns import time_columns
from bus import (
    AgentMessage,
    Context,
    Fault,
    Leased,
    MessageBus,
    MessageError,
    Recorded,
    TransportError,
    UnroutableError,
    request_key,
)

LOOK_EVERY: Final = 2.0
"""Seconds between looks at the ledger while replies are awaited."""
ASSIGN_AGAIN_AFTER: Final = 60.0
"""Seconds after which a task that nobody has claimed or recorded is assigned once more."""

_CANCELLED: Final = "The request was cancelled."

_log = structlog.get_logger(__name__)


class ConflictingRequestError(MessageError):
    """A request came under a key that another request already has."""


class Orchestrator:
    """Turns requests into reports, several at once."""

    def __init__(
        self, *, bus: MessageBus, catalog: DatasetCatalog, gateway: ToolGateway, panel: Panel
    ) -> None:
        self._bus = bus
        self._catalog = catalog
        self._gateway = gateway
        self._members = tuple(_member(panel, role) for role in panel.roles)
        self._pin = pin_datasets_of(catalog)
        self._gathers: dict[str, asyncio.Queue[AgentMessage[Any]]] = {}

    async def handle(self, message: AgentMessage[AnalysisRequested], context: Context) -> None:
        """Handle one request to its end; the bus's handler for `analysis.requested`."""
        request_id = request_key(message.sender, message.id)
        message = replace(message, correlation_id=request_id)
        known = await self._bus.ledger.look_up(
            [report_key(request_id), plan_key(request_id), cancel_key(request_id)]
        )
        recorded = known.get(report_key(request_id))
        if isinstance(recorded, Recorded):
            earlier = ReportPublished.model_validate_json(recorded.value)
            _refuse_another(message, earlier.run.request_digest)
            await self._publish(message, recorded.value, context)
            return
        report = await self._report(message, request_id, known, context)
        kept = await self._bus.ledger.record(
            report_key(request_id), report.model_dump_json().encode()
        )
        await self._publish(message, kept, context)

    def cancel(self, order: AgentMessage[AnalysisCancelled]) -> None:
        """Close the request's gather, if it is one of ours."""
        queue = self._gathers.get(order.content.request_id)
        if queue is not None and not queue.full():
            queue.put_nowait(order)

    async def _report(
        self,
        message: AgentMessage[AnalysisRequested],
        request_id: str,
        known: Mapping[str, Any],
        context: Context,
    ) -> ReportPublished:
        request = message.content
        if cancel_key(request_id) in known:
            return self._unexamined(message, request_id, "cancelled", _CANCELLED)
        deadline = message.expires_at or message.timestamp + timedelta(seconds=request.deadline)
        try:
            plan, plan_bytes = await self._plan(
                message, request_id, known.get(plan_key(request_id)), deadline, context
            )
        except (DatasetError, ToolError) as error:
            return self._unexamined(message, request_id, "failed", str(error))
        if await self._bus.ledger.look_up([cancel_key(request_id)]):
            return self._unexamined(message, request_id, "cancelled", _CANCELLED)
        gather, status = await self._gather(message, plan, plan_bytes, deadline)
        findings = [finding for result in gather.results.values() for finding in result.findings]
        synthesis = synthesise(
            question=plan.question,
            route=plan.route,
            datasets=plan.datasets,
            findings=findings,
            missing=missing_roles(plan, gather),
        )
        return compose_report(plan, gather, status, synthesis, self._run(message))

    async def _plan(
        self,
        message: AgentMessage[AnalysisRequested],
        request_id: str,
        recorded: Any,
        deadline: datetime,
        context: Context,
    ) -> tuple[AnalysisPlanned, bytes]:
        """The plan and its recorded bytes: ours, or that of whoever planned first."""
        request = message.content
        if isinstance(recorded, Recorded):
            kept = recorded.value
        else:
            caller = Caller(
                name=ORCHESTRATOR,
                message=message,
                principal=context.principal,
                deadline=deadline,
                tools=(self._pin.name, time_columns.name),
            )
            datasets = await self._gateway.call(
                self._pin, {"references": request.datasets}, caller=caller, data=None
            )
            columns: tuple[TimeColumn, ...] = ()
            if request.characteristics.processing_type == "auto":
                async with self._catalog.open(datasets) as data:
                    columns = await self._gateway.call(
                        time_columns, {"table": datasets[0].name}, caller=caller, data=data
                    )
            route = choose_route(request.characteristics, columns)
            plan = AnalysisPlanned(
                request_id=request_id,
                request_digest=content_digest(request),
                question=request.question,
                datasets=datasets,
                route=route,
                assignments=assign(request, route, self._members),
            )
            kept = await self._bus.ledger.record(
                plan_key(request_id), plan.model_dump_json().encode()
            )
        plan = AnalysisPlanned.model_validate_json(kept)
        _refuse_another(message, plan.request_digest)
        await self._bus.announce(
            plan,
            cause=message,
            sender=ORCHESTRATOR,
            id=message_id(request_id, "plan"),
            timestamp=message.timestamp,
        )
        return plan, kept

    async def _gather(
        self,
        message: AgentMessage[AnalysisRequested],
        plan: AnalysisPlanned,
        plan_bytes: bytes,
        deadline: datetime,
    ) -> tuple[Gather, GatherStatus]:
        now = self._bus.clock.now()
        policy = message.content.gather
        roles = tuple(assignment.role for assignment in plan.assignments)
        gather = begin(roles, policy, now=now, deadline=deadline)
        async with self._bus.collect(plan.request_id) as replies:
            self._gathers[plan.request_id] = replies
            try:
                scatter = _Scatter(self._bus, message, plan, plan_bytes, deadline)
                pending = await scatter.look(gather)
                while True:
                    wake_at = deadline
                    for event in [*pending, Ticked()]:
                        gather, effects = advance(gather, event, self._bus.clock.now())
                        for effect in effects:
                            match effect:
                                case Close(status=status):
                                    return gather, status
                                case WakeAt(at=at):
                                    wake_at = at
                    pending = await self._next(replies, wake_at, scatter, gather)
            finally:
                del self._gathers[plan.request_id]

    async def _next(
        self,
        replies: asyncio.Queue[AgentMessage[Any]],
        wake_at: datetime,
        scatter: "_Scatter",
        gather: Gather,
    ) -> list[GatherEvent]:
        """The next events: replies as they come, else what the ledger shows."""
        wait = max(0.0, (wake_at - self._bus.clock.now()).total_seconds())
        try:
            async with asyncio.timeout(min(wait, LOOK_EVERY)):
                message = await replies.get()
        except TimeoutError:
            return await scatter.look(gather)
        event = scatter.event_of(message)
        return [event] if event is not None else []

    async def _publish(
        self, message: AgentMessage[AnalysisRequested], recorded: bytes, context: Context
    ) -> None:
        """Announce the recorded report, and send a copy to whoever asked."""
        report = ReportPublished.model_validate_json(recorded)
        await self._bus.announce(
            report,
            cause=message,
            sender=ORCHESTRATOR,
            id=message_id(report.request_id, "report"),
            timestamp=report.run.finished_at,
        )
        try:
            await self._bus.reply(
                message,
                report,
                echo=context.echo,
                sender=ORCHESTRATOR,
                id=message_id(report.request_id, "reply"),
                timestamp=report.run.finished_at,
            )
        except UnroutableError:
            _log.info("agents.report.unclaimed", reply_to=message.reply_to)

    def _unexamined(
        self,
        message: AgentMessage[AnalysisRequested],
        request_id: str,
        status: ReportStatus,
        reason: str,
    ) -> ReportPublished:
        return empty_report(
            request_id, message.content, status=status, reason=reason, run=self._run(message)
        )

    def _run(self, message: AgentMessage[AnalysisRequested]) -> Run:
        replayed = message.metadata.get("replayof")
        return run_of(
            requested_at=message.timestamp,
            finished_at=self._bus.clock.now(),
            host=socket.gethostname(),
            request_digest=content_digest(message.content),
            replay_of=str(replayed) if replayed is not None else None,
        )


class _Scatter:
    """The tasks of one plan: which were assigned by us and when, and what the ledger says."""

    def __init__(
        self,
        bus: MessageBus,
        request: AgentMessage[AnalysisRequested],
        plan: AnalysisPlanned,
        plan_bytes: bytes,
        deadline: datetime,
    ) -> None:
        self._bus = bus
        self._request = request
        self._plan = plan
        self._deadline = deadline
        self._task_ids = {
            assignment.role: task_id(plan.request_id, assignment.role, plan_bytes)
            for assignment in plan.assignments
        }
        self._roles_by_task = {task: role for role, task in self._task_ids.items()}
        self._roles_by_message: dict[str, str] = {}
        self._assigned_at: dict[str, datetime] = {}
        self._unattended_since: dict[str, datetime] = {}

    async def look(self, gather: Gather) -> list[GatherEvent]:
        """Events from the ledger; assigns what has neither a record nor a lease."""
        tasks = {task_key(self._task_ids[role]): role for role in gather.open_roles}
        entries = await self._bus.ledger.look_up(list(tasks))
        events: list[GatherEvent] = []
        unclaimed = []
        for key, role in tasks.items():
            match entries.get(key):
                case Recorded(value=value):
                    events.append(ResultArrived(decode_result(value)))
                case Leased():
                    self._unattended_since.pop(role, None)
                case None:
                    unclaimed.append(role)
                case entry:
                    assert_never(entry)
        outcomes = await asyncio.gather(*(self._attend_to(role, gather) for role in unclaimed))
        return [*events, *(event for event in outcomes if event is not None)]

    def event_of(self, message: AgentMessage[Any]) -> GatherEvent | None:
        """What a message in the conversation means to the gather; None if nothing."""
        match message.content:
            case TaskCompleted() | TaskFailed() as result if result.task_id in self._roles_by_task:
                return ResultArrived(result)
            case Fault() as fault if message.causation_id in self._roles_by_message:
                role = self._roles_by_message[message.causation_id]
                return RoleFaulted(role, f"Its task was set aside ({fault.reason}): {fault.error}")
            case AnalysisCancelled():
                return Cancelled()
            case _:
                return None

    async def _attend_to(self, role: str, gather: Gather) -> GatherEvent | None:
        """Assign, or assign again, or notice that nobody is there."""
        now = self._bus.clock.now()
        assigned_at = self._assigned_at.get(role)
        if assigned_at is None or (now - assigned_at).total_seconds() >= ASSIGN_AGAIN_AFTER:
            self._assigned_at[role] = now
            return await self._assign(role)
        if await self._bus.consumers(role_group(role)):
            self._unattended_since.pop(role, None)
            return None
        since = self._unattended_since.setdefault(role, now)
        if (now - since).total_seconds() < gather.policy.absent_timeout:
            return None
        return RoleFaulted(role, f"No worker is running: start `convener worker {role}`.")

    async def _assign(self, role: str) -> GatherEvent | None:
        assignment = next(each for each in self._plan.assignments if each.role == role)
        try:
            message = await self._bus.publish(
                self._task(assignment),
                to=task_topic(role),
                sender=ORCHESTRATOR,
                cause=self._request,
                reply_to=self._bus.reply_topic,
                expires_at=self._deadline,
            )
        except UnroutableError:
            return RoleFaulted(
                role, f"No worker has ever been started: start `convener worker {role}`."
            )
        except TransportError as error:
            _log.warning("agents.task.unassigned", role=role, error=str(error))
            del self._assigned_at[role]
            return None
        self._roles_by_message[message.id] = role
        await self._bus.publish(
            TaskProgressed(request_id=self._plan.request_id, role=role, phase="assigned"),
            to=progress_topic(self._plan.request_id),
            sender=ORCHESTRATOR,
            cause=self._request,
        )
        return None

    def _task(self, assignment: Assignment) -> TaskAssigned:
        return TaskAssigned(
            request_id=self._plan.request_id,
            task_id=self._task_ids[assignment.role],
            role=assignment.role,
            question=self._plan.question,
            questions=assignment.questions,
            tools=assignment.tools,
            datasets=self._plan.datasets,
            route=self._plan.route,
        )


def _refuse_another(message: AgentMessage[AnalysisRequested], digest: str) -> None:
    """Refuse a request under a key that was used for one with another digest."""
    if content_digest(message.content) != digest:
        raise ConflictingRequestError(
            f"The id {message.id!r} of {message.sender!r} was used before for another request: "
            "publish this one under a new id."
        )


def _member(panel: Panel, role: str) -> Member:
    specialist = panel[role]
    return Member(
        role=role,
        questions=specialist.questions,
        tools={
            kind: [tool.name for tool in specialist.tools if kind in tool.routes]
            for kind in ("batch", "streaming")
        },
    )
