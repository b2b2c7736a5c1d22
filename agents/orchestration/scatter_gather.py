"""The tasks of one plan: assign them, gather what comes back, notice what does not.

*Guarantees*: only a task that has neither a record nor a live lease is assigned, again as well. The
record is the truth and a reply only a hint: a result whose reply was lost is found in the ledger. A
role that nobody serves is noticed, at once if nobody ever did.

*Not here*: when a gather closes, and as what; that is `agents.domain.gather`.

*Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Scatter-Gather.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

import structlog

from agents.domain.gather import (
    Cancelled,
    Close,
    Gather,
    GatherEvent,
    ResultArrived,
    RoleFaulted,
    Ticked,
    WakeAt,
    advance,
    begin,
)
from agents.domain.identity import task_id, task_key
from agents.domain.request import AnalysisRequested, GatherPolicy
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
from agents.progress import show
from bus import (
    AgentMessage,
    Fault,
    Leased,
    MessageBus,
    Principal,
    Recorded,
    TransportError,
    UnroutableError,
)

LOOK_EVERY: Final = 2.0
"""Seconds between looks at the ledger while replies are awaited."""
ASSIGN_AGAIN_AFTER: Final = 60.0
"""Seconds after which a task that nobody has claimed or recorded is assigned once more."""

_log = structlog.get_logger(__name__)


class ScatterGather:
    """One gather of one request in this process; once `cancelled` is set it closes as that."""

    def __init__(
        self,
        *,
        bus: MessageBus,
        request: AgentMessage[AnalysisRequested],
        principal: Principal,
        plan: AnalysisPlanned,
        plan_bytes: bytes,
        deadline: datetime,
        policy: GatherPolicy,
        cancelled: asyncio.Event,
    ) -> None:
        self.request_id = plan.request_id
        self._bus = bus
        self._request = request
        self._principal = principal
        self._plan = plan
        self._deadline = self._due_at = deadline
        self._policy = policy
        self._cancelled = cancelled
        self._assignments = {assignment.role: assignment for assignment in plan.assignments}
        self._task_ids = {
            role: task_id(plan.request_id, role, plan_bytes) for role in self._assignments
        }
        self._roles_by_message: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._assigned_at: dict[str, datetime] = {}
        self._unattended_since: dict[str, datetime] = {}

    async def run(self) -> Gather:
        """The gather, closed."""
        now = self._bus.clock.now()
        gather = begin(tuple(self._assignments), self._policy, now=now, deadline=self._deadline)
        self._due_at = min(self._deadline, now + timedelta(seconds=self._policy.task_timeout))
        async with self._bus.collect(self.request_id) as replies:
            cancelled = self._cancelled.is_set()
            events = [Cancelled()] if cancelled else await self._look(gather.open_roles)
            while True:
                wake_at = self._deadline
                for event in [*events, Ticked()]:
                    if isinstance(event, RoleFaulted):
                        await self._show_missing(event)
                    gather, effects = advance(gather, event, self._bus.clock.now())
                    for effect in effects:
                        match effect:
                            case Close():
                                return gather
                            case WakeAt(at=at):
                                wake_at = at
                events = await self._next(replies, wake_at, gather)

    async def _show_missing(self, fault: RoleFaulted) -> None:
        await show(
            self._bus, self._request, fault.role, "missing", fault.reason, sender=ORCHESTRATOR
        )

    async def _next(
        self, replies: asyncio.Queue[AgentMessage[Any]], wake_at: datetime, gather: Gather
    ) -> list[GatherEvent]:
        """The next events: an order to cancel, a reply, else what the ledger shows."""
        wait = max(0.0, (wake_at - self._bus.clock.now()).total_seconds())
        reply = asyncio.ensure_future(replies.get())
        cancelled = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait(
                {reply, cancelled},
                timeout=min(wait, LOOK_EVERY),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if cancelled.done():
                return [Cancelled()]
            if reply.done():
                return await self._events_of(reply.result())
            return await self._look(gather.open_roles)
        finally:
            reply.cancel()
            cancelled.cancel()

    async def _events_of(self, message: AgentMessage[Any]) -> list[GatherEvent]:
        """What a message in the conversation means to the gather: 0 or 1 events."""
        match message.content:
            case TaskCompleted() | TaskFailed() as result:
                ours = self._task_ids.get(result.role) == result.task_id
                ours = ours and message.sender == result.role
                return [ResultArrived(result)] if ours else []
            case Fault() as fault if message.causation_id in self._roles_by_message:
                role = self._roles_by_message[message.causation_id]
                self._faults[role] = f"Its task was set aside ({fault.reason}): {fault.error}"
                return await self._look([role])  # another copy of it may have a result, or a worker
            case _:
                return []

    async def _look(self, roles: Sequence[str]) -> list[GatherEvent]:
        """Events from the ledger; what it does not know of is attended to."""
        tasks = {task_key(self._task_ids[role]): role for role in roles}
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
        attended = await asyncio.gather(*map(self._attend_to, unclaimed))
        return [*events, *(event for event in attended if event is not None)]

    async def _attend_to(self, role: str) -> GatherEvent | None:
        """Assign, or assign again, or notice that nobody is there or the task set aside."""
        if role in self._faults:
            return RoleFaulted(role, self._faults[role])
        now = self._bus.clock.now()
        assigned_at = self._assigned_at.get(role)
        if assigned_at is None or (now - assigned_at).total_seconds() >= ASSIGN_AGAIN_AFTER:
            return await self._assign(self._assignments[role])
        if await self._bus.consumers(role_group(role)):
            self._unattended_since.pop(role, None)
            return None
        since = self._unattended_since.setdefault(role, now)
        if (now - since).total_seconds() < self._policy.absent_timeout:
            return None
        return RoleFaulted(role, f"No worker is running: start `convener worker {role}`.")

    async def _assign(self, assignment: Assignment) -> GatherEvent | None:
        role = assignment.role
        try:
            message = await self._bus.publish(
                self._task(assignment),
                to=task_topic(role),
                sender=ORCHESTRATOR,
                cause=self._request,
                reply_to=self._bus.reply_topic,
                expires_at=self._due_at,
                on_behalf_of=self._principal,
            )
            self._roles_by_message[message.id] = role
            self._assigned_at[role] = message.timestamp
            await self._bus.publish(
                TaskProgressed(request_id=self.request_id, role=role, phase="assigned"),
                to=progress_topic(self.request_id),
                sender=ORCHESTRATOR,
                cause=self._request,
            )
        except UnroutableError:
            return RoleFaulted(
                role, f"No worker has ever been started: start `convener worker {role}`."
            )
        except TransportError as error:  # tried again at the next look
            _log.warning("agents.task.unassigned", role=role, error=str(error))
        return None

    def _task(self, assignment: Assignment) -> TaskAssigned:
        return TaskAssigned(
            request_id=self.request_id,
            task_id=self._task_ids[assignment.role],
            role=assignment.role,
            question=self._plan.question,
            questions=assignment.questions,
            tools=assignment.tools,
            datasets=self._plan.datasets,
            route=self._plan.route,
            unavailable=assignment.unavailable,
            characteristics=self._plan.characteristics,
            disputes=assignment.disputes,
            budget=assignment.budget,
            fresh=self._plan.fresh,
            requested_at=self._plan.requested_at,
        )
