"""What the orchestrator asks of one specialist, and what comes back."""

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import AwareDatetime, Field, TypeAdapter

from agents.domain.claim import Claim, Measurement
from agents.domain.dispute import Dispute, Position
from agents.domain.finding import Finding, Part
from agents.domain.request import Characteristics
from agents.domain.role import Role
from agents.domain.usage import Budget, Usage
from bus.domain.message import Payload

RouteKind: TypeAlias = Literal["batch", "streaming"]


OBSERVATIONS: Final = frozenset({"rabbitmq", "prometheus"})
"""Formats of what a system says of itself."""


class Column(Part):
    """A column as the engine types it, such as `BIGINT`, `DOUBLE`, `VARCHAR`, `TIMESTAMP`."""

    name: str
    type: str


class PinnedDataset(Part):
    """A dataset at one version: what is analysed is exactly this.

    `version` is a digest of the content. `setup_sql` creates the view `name`, with its `row_id`, in
    a fresh DuckDB shell.
    """

    name: str
    location: str
    format: str
    version: str
    rows: int
    columns: tuple[Column, ...]
    size_bytes: int
    setup_sql: str

    @property
    def is_observation(self) -> bool:
        """Whether the rows say how a running system is, so that no rule for records holds."""
        return self.format in OBSERVATIONS


class Route(Part):
    """Whether the data is treated as a batch or as a stream, and why, in one sentence."""

    kind: RouteKind
    why: str
    time_column: str | None = None
    """Of a stream: the column of the first dataset that says when each event happened."""


class Assignment(Part):
    """What one role is to find out, with which of its tools.

    `unavailable` are tools that it would have if their circuits were not open. With `disputes` it
    is a further round: the role answers these, and does not examine the data again.
    """

    role: Role
    questions: tuple[str, ...]
    tools: tuple[str, ...]
    unavailable: tuple[str, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    budget: Budget = Budget()


class AnalysisPlanned(Payload):
    """How a request will be worked on; recorded before anything is assigned."""

    message_type: ClassVar[str] = "convener.analysis.planned.v1"

    request_id: str
    request_digest: str
    question: str
    datasets: tuple[PinnedDataset, ...]
    route: Route
    characteristics: Characteristics = Characteristics()
    fresh: bool = False
    requested_at: AwareDatetime | None = None
    """The timestamp of the request: what "now" is to whoever examines the data, then as in a
    replay."""
    assignments: tuple[Assignment, ...]


class TaskAssigned(Payload):
    """One specialist's part of a request. Its deadline is the message's `expires_at`."""

    message_type: ClassVar[str] = "convener.task.assigned.v1"

    request_id: str
    task_id: str
    role: Role
    question: str
    questions: tuple[str, ...]
    tools: tuple[str, ...]
    unavailable: tuple[str, ...] = ()
    datasets: tuple[PinnedDataset, ...]
    route: Route
    characteristics: Characteristics = Characteristics()
    disputes: tuple[Dispute, ...] = ()
    budget: Budget = Budget()
    """What this task may spend on models."""
    fresh: bool = False
    requested_at: AwareDatetime | None = None

    @property
    def records(self) -> tuple[PinnedDataset, ...]:
        """The datasets whose rows are records of something, not a system's word on itself."""
        return tuple(each for each in self.datasets if not each.is_observation)


Phase: TypeAlias = Literal[
    "queued", "assigned", "reading", "checking", "asking", "done", "failed", "missing"
]
"""`asking` is waiting for a model."""

FallbackLevel: TypeAlias = Literal["full", "simplified", "cached", "partial", "degraded"]
"""How much of a task was done as it should be: all of it (`full`); the model was asked less
(`simplified`); it answered earlier (`cached`); the model, or some of the checks, are missing
(`partial`); no check could be made (`degraded`)."""

LEVELS: Final[tuple[FallbackLevel, ...]] = ("full", "simplified", "cached", "partial", "degraded")
"""Best first."""


class Fallback(Part):
    """A level that a task came down to, and why the one before could not be had."""

    level: FallbackLevel
    reason: str


class TaskProgressed(Payload):
    """Where a specialist is; transient."""

    message_type: ClassVar[str] = "convener.task.progressed.v1"

    request_id: str
    role: str
    phase: Phase
    text: str = ""
    findings: int = 0


class TaskCompleted(Payload):
    """A specialist's result: 0..n findings, in the order in which it found them.

    `claims` are what a model says about them, `measurements` what it looked up for that.
    `dropped_claims` counts those that did not stand. `positions` answer the task's disputes.
    """

    message_type: ClassVar[str] = "convener.task.completed.v1"

    request_id: str
    task_id: str
    role: Role
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What could not be examined, one sentence each."""
    denied: tuple[str, ...] = ()
    """What the authority at hand did not permit, one sentence each."""
    fallback_level: FallbackLevel = "full"
    fallbacks: tuple[Fallback, ...] = ()
    model: str | None = None
    claims: tuple[Claim, ...] = ()
    dropped_claims: int = 0
    measurements: tuple[Measurement, ...] = ()
    positions: tuple[Position, ...] = ()
    usage: Usage = Usage()
    charged: Usage = Usage()
    """What counts against the budget: the usage, and at their most the calls whose is unknown."""
    seconds: float = 0.0


FailureReason: TypeAlias = Literal[
    "dataset_changed",
    "dataset_unreachable",
    "tool_failed",
    "not_permitted",
    "result_too_large",
]


class TaskFailed(Payload):
    """A specialist could not do its part, and doing it again would not help."""

    message_type: ClassVar[str] = "convener.task.failed.v1"

    request_id: str
    task_id: str
    role: Role
    reason: FailureReason
    error: str


TaskResult: TypeAlias = TaskCompleted | TaskFailed

_RESULT: Final[TypeAdapter[TaskResult]] = TypeAdapter(
    Annotated[TaskResult, Field(union_mode="left_to_right")]
)


def encode_result(result: TaskResult) -> bytes:
    """A result as it is kept in the ledger."""
    return result.model_dump_json().encode()


def decode_result(recorded: bytes) -> TaskResult:
    """The result that `encode_result` gave `recorded` for."""
    return _RESULT.validate_json(recorded)
