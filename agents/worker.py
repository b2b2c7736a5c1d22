"""The worker of one role: claim a task, examine, record, reply.

*Guarantees*: a task is worked on by one worker at a time, however often it is delivered; its result
is recorded before it is told, and a task with a result is answered from the record. A result that
cannot be told is not lost: the orchestrator looks into the ledger.

*Not here*: what is examined; that is the specialist's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import uuid4

import structlog

from agents.dataset import DatasetCatalog, Datasets
from agents.domain.identity import cancel_key, task_key
from agents.domain.request import MAX_DEADLINE
from agents.domain.routing import EVERY_TOOL
from agents.domain.task import (
    FailureReason,
    Phase,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
    TaskResult,
    decode_result,
    encode_result,
)
from agents.errors import DatasetChangedError, DatasetError, ToolDeniedError, ToolError
from agents.messages import progress_topic
from agents.specialist import Specialist
from agents.tool import Tool
from agents.tool_gateway import Caller, ToolGateway
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

_log = structlog.get_logger(__name__)


class Worker:
    """Does the tasks of one specialist."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        catalog: DatasetCatalog,
        gateway: ToolGateway,
        specialist: Specialist,
    ) -> None:
        self._bus = bus
        self._catalog = catalog
        self._gateway = gateway
        self._specialist = specialist

    async def handle(self, message: AgentMessage[TaskAssigned], context: Context) -> None:
        """Handle one task; the bus's handler for the role's topic."""
        task = message.content
        key = task_key(task.task_id)
        if await self._bus.ledger.look_up([cancel_key(task.request_id)]):
            return
        entry = await self._bus.ledger.claim(key, owner=uuid4().hex, lease=LEASE)
        match entry:
            case Recorded(value=value):
                result = decode_result(value)
            case Leased(seconds=seconds):
                raise Postpone("Another worker is at this task.", delay=max(1.0, seconds))
            case Claim() as claim:
                async with self._held(claim):
                    done = await self._work(message, context)
                    result = decode_result(await self._bus.ledger.record(key, encode_result(done)))
        await self._tell(message, result, context)

    async def _work(self, message: AgentMessage[TaskAssigned], context: Context) -> TaskResult:
        task = message.content
        started = self._bus.clock.monotonic()
        try:
            await _show(self._bus, message, "reading")
            async with self._catalog.open(task.datasets) as data:
                await _show(self._bus, message, "checking")
                examination = _Examination(
                    bus=self._bus,
                    gateway=self._gateway,
                    specialist=self._specialist,
                    message=message,
                    context=context,
                    data=data,
                )
                findings = await self._specialist.examine(examination)
        except (DatasetError, ToolError) as error:
            await _show(self._bus, message, "failed", str(error))
            return TaskFailed(
                request_id=task.request_id,
                task_id=task.task_id,
                role=task.role,
                reason=_failure_reason(error),
                error=str(error),
            )
        await _show(self._bus, message, "done", findings=len(findings))
        return TaskCompleted(
            request_id=task.request_id,
            task_id=task.task_id,
            role=task.role,
            findings=tuple(findings),
            notes=tuple(examination.notes),
            fallback_level="partial" if examination.is_partial else "full",
            seconds=round(self._bus.clock.monotonic() - started, 3),
        )

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


class _Examination:
    """One task as its specialist sees it: `agents.specialist.Examination`."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        gateway: ToolGateway,
        specialist: Specialist,
        message: AgentMessage[TaskAssigned],
        context: Context,
        data: Datasets,
    ) -> None:
        task = message.content
        every = [tool.name for tool in specialist.tools]
        self.notes: list[str] = []
        self.is_partial = False
        self._bus = bus
        self._gateway = gateway
        self._message = message
        self._data = data
        self._caller = Caller(
            name=specialist.role,
            message=message,
            task_id=task.task_id,
            principal=context.principal,
            deadline=message.expires_at or bus.clock.now() + timedelta(seconds=MAX_DEADLINE),
            tools=frozenset(every if EVERY_TOOL in task.tools else task.tools),
        )

    @property
    def task(self) -> TaskAssigned:
        return self._message.content

    def has(self, tool: Tool[Any]) -> bool:
        return tool.name in self._caller.tools

    async def use(self, tool: Tool[R], /, **arguments: Any) -> R:
        try:
            return await self._gateway.call(tool, arguments, caller=self._caller, data=self._data)
        except ToolError:
            self.is_partial = True
            raise

    async def note(self, text: str) -> None:
        self.notes.append(text)

    async def progress(self, text: str) -> None:
        await _show(self._bus, self._message, "checking", text)


async def _show(
    bus: MessageBus,
    message: AgentMessage[TaskAssigned],
    phase: Phase,
    text: str = "",
    findings: int = 0,
) -> None:
    """Tell whoever watches; nobody is harmed if it does not arrive."""
    task = message.content
    progressed = TaskProgressed(
        request_id=task.request_id, role=task.role, phase=phase, text=text, findings=findings
    )
    try:
        await bus.publish(
            progressed, to=progress_topic(task.request_id), sender=task.role, cause=message
        )
    except (TransportError, StoreError) as error:
        _log.debug("agents.progress.unseen", error=str(error))


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
