"""The orchestrator: plan, scatter, gather, synthesise, publish one report.

*Guarantees*: a request stays unacknowledged until its report is accepted, so another orchestrator
takes over when this one dies. The report is recorded, first writer wins, before it is announced, so
every copy of it is the same.

*Not here*: the plan, the tasks, what follows from the findings; they stand beside this module.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

import structlog

from agents.calling.tool_gateway import ToolGateway
from agents.dataset import DatasetCatalog
from agents.domain.composition import compose_report, empty_report, run_of
from agents.domain.gather import Gather
from agents.domain.identity import cancel_keys, message_id, report_key, request_digest
from agents.domain.report import ReportPublished, ReportStatus, Run
from agents.domain.request import AnalysisRequested, GatherPolicy
from agents.domain.role import ORCHESTRATOR
from agents.domain.task import AnalysisPlanned
from agents.errors import DatasetError, ToolDeniedError, ToolError
from agents.orchestration.deliberation import Deliberation, synthesis_by_rule
from agents.orchestration.interruption import until
from agents.orchestration.planner import Planner, refuse_another
from agents.orchestration.scatter_gather import ScatterGather
from agents.reasoning.reasoning import Reasoning
from agents.specialist import Panel
from bus import AgentMessage, Context, MessageBus, Principal, Recorded, UnroutableError

CHAIR_TIME: Final = 75.0
"""Seconds before the deadline at which the gather ends, so that a model can take the chair."""
CHAIR_SHARE: Final = 0.25
"""Of the time for a request, the part that this may be at the most."""

_log = structlog.get_logger(__name__)


class Orchestrator:
    """Turns requests into reports, several at once."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        catalog: DatasetCatalog,
        gateway: ToolGateway,
        panel: Panel,
        reasoning: Reasoning | None = None,
    ) -> None:
        self._bus = bus
        self._has_model = reasoning is not None
        self._deliberation = Deliberation(bus=bus, reasoning=reasoning)
        self._planner = Planner(bus=bus, catalog=catalog, gateway=gateway, panel=panel)
        self._cancelled: WeakValueDictionary[tuple[str, str], asyncio.Event] = WeakValueDictionary()

    async def handle(self, message: AgentMessage[AnalysisRequested], context: Context) -> None:
        """Handle one request to its end; the bus's handler for `analysis.requested`."""
        message = replace(message, correlation_id=message.conversation)
        await self._end(message, context, lambda: self._report(message, context))

    async def answer_late(self, message: AgentMessage[AnalysisRequested], context: Context) -> bool:
        """Handle a request past its deadline: its report if there is one, else one that says so."""
        message = replace(message, correlation_id=message.conversation)

        async def expired() -> ReportPublished:
            why = "The deadline passed before anybody could work on the request."
            return self._unexamined(message, context, "expired", why)

        await self._end(message, context, expired)
        return True

    def cancel(self, request_id: str, by: Principal) -> None:
        """Stop planning, gathering or synthesising the request, where that is done here.

        One whose requester is another person goes on, unless an operator ends it.
        """
        for (running, subject), cancelled in list(self._cancelled.items()):
            if running == request_id and by.may_end(subject):
                cancelled.set()

    async def _end(
        self,
        message: AgentMessage[AnalysisRequested],
        context: Context,
        make: Callable[[], Awaitable[ReportPublished]],
    ) -> None:
        """Publish the one report of the request: what is recorded, else what `make` gives."""
        key, subject = report_key(message.conversation), context.principal.subject
        tombstones = cancel_keys(message.conversation, subject)
        known = await self._bus.ledger.look_up([key, *tombstones])
        recorded = known.get(key)
        if isinstance(recorded, Recorded) and recorded.is_forgotten:
            _log.info("agents.request.forgotten", request=message.conversation)
            return
        if isinstance(recorded, Recorded):
            report = ReportPublished.model_validate_json(recorded.value)
            refuse_another(message, subject, report.run.request_digest)
        else:
            if not known.keys().isdisjoint(tombstones):
                made = self._withdrawn(message, context)
            else:
                made = await make()
            kept = await self._bus.ledger.record(key, made.model_dump_json().encode())
            report = ReportPublished.model_validate_json(kept)
        await self._publish(report, message, context.echo)

    async def _report(
        self, message: AgentMessage[AnalysisRequested], context: Context
    ) -> ReportPublished:
        deadline = message.expires_at or message.timestamp + timedelta(
            seconds=message.content.deadline
        )
        cancelled = self._cancelled.setdefault(
            (message.conversation, context.principal.subject), asyncio.Event()
        )
        planning = self._planner.plan(message, context.principal, deadline)
        try:
            planned = await until(cancelled, planning)
        except (DatasetError, ToolError) as error:
            denied = isinstance(error, ToolDeniedError)
            return self._unexamined(message, context, "failed", str(error), is_denied=denied)
        if planned is None:
            return self._withdrawn(message, context)
        plan, plan_bytes = planned
        gathering_until = deadline
        if self._has_model:
            left = (deadline - self._bus.clock.now()).total_seconds()
            gathering_until -= timedelta(seconds=min(CHAIR_TIME, CHAIR_SHARE * left))

        async def gather_round(
            asked: AnalysisPlanned, recorded: bytes, policy: GatherPolicy, end_at: datetime
        ) -> Gather:
            return await self._gather(
                message, context.principal, asked, recorded, policy, end_at, cancelled
            )

        gather = await gather_round(plan, plan_bytes, message.content.gather, gathering_until)
        deliberating = self._deliberation.synthesis(
            message,
            plan,
            gather,
            principal=context.principal,
            deadline=deadline,
            gather_round=gather_round,
        )
        synthesis = await until(cancelled, deliberating)
        if synthesis is None:
            gather = replace(gather, status="cancelled")
            synthesis = synthesis_by_rule(plan, gather)
        assert gather.status is not None
        return compose_report(plan, gather, gather.status, synthesis, self._run(message, context))

    async def _gather(
        self,
        message: AgentMessage[AnalysisRequested],
        principal: Principal,
        plan: AnalysisPlanned,
        plan_bytes: bytes,
        policy: GatherPolicy,
        deadline: datetime,
        cancelled: asyncio.Event,
    ) -> Gather:
        """The closed gather of a plan's assignments; an order to cancel closes it at once."""
        scatter_gather = ScatterGather(
            bus=self._bus,
            request=message,
            principal=principal,
            plan=plan,
            plan_bytes=plan_bytes,
            deadline=deadline,
            policy=policy,
            cancelled=cancelled,
        )
        tombstones = cancel_keys(message.conversation, principal.subject)
        if await self._bus.ledger.look_up(tombstones):
            cancelled.set()
        return await scatter_gather.run()

    async def _publish(
        self, report: ReportPublished, message: AgentMessage[AnalysisRequested], echo: str | None
    ) -> None:
        """Announce the recorded report, and send a copy to whoever asked."""
        finished_at = report.run.finished_at
        await self._bus.announce(
            report,
            cause=message,
            sender=ORCHESTRATOR,
            id=message_id(report.request_id, "report"),
            timestamp=finished_at,
        )
        try:
            await self._bus.reply(
                message,
                report,
                echo=echo,
                sender=ORCHESTRATOR,
                id=message_id(report.request_id, "reply"),
                timestamp=finished_at,
            )
        except UnroutableError:
            _log.info("agents.report.unclaimed", reply_to=message.reply_to)

    def _withdrawn(
        self, message: AgentMessage[AnalysisRequested], context: Context
    ) -> ReportPublished:
        return self._unexamined(message, context, "cancelled", "The request was cancelled.")

    def _unexamined(
        self,
        message: AgentMessage[AnalysisRequested],
        context: Context,
        status: ReportStatus,
        reason: str,
        *,
        is_denied: bool = False,
    ) -> ReportPublished:
        return empty_report(
            message.conversation,
            message.content,
            status=status,
            reason=reason,
            run=self._run(message, context),
            is_denied=is_denied,
        )

    def _run(self, message: AgentMessage[AnalysisRequested], context: Context) -> Run:
        subject = context.principal.subject
        replayed = message.metadata.get("replayof")
        return run_of(
            requested_at=message.timestamp,
            finished_at=self._bus.clock.now(),
            host=socket.gethostname(),
            request_digest=request_digest(message.content, subject),
            requested_by=subject,
            budget=message.content.budget,
            replay_of=str(replayed) if replayed is not None else None,
        )
