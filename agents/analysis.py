"""Asking for an analysis: `analyze` and `request_analysis`.

*Guarantees*: the request is durably accepted before anything waits for it; the wait ends in a
report, a fault or a timeout, also when the reply is lost, since the history is then asked.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog

from agents.datasets.credentials import absolute
from agents.datasets.file_size import size_of
from agents.domain.identity import cancel_key
from agents.domain.report import ReportPublished
from agents.domain.request import (
    TASK_SHARE,
    AnalysisCancelled,
    AnalysisRequested,
    DatasetReference,
    GatherPolicy,
    deadline_for,
)
from agents.domain.role import ORCHESTRATOR
from agents.domain.task import TaskProgressed
from agents.errors import AgentUsageError
from agents.messages import CANCEL_TOPIC, REQUEST_TOPIC, progress_topic
from agents.recorded import find_report
from agents.service import serve_panel
from agents.specialist import Panel
from bus import (
    AgentMessage,
    MessageBus,
    MessageId,
    NotPermittedError,
    RequestTimeoutError,
    StoreError,
    TransportError,
    request_key,
)

if TYPE_CHECKING:
    from agents.equipment import Equipment

LOOK_EVERY: Final = 10.0
"""Seconds without a reply after which the history is asked whether the report is out."""
OVERTIME: Final = 15.0
"""Seconds past the deadline for synthesis and the way back."""


_log = structlog.get_logger(__name__)


class PendingAnalysis:
    """A request that was accepted and whose report is awaited."""

    def __init__(
        self,
        bus: MessageBus,
        message: AgentMessage[AnalysisRequested],
        reply: "asyncio.Future[AgentMessage[Any]]",
        progress: AsyncIterator[AgentMessage[Any]] | None,
    ) -> None:
        self.request_id = request_key(message.sender, message.id)
        self._bus = bus
        self._message = message
        self._reply = reply
        self._progress = progress
        self._may_look = True

    async def progress(self) -> AsyncIterator[TaskProgressed]:
        """What the specialists say they are doing, as it happens; ends when the caller stops.

        Raises:
            AgentUsageError: the request was made without `watch`.
        """
        if self._progress is None:
            raise AgentUsageError("To see the progress of a request, make it with watch=True.")
        async for message in self._progress:
            if isinstance(message.content, TaskProgressed):
                yield message.content

    async def report(self) -> ReportPublished:
        """The report, once it is out.

        Raises:
            RequestFaultedError: the request was parked, refused or expired.
            RequestTimeoutError: there is no report although the deadline is well past.
        """
        limit = self._message.content.deadline + OVERTIME
        try:
            async with asyncio.timeout(limit):
                while True:
                    await asyncio.wait([self._reply], timeout=LOOK_EVERY)
                    if self._reply.done():
                        report: ReportPublished = self._reply.result().content
                        return report
                    if (recorded := await self._recorded()) is not None:
                        return recorded
        except TimeoutError:
            if (recorded := await self._recorded()) is not None:
                return recorded
            raise RequestTimeoutError(
                f"No report came within {limit:g} s. See `convener status {self.request_id[:8]}` "
                "and whether an orchestrator is running."
            ) from None

    async def cancel(self) -> None:
        """Have the request stopped; its report then says that it was cancelled."""
        await cancel_analysis(self._bus, self._message)

    async def _recorded(self) -> ReportPublished | None:
        """The report as the history has it, if it may be asked and has one."""
        if not self._may_look:
            return None
        try:
            return await find_report(self._bus, self.request_id)
        except (TransportError, StoreError, NotPermittedError) as error:
            self._may_look = error.retryable
            _log.warning("agents.report.unseen", error=str(error))
            return None


@asynccontextmanager
async def request_analysis(
    bus: MessageBus,
    request: AnalysisRequested,
    *,
    watch: bool = False,
    replay_of: str | None = None,
) -> AsyncIterator[PendingAnalysis]:
    """Publish `request` and keep its report within reach, and its progress if it is to be watched.

    Leaving the context does not withdraw the request.

    Raises:
        UnroutableError: no orchestrator has ever served this bus.
        TransportError, StoreError: it was not accepted.
    """
    id = MessageId(str(uuid4()))
    request_id = request_key(bus.name, id)
    async with AsyncExitStack() as stack:
        reply = await stack.enter_async_context(bus.expect(id))
        progress = None
        if watch:
            listening = bus.subscribe(progress_topic(request_id))
            progress = await stack.enter_async_context(listening)
        message = await bus.publish(
            request,
            to=REQUEST_TOPIC,
            reply_to=bus.reply_topic,
            expires_at=bus.clock.now() + timedelta(seconds=request.deadline),
            metadata={} if replay_of is None else {"replayof": replay_of},
            id=id,
        )
        yield PendingAnalysis(bus, message, reply, progress)


async def cancel_analysis(bus: MessageBus, request: AgentMessage[AnalysisRequested]) -> None:
    """Order that `request` is stopped everywhere; its report then says that it was cancelled.

    Raises:
        TransportError, StoreError: the order was not accepted.
    """
    request_id = request.conversation
    bus.audit.note("cancel", request, request=request_id)
    await bus.audit.flush()
    await bus.ledger.record(cancel_key(request_id), b"cancelled")
    await bus.publish(AnalysisCancelled(request_id=request_id), to=CANCEL_TOPIC, cause=request)


@asynccontextmanager
async def convene(
    bus: MessageBus, panel: Panel, *, equipment: "Equipment"
) -> AsyncIterator[MessageBus]:
    """A bus on which `panel` and an orchestrator work in this process, for nobody else."""
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(bus.private())
        await stack.enter_async_context(
            serve_panel(
                own,
                panel,
                catalog=equipment.catalog,
                cache=equipment.cache,
                kit=equipment.kit,
                roles=[*panel.roles, ORCHESTRATOR],
                grace=0.0,
            )
        )
        yield own


async def analyze(
    bus: MessageBus,
    *data: str | Path,
    question: str = "",
    panel: Panel | None = None,
    equipment: "Equipment | None" = None,
    deadline: float | None = None,
) -> ReportPublished:
    """The report on `data`: files, tables in database files, or addresses of servers.

    On the embedded bus the panel, by default the built-in four, works in this process and for this
    call alone. On RabbitMQ the request goes to the workers that serve the bus, and `panel` only
    says which roles are asked. `equipment` is what the panel works with here, by default what the
    environment and `convener.toml` say. `deadline` is seconds, by default more for large files.

    Raises:
        RequestFaultedError, RequestTimeoutError: there is no report.
        TransportError, StoreError: the request was not accepted.
    """
    from agents.builtin import builtin_panel
    from agents.equipment import equipped
    from agents.settings import load_settings

    if deadline is None:
        deadline = deadline_for(await asyncio.to_thread(_size, data))
    request = AnalysisRequested(
        question=question,
        datasets=tuple(DatasetReference(location=absolute(str(each))) for each in data),
        panel=panel.roles if panel is not None else (),
        gather=GatherPolicy(task_timeout=TASK_SHARE * deadline),
        deadline=deadline,
    )
    async with AsyncExitStack() as stack:
        if bus.is_embedded:
            if equipment is None:
                opening = equipped(load_settings(), clock=bus.clock)
                equipment = await stack.enter_async_context(opening)
            bus = await stack.enter_async_context(
                convene(bus, panel or builtin_panel(), equipment=equipment)
            )
        pending = await stack.enter_async_context(request_analysis(bus, request))
        return await pending.report()


def _size(data: Sequence[str | Path]) -> int:
    return sum(size_of(str(each)) for each in data)
