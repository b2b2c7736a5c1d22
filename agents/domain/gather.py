"""Scatter-gather as a state machine: who has answered, what is missing, when it is over.

`advance(gather, event, now)` gives the next gather and what is to be done about it. Nothing here
sends, waits or reads a clock.

*Guarantees* (property-tested): the order of replies does not change how a gather closes; a repeated
reply changes nothing; a closed gather stays as it closed and only counts what comes late; every
role is in the end answered or missing with a reason.

*Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Scatter-Gather and Aggregator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias, assert_never

from agents.domain.request import GatherPolicy
from agents.domain.task import TaskCompleted, TaskFailed

GatherStatus: TypeAlias = Literal["complete", "partial", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing is known of this role's task but that it was, or is to be, assigned."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The role's result is in."""

    result: TaskCompleted


@dataclass(frozen=True, slots=True)
class Lacking:
    """There will be no result of this role; `reason` is one sentence."""

    reason: str
    is_denied: bool = False


RoleState: TypeAlias = Open | Answered | Lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    """The state of one request's gather; `status` is None while it is open."""

    policy: GatherPolicy
    deadline: datetime
    roles: Mapping[str, RoleState] = field(default_factory=lambda: MappingProxyType({}))
    status: GatherStatus | None = None
    late: int = 0

    @property
    def open_roles(self) -> tuple[str, ...]:
        """The roles that may still answer."""
        return tuple(role for role, state in self.roles.items() if isinstance(state, Open))

    @property
    def results(self) -> Mapping[str, TaskCompleted]:
        """What has come in, by role."""
        return {
            role: state.result for role, state in self.roles.items() if isinstance(state, Answered)
        }

    @property
    def missing(self) -> Mapping[str, str]:
        """Why there is no result, by role."""
        return {
            role: state.reason for role, state in self.roles.items() if isinstance(state, Lacking)
        }

    @property
    def denied(self) -> Mapping[str, tuple[str, ...]]:
        """What was not permitted, by role, one sentence each."""
        denied = {role: result.denied for role, result in self.results.items() if result.denied}
        return denied | {
            role: (state.reason,)
            for role, state in self.roles.items()
            if isinstance(state, Lacking) and state.is_denied
        }


@dataclass(frozen=True, slots=True)
class ResultArrived:
    """A specialist's result, from a reply or from the record; which of the two is all the same."""

    result: TaskCompleted | TaskFailed


@dataclass(frozen=True, slots=True)
class RoleFaulted:
    """The role's task cannot be handled: parked, unroutable or expired."""

    role: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Whoever asked no longer wants it."""


GatherEvent: TypeAlias = ResultArrived | RoleFaulted | Ticked | Cancelled


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Nothing to do before `at`, unless an event comes: then send Ticked."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Close:
    """The gather is over; comes exactly once."""

    status: GatherStatus


Effect: TypeAlias = WakeAt | Close


def begin(
    roles: tuple[str, ...], policy: GatherPolicy, *, now: datetime, deadline: datetime
) -> Gather:
    """A gather over `roles`, none of which has answered."""
    due_at = min(deadline, now + timedelta(seconds=policy.task_timeout))
    return Gather(policy=policy, deadline=deadline, roles={role: Open(due_at) for role in roles})


def advance(gather: Gather, event: GatherEvent, now: datetime) -> tuple[Gather, tuple[Effect, ...]]:
    """The gather after `event` at `now`, and what follows: at most one effect."""
    if gather.status is not None:
        late = isinstance(event, ResultArrived) and _is_news(gather, event.result)
        return (replace(gather, late=gather.late + 1) if late else gather), ()
    match event:
        case ResultArrived(result=result):
            gather = _with(gather, result.role, _state_after(result))
        case RoleFaulted(role=role, reason=reason):
            gather = _with(gather, role, Lacking(reason))
        case Ticked():
            gather = _overdue(gather, now)
        case Cancelled():
            for role in gather.open_roles:
                gather = _with(gather, role, Lacking("The request was cancelled."))
            return replace(gather, status="cancelled"), (Close("cancelled"),)
        case _:
            assert_never(event)
    waiting = [state.due_at for state in gather.roles.values() if isinstance(state, Open)]
    if waiting:
        return gather, (WakeAt(min(waiting)),)
    status = _closing_status(gather)
    return replace(gather, status=status), (Close(status),)


def _state_after(result: TaskCompleted | TaskFailed) -> RoleState:
    if isinstance(result, TaskCompleted):
        return Answered(result)
    return Lacking(result.error, is_denied=result.reason == "not_permitted")


def _with(gather: Gather, role: str, state: RoleState) -> Gather:
    """The role in its new state, if it was open: what came first stays."""
    if not isinstance(gather.roles.get(role), Open):
        return gather
    return replace(gather, roles={**gather.roles, role: state})


def _overdue(gather: Gather, now: datetime) -> Gather:
    for role, state in gather.roles.items():
        if isinstance(state, Open) and now >= state.due_at:
            gather = _with(gather, role, Lacking("It did not answer in time."))
    return gather


def _closing_status(gather: Gather) -> GatherStatus:
    results, missing = gather.results, gather.missing
    if not missing:
        return "complete"
    enough = len(results) >= gather.policy.quorum and len(results) > 0
    required = all(role in results for role in gather.policy.required)
    return "partial" if enough and required else "failed"


def _is_news(gather: Gather, result: TaskCompleted | TaskFailed) -> bool:
    """Whether a late result tells something that the closed gather does not have."""
    return isinstance(result, TaskCompleted) and isinstance(gather.roles.get(result.role), Lacking)
