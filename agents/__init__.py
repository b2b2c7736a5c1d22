"""The agents: a panel of specialists and an orchestrator on the bus.

These names are the public face for those who analyse data from Python or add a specialist of
their own; each is imported when it is first used, since the engines behind them are large.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.analysis import analyze as analyze
    from agents.analysis import request_analysis as request_analysis
    from agents.builtin import builtin_panel as builtin_panel
    from agents.dataset import Datasets as Datasets
    from agents.domain.finding import Evidence as Evidence
    from agents.domain.finding import Finding as Finding
    from agents.domain.finding import Subject as Subject
    from agents.domain.report import ReportPublished as ReportPublished
    from agents.domain.request import AnalysisRequested as AnalysisRequested
    from agents.domain.request import DatasetReference as DatasetReference
    from agents.messages import REGISTRY as REGISTRY
    from agents.specialist import Examination as Examination
    from agents.specialist import Panel as Panel
    from agents.specialist import Specialist as Specialist

_MODULE_OF = {
    "AnalysisRequested": "agents.domain.request",
    "DatasetReference": "agents.domain.request",
    "Datasets": "agents.dataset",
    "Evidence": "agents.domain.finding",
    "Examination": "agents.specialist",
    "Finding": "agents.domain.finding",
    "Panel": "agents.specialist",
    "REGISTRY": "agents.messages",
    "ReportPublished": "agents.domain.report",
    "Specialist": "agents.specialist",
    "Subject": "agents.domain.finding",
    "analyze": "agents.analysis",
    "builtin_panel": "agents.builtin",
    "request_analysis": "agents.analysis",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'agents' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value
