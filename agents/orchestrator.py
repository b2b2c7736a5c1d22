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
from typing import Any, Final

import structlog

from agents.dataset import DatasetCatalog
from agents.domain.composition import compose_report, empty_report, missing_roles, run_of
from agents.domain.gather import (
    Close,
    Gather,
    GatherEvent,
    GatherStatus,
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
)
from agents.domain.report import ReportPublished, ReportStatus, Run
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.role import ORCHESTRATOR
from agents.domain.routing import Member, TimeColumn, assign, choose_route
from agents.domain.synthesis import synthesise
from agents.domain.task import AnalysisPlanned
from agents.errors import DatasetError, ToolError
from agents.scatter import Scatter
from agents.specialist import Panel
from agents.tool_gateway import Caller, ToolGateway
from agents.tools.pin_datasets import pin_datasets_of
from agents.tools.time_columns import time_columns
from bus import (
    AgentMessage,
    Context,
    MessageBus,
    MessageError,
    Recorded,
    UnroutableError,
    request_key,
)

LOOK_EVERY: Final = 2.0
"""Seconds between looks at the ledger while replies are awaited."""

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
                scatter = Scatter(self._bus, message, plan, plan_bytes, deadline)
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
        scatter: "Scatter",
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
