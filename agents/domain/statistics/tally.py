"""`Tally`: counts one recorded message after the other, and says what they come to.

*Guarantees*: copies of a message about one task or report count once; a message that cannot be
understood is counted as unread and changes nothing else. Memory grows by 16 bytes for each call and
some hundred bytes for each request and task, never with what messages carry.

*Not here*: where the records come from; `agents.cli.stats` reads them page by page.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from agents.domain.role import ORCHESTRATOR
from agents.domain.statistics.advice import advise
from agents.domain.statistics.calls import MadeAt, Remade, Spending, seconds, times_of
from agents.domain.statistics.figures import RequestFigures, Statistics
from agents.domain.statistics.groups import (
    OTHERS,
    CircuitTally,
    ModelTally,
    RoleTally,
    ToolTally,
)
from agents.domain.statistics.readings import (
    Asked,
    Assigned,
    Change,
    Completed,
    Failed,
    Faulted,
    ModelCall,
    Published,
    Record,
    ToolCall,
    read,
)

MAX_NAMES: Final = 1_000
"""Roles, tools, models or circuits that are told apart; the rest is counted as `OTHERS`."""
_canonical: Final = json.JSONEncoder(sort_keys=True).encode

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class _Request:
    """A request whose asking was seen; `fault` is how it ended if it had no report."""

    message_id: str
    is_reported: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A task under way; `data` stands for the versions of its datasets."""

    assigned_at: float | None
    data: bytes


