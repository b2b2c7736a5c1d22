"""The worker of one role: claim a task, examine, record, reply.

*Guarantees*: a task is worked on by one worker at a time, however often it is delivered; its result
is recorded before it is told, and a task with a result is answered from the record. A result that
cannot be told is not lost: the orchestrator looks into the ledger. A task whose tools are all cut
off by their circuits is put off, not failed, while it has time.

*Not here*: what is examined, which is the specialist's, and what a model is asked about it
(`agents.examination.consultation`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

import structlog

from agents.calling.tool_gateway import Caller, ToolGateway
from agents.dataset import DatasetCatalog
from agents.domain.dispute import position_by_rule
from agents.domain.identity import cancel_keys, task_key
from agents.domain.request import MAX_DEADLINE
from agents.domain.routing import EVERY_TOOL
from agents.domain.task import (
    LEVELS,
    FailureReason,
    Fallback,
    FallbackLevel,
    Phase,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskResult,
    decode_result,
    encode_result,
)
from agents.errors import DatasetChangedError, DatasetError, ToolDeniedError, ToolError
from agents.examination.consultation import Consultation, Opinion
from agents.examination.task_examination import TaskExamination
from agents.examination.toolbox import Toolbox
from agents.persistence import persistently
from agents.progress import show
from agents.reasoning.reasoning import Reasoning
from agents.specialist import Specialist
from bus import (
    AgentMessage,
    Claim,
    Context,
    Leased,
    MessageBus,
    NotPermittedError,
    Postpone,
    Recorded,
    StoreError,
    TransportError,
)

R = TypeVar("R")

LEASE: Final = 10.0
"""Seconds that a claim holds unless it is renewed; renewed three times as often."""
RECORD_TIME: Final = 60.0
"""Seconds for which a result is tried to be recorded while the ledger is out of reach."""
TELLING_TIME: Final = timedelta(seconds=10)
TELLING_SHARE: Final = 0.05
"""Of the time of a task, kept free to tell what was found and what was not looked at: at most so
much of either."""
CANCELLED_RECORD_TIME: Final = 3.0
"""Seconds that are left for it once the task is cancelled."""

_log = structlog.get_logger(__name__)


class Worker:
    """Does the tasks of one specialist, with a model's help if there is `reasoning`."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        catalog: DatasetCatalog,
        gateway: ToolGateway,
        specialist: Specialist,
        reasoning: Reasoning | None = None,
    ) -> None:
        self._bus = bus
        self._catalog = catalog
        self._gateway = gateway
        self._specialist = specialist
        self._reasoning = reasoning

    async def handle(self, message: AgentMessage[TaskAssigned], context: Context) -> None:
        """Handle one task; the bus's handler for the role's topic."""
        task = message.content
        key = task_key(task.task_id)
        tombstones = cancel_keys(task.request_id, context.principal.subject)
        if await self._bus.ledger.look_up(tombstones):
            return
        entry = await self._bus.ledger.claim(key, owner=uuid4().hex, lease=LEASE)
        match entry:
            case Recorded() as recorded if recorded.is_forgotten:
                return
            case Recorded(value=value):
                result = decode_result(value)
            case Leased(seconds=seconds):
                raise Postpone("Another worker is at this task.", delay=min(max(1.0, seconds), 5.0))
            case Claim() as claim:
                async with self._held(claim):
                    done = await self._work(message, context)
                    kept = Recorded(value=await self._kept(key, encode_result(done)))
                if kept.is_forgotten:
                    return
                result = decode_result(kept.value)
                await self._show_end(message, result)
        await self._tell(message, result, context)

    async def _work(self, message: AgentMessage[TaskAssigned], context: Context) -> TaskResult:
        task = message.content
        started = self._bus.clock.monotonic()
        try:
            if task.disputes:
                done = await self._settle(message, context)
            else:
                done = await self._examine(message, context)
        except (DatasetError, ToolError) as error:
            return TaskFailed(
                request_id=task.request_id,
                task_id=task.task_id,
                role=task.role,
                reason=_failure_reason(error),
                error=str(error),
            )
        seconds = round(self._bus.clock.monotonic() - started, 3)
        return done.model_copy(update={"seconds": seconds})

    async def _examine(
        self, message: AgentMessage[TaskAssigned], context: Context
    ) -> TaskCompleted:
        """Measure, judge, and have a model explain what was found."""
        task = message.content
        await self._show(message, "reading")
        async with self._catalog.open(task.datasets) as data:
            await self._show(message, "checking")
            examination = TaskExamination(
                bus=self._bus,
                gateway=self._gateway,
                specialist=self._specialist,
                message=message,
                caller=self._caller(message, context),
                data=data,
            )
            try:
                findings = tuple(await self._specialist.examine(examination))
            except ToolError:
                examination.put_off_if_cut_off()
                raise
            if not findings:
                examination.put_off_if_cut_off()
            opinion = None
            notes = tuple(examination.notes)
            if self._reasoning is not None:
                await self._show(message, "asking", self._reasoning.model_name)
                toolbox = Toolbox(
                    gateway=self._gateway,
                    caller=examination.caller,
                    data=data,
                    tools=self._specialist.tools,
                    tell=lambda text: self._show(message, "asking", text),
                )
                consultation = self._consultation(self._reasoning, message, examination.caller)
                opinion = await consultation.explain(findings, notes, toolbox)
                notes += tuple(toolbox.notes)
        own = examination.fallback()
        return _completed(task, opinion, own).model_copy(
            update={
                "findings": findings,
                "notes": notes,
                "denied": examination.denied,
            }
        )

    async def _settle(self, message: AgentMessage[TaskAssigned], context: Context) -> TaskCompleted:
        """Take a position on each conflict that the task puts."""
        task = message.content
        if self._reasoning is None:
            positions = tuple(position_by_rule(each, task.role) for each in task.disputes)
            return _completed(task, None, None).model_copy(update={"positions": positions})
        await self._show(message, "asking", self._reasoning.model_name)
        caller = self._caller(message, context)
        consultation = self._consultation(self._reasoning, message, caller)
        return _completed(task, await consultation.settle(task.disputes), None)

    def _caller(self, message: AgentMessage[TaskAssigned], context: Context) -> Caller:
        task = message.content
        every = [tool.name for tool in self._specialist.tools]
        return Caller(
            name=self._specialist.role,
            message=message,
            task_id=task.task_id,
            principal=context.principal,
            deadline=self._last_call(message),
            tools=frozenset(
                every if EVERY_TOOL in task.tools else (*task.tools, *task.unavailable)
            ),
            is_fresh=task.fresh,
        )

    def _last_call(self, message: AgentMessage[TaskAssigned]) -> datetime:
        """Until when tools may be at work: what was measured by then is still told in time."""
        now = self._bus.clock.now()
        end = message.expires_at or now + timedelta(seconds=MAX_DEADLINE)
        return end - min(TELLING_TIME, TELLING_SHARE * (end - now))

    def _consultation(
        self, reasoning: Reasoning, message: AgentMessage[TaskAssigned], caller: Caller
    ) -> Consultation:
        return Consultation(
            reasoning=reasoning,
            specialist=self._specialist,
            message=message,
            principal=caller.principal,
            deadline=caller.deadline,
        )

    async def _show_end(self, message: AgentMessage[TaskAssigned], result: TaskResult) -> None:
        match result:
            case TaskFailed(error=error):
                await self._show(message, "failed", error)
            case TaskCompleted() if message.content.disputes:
                await self._show(message, "done", "answered the others")
            case TaskCompleted(findings=findings):
                await self._show(message, "done", findings=len(findings))

    async def _show(
        self,
        message: AgentMessage[TaskAssigned],
        phase: Phase,
        text: str = "",
        findings: int = 0,
    ) -> None:
        await show(self._bus, message, self._specialist.role, phase, text, findings)

    async def _kept(self, key: str, result: bytes) -> bytes:
        """Record what was worked for, also while the ledger is out of reach or the task cancelled.

        The work is done and perhaps paid for: whoever takes the task next must find it.
        """
        recording = asyncio.ensure_future(
            persistently(
                lambda: self._bus.ledger.record(key, result),
                clock=self._bus.clock,
                seconds=RECORD_TIME,
            )
        )
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            await asyncio.wait([recording], timeout=CANCELLED_RECORD_TIME)
            recording.cancel()
            raise

    @asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncIterator[None]:
        """Keep the lease alive; give the claim up if the block fails before the record ends it."""
        renewing = asyncio.create_task(self._renew(claim), name=f"lease of {claim.key}")
        try:
            yield
        except BaseException:
            await self._give_up(claim)
            raise
        finally:
            renewing.cancel()

    async def _give_up(self, claim: Claim) -> None:
        """Release the claim; where that fails its lease runs out, and hides no other failure."""
        try:
            await self._bus.ledger.release(claim)
        except (StoreError, TransportError) as error:
            _log.warning("agents.claim.unreleased", key=claim.key, error=str(error))

    async def _renew(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                held = await self._bus.ledger.renew(claim, lease=LEASE)
            except (StoreError, TransportError) as error:
                _log.warning("agents.lease.unrenewed", key=claim.key, error=str(error))
                continue
            if not held:
                _log.warning("agents.lease.gone", key=claim.key)
                return

    async def _tell(
        self, message: AgentMessage[TaskAssigned], result: TaskResult, context: Context
    ) -> None:
        if message.is_expired(self._bus.clock.now()):
            _log.info("agents.result.late", task=message.content.task_id)
            return
        try:
            await self._bus.reply(message, result, sender=self._specialist.role, echo=context.echo)
        except (TransportError, StoreError, NotPermittedError) as error:
            _log.warning("agents.reply.undelivered", error=str(error))


def _completed(task: TaskAssigned, opinion: Opinion | None, own: Fallback | None) -> TaskCompleted:
    """The result of a task, at the lower of the levels of its checks and of its model."""
    levels: list[FallbackLevel] = ["full"]
    fallbacks: list[Fallback] = []
    if opinion is not None:
        levels.append(opinion.level)
        fallbacks += opinion.fallbacks
    if own is not None:
        levels.append(own.level)
        fallbacks.append(own)
    level = max(levels, key=LEVELS.index)
    completed = TaskCompleted(
        request_id=task.request_id,
        task_id=task.task_id,
        role=task.role,
        findings=(),
        fallback_level=level,
        fallbacks=tuple(fallbacks),
    )
    if opinion is None:
        return completed
    return completed.model_copy(
        update={
            "model": opinion.model,
            "claims": opinion.claims,
            "dropped_claims": opinion.dropped,
            "measurements": opinion.measurements,
            "positions": opinion.positions,
            "usage": opinion.usage,
            "charged": opinion.charged,
        }
    )


def _failure_reason(error: DatasetError | ToolError) -> FailureReason:
    match error:
        case DatasetChangedError():
            return "dataset_changed"
        case DatasetError():
            return "dataset_unreachable"
        case ToolDeniedError():
            return "not_permitted"
        case _:
            return "tool_failed"
