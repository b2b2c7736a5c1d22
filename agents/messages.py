"""Every payload that agents exchange: the registry that a bus needs to carry an analysis."""

from typing import Final, TypeAlias

from agents.domain.call import CircuitChanged, ModelCalled, ToolCalled
from agents.domain.circuit import CircuitForced, CircuitsAsked, CircuitsShown
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled, AnalysisRequested
from agents.domain.task import (
    AnalysisPlanned,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
    TaskProgressed,
)
from bus import Fault, Registry

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
    Fault,
)

REQUEST_TOPIC: Final = "analysis.requested"
CANCEL_TOPIC: Final = "control.analysis.cancelled"
FORCE_CIRCUIT_TOPIC: Final = "control.circuit.forced"
ASK_CIRCUITS_TOPIC: Final = "control.circuits.asked"


def progress_topic(request_id: str) -> str:
    """Where the transient progress of a request is told."""
    return f"progress.{request_id}"
