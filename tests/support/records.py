"""Recorded messages of an analysis, as the history gives them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from agents.domain.call import CircuitChanged, ModelCalled, PromptUsed, ToolCalled
from agents.domain.report import Run
from agents.domain.request import AnalysisRequested, DatasetReference
from agents.domain.task import TaskAssigned, TaskCompleted, TaskFailed
from bus import AgentMessage, HistoryRecord, MessageId, Payload, Position
from bus.domain.codec import encode, format_instant
from tests.support.reported import FLIGHTS, ROUTE, report

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

_numbers = count(1)


def record(
    content: Payload, *, at: float = 0.0, request: str = "r1", **details: Any
) -> HistoryRecord:
    """`content` as it was recorded `at` seconds after `NOON`, in the conversation `request`."""
    number = next(_numbers)
    message = AgentMessage(
        id=MessageId(details.get("id", f"m{number}")),
        sender=details.get("sender", "somebody"),
        recipient="somewhere",
        content=content,
        timestamp=NOON + timedelta(seconds=at),
        correlation_id=request,
        causation_id=details.get("cause"),
        metadata=details.get("metadata", {}),
    )
    return HistoryRecord(
        position=Position(number),
        id=message.id,
        message_type=message.message_type,
        topic=message.recipient,
        source=message.sender,
        time=format_instant(message.timestamp),
        correlation_id=message.correlation_id,
        causation_id=message.causation_id,
        body=encode(message),
    )


def asked(request: str = "r1", *, at: float = 0.0, **details: Any) -> HistoryRecord:
    content = AnalysisRequested(
        datasets=(DatasetReference(location="/data/flights.parquet"),),
        fresh=details.pop("fresh", False),
    )
    return record(content, at=at, request=request, **details)


def assigned(
    task: str = "t1", *, role: str = "security", at: float = 0.0, request: str = "r1"
) -> HistoryRecord:
    content = TaskAssigned(
        request_id=request,
        task_id=task,
        role=role,
        question="",
        questions=(),
        tools=(),
        datasets=(FLIGHTS,),
        route=ROUTE,
    )
    return record(content, at=at, request=request, sender="orchestrator")


def completed(
    task: str = "t1", *, role: str = "security", at: float = 0.0, request: str = "r1", **given: Any
) -> HistoryRecord:
    content = TaskCompleted(request_id=request, task_id=task, role=role, findings=(), **given)
    return record(content, at=at, request=request, sender=role)


def failed(task: str = "t1", *, role: str = "security", at: float = 0.0) -> HistoryRecord:
    content = TaskFailed(
        request_id="r1", task_id=task, role=role, reason="tool_failed", error="It broke."
    )
    return record(content, at=at, sender=role)


def tool_called(
    tool: str = "profile", *, at: float = 0.0, request: str = "r1", **given: Any
) -> HistoryRecord:
    content = ToolCalled(
        **{
            "tool": tool,
            "arguments": {},
            "caller": "security",
            "request_id": request,
            "task_id": "t1",
            "status": "succeeded",
            "effect": "pure",
            "seconds": 0.1,
            **given,
        }
    )
    return record(content, at=at, request=request, sender=content.caller)


def model_called(
    model: str = "openai:small", *, at: float = 0.0, request: str = "r1", **given: Any
) -> HistoryRecord:
    content = ModelCalled(
        **{
            "model": model,
            "endpoint": f"{model}@host key-0123abcd",
            "caller": "security",
            "request_id": request,
            "task_id": "t1",
            "purpose": "examine",
            "prompt": PromptUsed(name="security", version="1"),
            "key": "k",
            "status": "succeeded",
            "attempts": 1,
            "seconds": 2.0,
            **given,
        }
    )
    return record(content, at=at, request=request, sender=content.caller)


def circuit_changed(name: str, before: Any, after: Any, *, at: float = 0.0) -> HistoryRecord:
    content = CircuitChanged(name=name, before=before, after=after, retry_after=5.0, host="here")
    return record(content, at=at, request=f"circuit {name}")


def published(
    request: str = "r1",
    *,
    status: str = "complete",
    seconds: float = 3.0,
    at: float = 0.0,
    **given: Any,
) -> HistoryRecord:
    run = Run(
        requested_at=NOON, finished_at=NOON + timedelta(seconds=seconds), seconds=seconds, host="h"
    )
    content = report(request_id=request, status=status, run=run, **given)
    return record(content, at=at, request=request, sender="orchestrator")
