"""What statistics read of a recorded message: the few fields they need, and nothing of the rest.

*Guarantees*: a message that is not of its type is refused as a whole; names are bounded, figures
finite and not negative.

*Not here*: messages as their handlers see them; those are decoded by `bus.domain.codec`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Protocol, TypeVar

from pydantic import Field, JsonValue, StringConstraints, TypeAdapter

from agents.domain.breaker import Circuit
from agents.domain.call import (
    CallStatus,
    CircuitChanged,
    ModelCalled,
    ModelCallStatus,
    Source,
    ToolCalled,
)
from agents.domain.finding import Part
from agents.domain.report import ReportPublished, ReportStatus
from agents.domain.request import AnalysisRequested
from agents.domain.task import (
    FailureReason,
    FallbackLevel,
    TaskAssigned,
    TaskCompleted,
    TaskFailed,
)
from bus.domain.fault import Fault, FaultReason

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=0, le=10**12)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class Record(Protocol):
    """A recorded message, as the history gives it."""

    @property
    def id(self) -> str: ...
    @property
    def message_type(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def correlation_id(self) -> str | None: ...
    @property
    def causation_id(self) -> str | None: ...
    @property
    def body(self) -> bytes: ...
    @property
    def erased(self) -> bool: ...


D = TypeVar("D")


class Reading(Part, Generic[D]):
    """An event; `replayof` names the request that its request repeats."""

    data: D
    replayof: str | int | bool | None = None


class Asked(Part):
    """Of `AnalysisRequested`."""

    fresh: bool = False


class Version(Part):
    """Of a dataset."""

    version: str


class Assigned(Part):
    """Of `TaskAssigned`."""

    task_id: Name
    role: Name
    datasets: tuple[Version, ...] = ()


class Reason(Part):
    """Of a fallback."""

    level: FallbackLevel
    reason: str


class Completed(Part):
    """Of `TaskCompleted`."""

    task_id: Name
    role: Name
    fallback_level: FallbackLevel = "full"
    fallbacks: tuple[Reason, ...] = ()
    claims: tuple[Part, ...] = ()
    dropped_claims: Number = 0
    seconds: Amount = 0.0


class Failed(Part):
    """Of `TaskFailed`."""

    task_id: Name
    role: Name
    reason: FailureReason


class ToolCall(Part):
    """Of `ToolCalled`."""

    tool: Name
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    caller: Name
    task_id: str | None = None
    status: CallStatus
    effect: str = ""
    seconds: Amount
    source: Source = "made"
    age: Amount = 0.0


class Used(Part):
    """Of `Usage`."""

    calls: Number = 0
    saved_calls: Number = 0
    input_tokens: Number = 0
    cached_input_tokens: Number = 0
    output_tokens: Number = 0
    seconds: Amount = 0.0
    cost: Amount | None = None


class ModelCall(Part):
    """Of `ModelCalled`."""

    model: Name
    endpoint: Name
    caller: Name
    key: Name
    status: ModelCallStatus
    usage: Used = Used()
    attempts: Number = 0
    waited: Amount = 0.0
    seconds: Amount
    source: Source = "made"
    age: Amount = 0.0


class Change(Part):
    """Of `CircuitChanged`."""

    name: Name
    before: Circuit
    after: Circuit


class RunTime(Part):
    """Of a report's `run`."""

    requested_at: datetime
    seconds: Amount


class Published(Part):
    """Of `ReportPublished`."""

    request_id: Name
    status: ReportStatus
    narrative: tuple[Part, ...] = ()
    dropped_claims: Number = 0
    fallbacks: tuple[Reason, ...] = ()
    run: RunTime


class Faulted(Part):
    """Of `Fault`."""

    reason: FaultReason


READINGS: Final[Mapping[str, TypeAdapter[Reading[Any]]]] = {
    AnalysisRequested.message_type: TypeAdapter(Reading[Asked]),
    TaskAssigned.message_type: TypeAdapter(Reading[Assigned]),
    TaskCompleted.message_type: TypeAdapter(Reading[Completed]),
    TaskFailed.message_type: TypeAdapter(Reading[Failed]),
    ToolCalled.message_type: TypeAdapter(Reading[ToolCall]),
    ModelCalled.message_type: TypeAdapter(Reading[ModelCall]),
    CircuitChanged.message_type: TypeAdapter(Reading[Change]),
    ReportPublished.message_type: TypeAdapter(Reading[Published]),
    Fault.message_type: TypeAdapter(Reading[Faulted]),
}
"""By wire name."""


def read(record: Record) -> Reading[Any] | None:
    """What `record` says; None if it is of a kind that statistics do not count, or erased.

    Raises:
        pydantic.ValidationError: it is not of its type.
    """
    adapter = READINGS.get(record.message_type)
    return None if adapter is None or record.erased else adapter.validate_json(record.body)
