"""The orchestrator: plan, scatter, gather, synthesise, publish one report.

*Guarantees*: a request stays unacknowledged until its report is accepted, so another orchestrator
takes over when this one dies. The report is recorded, first writer wins, before it is announced, so
every copy of it is the same.

*Not here*: the plan (`agents.planner`), the tasks (`agents.scatter_gather`), what follows from the
findings (`agents.domain.synthesis`).
"""

import socket
from dataclasses import replace
from datetime import timedelta

import structlog

from agents.dataset import DatasetCatalog
from agents.domain.composition import compose_report, empty_report, missing_roles, run_of
from agents.domain.identity import cancel_key, content_digest, message_id, report_key
from agents.domain.report import ReportPublished, ReportStatus, Run
from agents.domain.request import AnalysisRequested
from agents.domain.role import ORCHESTRATOR
from agents.domain.synthesis import synthesise
from agents.errors import DatasetError, ToolError
from agents.planner import Planner, refuse_another
from agents.scatter_gather import ScatterGather
from agents.specialist import Panel
from agents.tool_gateway import ToolGateway
from bus import AgentMessage, Context, MessageBus, Recorded, UnroutableError

_log = structlog.get_logger(__name__)


class Orchestrator:
    """Turns requests into reports, several at once."""

    def __init__(
        self, *, bus: MessageBus, catalog: DatasetCatalog, gateway: ToolGateway, panel: Panel
    ) -> None:
        self._bus = bus
        self._planner = Planner(bus=bus, catalog=catalog, gateway=gateway, panel=panel)
        self._gathers: set[ScatterGather] = set()

    async def handle(self, message: AgentMessage[AnalysisRequested], context: Context) -> None:
        """Handle one request to its end; the bus's handler for `analysis.requested`."""
        message = replace(message, correlation_id=message.conversation)
        key, tombstone = report_key(message.conversation), cancel_key(message.conversation)
        known = await self._bus.ledger.look_up([key, tombstone])
        recorded = known.get(key)
        if isinstance(recorded, Recorded):
            report = ReportPublished.model_validate_json(recorded.value)
            refuse_another(message, report.run.request_digest)
        else:
            if tombstone in known:
                made = self._unexamined(message, "cancelled", "The request was cancelled.")
            else:
                made = await self._report(message, context)
            kept = await self._bus.ledger.record(key, made.model_dump_json().encode())
            report = ReportPublished.model_validate_json(kept)
        await self._publish(report, message, context)

    def cancel(self, request_id: str) -> None:
        """Close the request's gathers, if there are any in this process."""
        for gather in self._gathers:
            if gather.request_id == request_id:
                gather.cancel()

    async def _report(
        self, message: AgentMessage[AnalysisRequested], context: Context
    ) -> ReportPublished:
        deadline = message.expires_at or message.timestamp + timedelta(
            seconds=message.content.deadline
        )
        try:
            plan, plan_bytes = await self._planner.plan(message, context.principal, deadline)
        except (DatasetError, ToolError) as error:
            return self._unexamined(message, "failed", str(error))
        scatter_gather = ScatterGather(
            bus=self._bus, request=message, plan=plan, plan_bytes=plan_bytes, deadline=deadline
        )
        self._gathers.add(scatter_gather)
        try:
            if await self._bus.ledger.look_up([cancel_key(message.conversation)]):
                scatter_gather.cancel()
            gather, status = await scatter_gather.run()
        finally:
            self._gathers.discard(scatter_gather)
        synthesis = synthesise(
            question=plan.question,
            route=plan.route,
            datasets=plan.datasets,
            findings=[finding for result in gather.results.values() for finding in result.findings],
            missing=missing_roles(plan, gather),
        )
        return compose_report(plan, gather, status, synthesis, self._run(message))

    async def _publish(
        self, report: ReportPublished, message: AgentMessage[AnalysisRequested], context: Context
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
                echo=context.echo,
                sender=ORCHESTRATOR,
                id=message_id(report.request_id, "reply"),
                timestamp=finished_at,
            )
        except UnroutableError:
            _log.info("agents.report.unclaimed", reply_to=message.reply_to)

    def _unexamined(
        self, message: AgentMessage[AnalysisRequested], status: ReportStatus, reason: str
    ) -> ReportPublished:
        return empty_report(
            message.conversation,
            message.content,
            status=status,
            reason=reason,
            run=self._run(message),
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
