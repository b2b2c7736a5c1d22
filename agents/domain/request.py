"""The request for an analysis and the orders that concern it."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.domain.role import Role
from agents.domain.usage import Budget
from bus.domain.message import Payload

MAX_DEADLINE = 20 * 60.0
"""Seconds; below RabbitMQ's consumer timeout of 30 minutes, since a request stays unacknowledged
until its report is out."""

USUAL_DEADLINE = 300.0
"""Seconds for data of usual size."""

SECONDS_PER_GIGABYTE = 300.0
"""By which it grows with the size of the files."""

MAX_VOLUME = 10**18
"""Bytes; more than any one dataset has."""

TASK_SHARE = 0.8
"""Share of the deadline after which a role that said nothing counts as missing."""

ProcessingType: TypeAlias = Literal["auto", "batch", "streaming"]


class _Written(BaseModel):
    """Written by people, so a field we do not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetReference(_Written):
    """Where data is; never the data itself.

    `location` is an absolute path on the embedded bus and `root/path` on RabbitMQ, where `root` is
    a name that each worker maps to a folder of its own. `name` is the view under which SQL sees it.

    *Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Claim Check.
    """

    location: str = Field(min_length=1, max_length=4096)
    name: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,62})?$")


class Characteristics(_Written):
    """What the requester knows about the data; everything left out is found by inspection."""

    model_config = ConfigDict(allow_inf_nan=False)

    processing_type: ProcessingType = "auto"
    events_per_second: float | None = Field(default=None, ge=0)
    latency_seconds: float | None = Field(default=None, ge=0)
    error_rate: float | None = Field(default=None, ge=0, le=1)
    volume_bytes: int | None = Field(default=None, ge=0, le=MAX_VOLUME)
    processing_hours: float | None = Field(default=None, ge=0)
    success_rate: float | None = Field(default=None, ge=0, le=1)


class GatherPolicy(_Written):
    """When a gather may close, and as what.

    It is `complete` with every role's result, `partial` with those of all `required` roles and at
    least `quorum` of them, else `failed`. A role that says nothing for `task_timeout` seconds
    counts as missing, and so does one for which no worker has been running for `absent_timeout`.
    """

    required: tuple[Role, ...] = ()
    quorum: int = Field(default=1, ge=0)
    task_timeout: float = Field(default=TASK_SHARE * USUAL_DEADLINE, gt=0, le=MAX_DEADLINE)
    absent_timeout: float = Field(default=30.0, ge=0, le=MAX_DEADLINE)


class AnalysisRequested(Payload):
    """Somebody wants data analysed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    message_type: ClassVar[str] = "convener.analysis.requested.v1"

    question: str = Field(default="", max_length=10_000)
    datasets: tuple[DatasetReference, ...] = Field(min_length=1, max_length=32)
    characteristics: Characteristics = Characteristics()
    panel: tuple[Role, ...] = Field(default=(), max_length=32)
    gather: GatherPolicy = GatherPolicy()
    deadline: float = Field(default=USUAL_DEADLINE, gt=0, le=MAX_DEADLINE)
    budget: Budget = Budget()
    fresh: bool = False
    """Whether nothing that was kept from earlier calls may answer."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> "AnalysisRequested":
        names = [dataset.name for dataset in self.datasets if dataset.name]
        if len(set(names)) != len(names):
            raise ValueError("two datasets have the same name")
        if len(set(self.panel)) != len(self.panel):
            raise ValueError("a role appears twice in the panel")
        return self


def deadline_for(size_bytes: int) -> float:
    """Seconds in which a request for files of that size should have its report.

    >>> deadline_for(0), deadline_for(2_000_000_000), deadline_for(10_000_000_000)
    (300.0, 900.0, 1200.0)
    """
    return min(USUAL_DEADLINE + SECONDS_PER_GIGABYTE * size_bytes / 1e9, MAX_DEADLINE)


class AnalysisCancelled(Payload):
    """An order to every process: stop working on that request."""

    message_type: ClassVar[str] = "convener.analysis.cancelled.v1"

    request_id: str
    reason: str = ""
