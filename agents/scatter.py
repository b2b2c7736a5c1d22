"""The tasks of one plan: assigning them, and telling from the ledger what became of them.

*Guarantees*: only a task that has neither a record nor a live lease is assigned, again as well; a
role that nobody serves is noticed, at once if nobody ever did.
"""

import asyncio
from datetime import datetime
from typing import Any, Final, assert_never

import structlog

from agents.domain.gather import Cancelled, Gather, GatherEvent, ResultArrived, RoleFaulted
from agents.domain.identity import task_id, task_key
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.role import ORCHESTRATOR, role_group, task_topic
from agents.domain.task import (
    AnalysisPlanned,
    Assignment,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
    decode_result,
)
from agents.messages import progress_topic
from bus import AgentMessage, Fault, Leased, MessageBus, Recorded, TransportError, UnroutableError

ASSIGN_AGAIN_AFTER: Final = 60.0
"""Seconds after which a task that nobody has claimed or recorded is assigned once more."""

_log = structlog.get_logger(__name__)


class Scatter:
    """Which tasks of a plan this process assigned, and when."""

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
