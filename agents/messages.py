"""Every payload that agents exchange: the registry that a bus needs to carry an analysis."""

from typing import Final, TypeAlias

from agents.domain.call import CircuitChanged, ModelCalled, ToolCalled
from agents.domain.circuit import CircuitForced, CircuitsAsked, CircuitsShown
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.role import ORCHESTRATOR, task_topic
from agents.domain.task import (
    AnalysisPlanned,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
)
from bus import EVERY, AuditRecorded, Fault, Payload, Registry, Rule, Rules, event_topic

AgentPayload: TypeAlias = (
    AnalysisRequested
    | AnalysisPlanned
    | AnalysisCancelled
    | TaskAssigned
    | TaskProgressed
    | TaskCompleted
    | TaskFailed
    | ToolCalled
    | ModelCalled
    | CircuitChanged
    | CircuitForced
    | CircuitsAsked
    | CircuitsShown
    | ReportPublished
    | AuditRecorded
    | Fault
)
"""The closed union of our own payloads, for `match`."""

REGISTRY: Final = Registry(
    AnalysisRequested,
    AnalysisPlanned,
    AnalysisCancelled,
    TaskAssigned,
    TaskProgressed,
    TaskCompleted,
    TaskFailed,
    ToolCalled,
    ModelCalled,
    CircuitChanged,
    CircuitForced,
    CircuitsAsked,
    CircuitsShown,
    ReportPublished,
    AuditRecorded,
    Fault,
)

_BY_ORCHESTRATOR: Final = Rule(services=frozenset({ORCHESTRATOR}))
_BY_SERVICE: Final = Rule(services=frozenset({EVERY}))
_BY_PERSON: Final = Rule(users=True)
_BY_OPERATOR: Final = Rule(users=True, scopes=frozenset({"admin_operations"}))

RULES: Final = Rules(
    by_type={
        AnalysisRequested.message_type: _BY_PERSON,
        AnalysisCancelled.message_type: _BY_PERSON,
        CircuitsAsked.message_type: _BY_PERSON,
        CircuitForced.message_type: _BY_OPERATOR,
        TaskAssigned.message_type: Rule(services=frozenset({ORCHESTRATOR}), delegated=True),
        AnalysisPlanned.message_type: _BY_ORCHESTRATOR,
        ReportPublished.message_type: _BY_ORCHESTRATOR,
        TaskCompleted.message_type: _BY_SERVICE,
        TaskFailed.message_type: _BY_SERVICE,
        ToolCalled.message_type: _BY_SERVICE,
        ModelCalled.message_type: _BY_SERVICE,
        CircuitChanged.message_type: _BY_SERVICE,
        CircuitsShown.message_type: _BY_SERVICE,
        AuditRecorded.message_type: Rule(users=True, services=frozenset({EVERY})),
        Fault.message_type: _BY_SERVICE,
    }
)
"""Who may send what; what is not here nobody may. A service may only sign with names that its key
covers, so that a result comes from the role that it names."""

REQUEST_TOPIC: Final = "analysis.requested"
CANCEL_TOPIC: Final = "control.analysis.cancelled"
FORCE_CIRCUIT_TOPIC: Final = "control.circuit.forced"
ASK_CIRCUITS_TOPIC: Final = "control.circuits.asked"


_TAKEN_TOPICS: Final = ("analysis.", "task.", "control.", "event.", "progress.")


def is_in_place(content: Payload, topic: str) -> bool:
    """Whether a message of that content is ever sent to `topic`.

    A record carries no token any more, and a broker keeps its users to topics rather than to types:
    what stands elsewhere than it belongs is what somebody made up.
    """
    match content:
        case AnalysisRequested():
            return topic == REQUEST_TOPIC
        case TaskAssigned(role=role):
            return topic == task_topic(role)
        case AnalysisCancelled():
            return topic == CANCEL_TOPIC
        case CircuitForced():
            return topic == FORCE_CIRCUIT_TOPIC
        case CircuitsAsked():
            return topic == ASK_CIRCUITS_TOPIC
        case TaskCompleted() | TaskFailed() | CircuitsShown() | Fault():
            return not topic.startswith(_TAKEN_TOPICS)  # a foreign client's queue has any name
        case TaskProgressed(request_id=request):
            return topic == progress_topic(request)
        case _:
            return topic == event_topic(content.message_type)


def progress_topic(request_id: str) -> str:
    """Where the transient progress of a request is told."""
    return f"progress.{request_id}"