class Tally:
    """The figures of the records that it was given."""

    def __init__(self) -> None:
        self.requests: dict[str, _Request] = {}
        self._records = 0
        self._unread = 0
        self._first = ""
        self._last = ""
        self._roles: dict[str, RoleTally] = {}
        self._tools: dict[str, ToolTally] = {}
        self._models: dict[str, ModelTally] = {}
        self._circuits: dict[str, CircuitTally] = {}
        self._spending = Spending()
        self._tasks: dict[str, _Task] = {}
        self._ended_tasks: set[str] = set()
        self._reported: set[str] = set()
        self._reports: Counter[str] = Counter()
        self._to_report = seconds()
        self._fresh: set[str] = set()
        self._made_at = MadeAt()

    def add(self, record: Record) -> None:
        """Count `record`."""
        try:
            reading = read(record)
        except ValidationError:
            self._unread += 1
            return
        if reading is None:
            return
        self._records += 1
        if record.time:
            self._first = min(self._first or record.time, record.time)
            self._last = max(self._last, record.time)
        match reading.data:
            case ToolCall() as call:
                self._tool_called(record, call)
            case ModelCall() as call:
                self._model_called(record, call)
            case Assigned() as task:
                self._assigned(record, task)
            case Completed() as result:
                self._completed(record, result)
            case Failed() as result:
                self._failed(result)
            case Published() as report:
                self._published(report)
            case Asked() as asked:
                self._asked(record, is_fresh=asked.fresh or reading.replayof is not None)
            case Change() as change:
                self._changed(change)
            case Faulted() as fault:
                self._faulted(record, fault)

    def statistics(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        request: str | None = None,
    ) -> Statistics:
        """What was counted, with the advice that follows; the arguments are what was asked for."""
        figures = Statistics(
            since=since,
            until=until,
            request=request,
            first_at=_instant(self._first),
            last_at=_instant(self._last),
            records=self._records,
            unread=self._unread,
            requests=self._request_figures(),
            roles=tuple(each.figures(name) for name, each in sorted(self._roles.items())),
            tools=tuple(
                each.figures(name, breaker_trips=self._trips(name))
                for name, each in sorted(self._tools.items())
            ),
            models=tuple(
                each.figures(
                    name,
                    breaker_trips=sum(self._trips(f"model:{one}") for one in each.endpoints),
                )
                for name, each in sorted(self._models.items())
            ),
            circuits=tuple(each.figures(name) for name, each in sorted(self._circuits.items())),
            usage=self._spending.usage(),
        )
        advice, no_advice = advise(figures)
        return figures.model_copy(update={"advice": advice, "no_advice": no_advice})

    def _tool_called(self, record: Record, call: ToolCall) -> None:
        tool = _named(self._tools, call.tool, ToolTally)
        tool.calls.add(call.status, call.source, call.seconds)
        role = _named(self._roles, call.caller, RoleTally)
        role.tool_calls.add(call.status, call.source, call.seconds)
        task = self._tasks.get(call.task_id) if call.task_id is not None else None
        if task is not None and call.effect == "pure":
            key = _digest([call.tool, call.arguments, task.data.hex()])
            self._note_made(record, call, key, tool.remade)

    def _model_called(self, record: Record, call: ModelCall) -> None:
        model = _named(self._models, call.model, ModelTally)
        role = _named(self._roles, call.caller, RoleTally)
        for calls in (model.calls, role.model_calls):
            calls.add(call.status, call.source, call.seconds)
        for spending in (model.spending, role.spending, self._spending):
            spending.add(call.usage)
            spending.note_course(
                call.attempts, call.waited, is_throttled=call.status == "throttled"
            )
        if len(model.endpoints) < MAX_NAMES:
            model.endpoints.add(call.endpoint)
        self._note_made(record, call, _digest([call.model, call.key]), model.remade)

    def _note_made(
        self, record: Record, call: ToolCall | ModelCall, key: bytes, remade: Remade
    ) -> None:
        """Notice whether an answer is made again; where nothing kept may answer, it has to be."""
        ended_at = _seconds(record.time)
        is_fresh = record.correlation_id in self._fresh
        if call.status != "succeeded" or ended_at is None or is_fresh:
            return
        if call.source == "made":
            started_at = ended_at - call.seconds
            self._made_at.note(key, remade, started=started_at, ended=ended_at)
        elif call.source != "shared":
            remade.oldest = max(remade.oldest or 0.0, call.age)

    def _assigned(self, record: Record, task: Assigned) -> None:
        role = _named(self._roles, task.role, RoleTally)
        if task.task_id in self._tasks or task.task_id in self._ended_tasks:
            role.assigned_again += 1
            return
        role.tasks += 1
        data = _digest([each.version for each in task.datasets])
        self._tasks[task.task_id] = _Task(assigned_at=_seconds(record.time), data=data)

    def _completed(self, record: Record, result: Completed) -> None:
        task = self._tasks.pop(result.task_id, None)
        if result.task_id in self._ended_tasks:
            return
        self._ended_tasks.add(result.task_id)
        role = _named(self._roles, result.role, RoleTally)
        role.completed += 1
        role.work.append(result.seconds)
        completed_at = _seconds(record.time)
        if task is not None and task.assigned_at is not None and completed_at is not None:
            role.waiting.append(max(0.0, completed_at - task.assigned_at - result.seconds))
        role.levels[result.fallback_level] += 1
        for fallback in result.fallbacks:
            role.note_fallback(fallback.level, fallback.reason)
        role.claims += len(result.claims)
        role.dropped_claims += result.dropped_claims

    def _failed(self, result: Failed) -> None:
        self._tasks.pop(result.task_id, None)
        if result.task_id not in self._ended_tasks:
            self._ended_tasks.add(result.task_id)
            _named(self._roles, result.role, RoleTally).failed[result.reason] += 1

    def _asked(self, record: Record, *, is_fresh: bool) -> None:
        if record.correlation_id is None:
            return
        self.requests.setdefault(record.correlation_id, _Request(message_id=record.id))
        if is_fresh:
            self._fresh.add(record.correlation_id)

    def _published(self, report: Published) -> None:
        """The first report of a request is the report."""
        if report.request_id in self._reported:
            return
        self._reported.add(report.request_id)
        self._reports[report.status] += 1
        self._to_report.append(report.run.seconds)
        if report.narrative or report.dropped_claims or report.fallbacks:
            role = _named(self._roles, ORCHESTRATOR, RoleTally)
            for fallback in report.fallbacks:
                role.note_fallback(fallback.level, fallback.reason)
            role.claims += len(report.narrative)
            role.dropped_claims += report.dropped_claims
        if report.request_id in self.requests:
            self.requests[report.request_id].is_reported = True

    def _faulted(self, record: Record, fault: Faulted) -> None:
        """The fault of a task, which concerns no request as a whole, is told by its report."""
        request = self.requests.get(record.correlation_id or "")
        if request is not None and request.message_id == record.causation_id:
            request.fault = fault.reason

    def _changed(self, change: Change) -> None:
        if change.after != "open":
            return
        circuit = _named(self._circuits, change.name, CircuitTally)
        if change.before == "half_open":
            circuit.reopened += 1
        elif change.before == "closed":
            circuit.trips += 1

    def _request_figures(self) -> RequestFigures:
        ends = [each for each in self.requests.values() if not each.is_reported]
        return RequestFigures(
            asked=len(self.requests),
            reports=dict(sorted(self._reports.items())),
            faulted=dict(sorted(Counter(each.fault for each in ends if each.fault).items())),
            unfinished=sum(each.fault is None for each in ends),
            time_to_report=times_of(self._to_report),
        )

    def _trips(self, circuit: str) -> int:
        known = self._circuits.get(circuit)
        return known.trips if known is not None else 0


def _named(table: dict[str, T], name: str, new: Callable[[], T]) -> T:
    """The entry of `name`, made when first asked for."""
    entry = table.get(name)
    if entry is None:
        if len(table) >= MAX_NAMES:
            name = OTHERS
        entry = table.setdefault(name, new())
    return entry


def _digest(value: Any) -> bytes:
    """The same for JSON that is equal whatever the order of its keys."""
    return blake2b(_canonical(value).encode(), digest_size=8).digest()


def _instant(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time)
    except ValueError:
        return None


def _seconds(time: str) -> float | None:
    instant = _instant(time)
    return None if instant is None else instant.timestamp()
