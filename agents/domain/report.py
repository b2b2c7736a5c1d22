"""The report: what the panel found, synthesised, ranked, and what to do first."""

from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from agents.domain.claim import Claim, Measurement
from agents.domain.dispute import Position
from agents.domain.finding import Finding, Level, Part
from agents.domain.task import Fallback, FallbackLevel, PinnedDataset, Route
from agents.domain.usage import Budget, Usage
from bus.domain.message import Payload

ReportStatus: TypeAlias = Literal["complete", "partial", "failed", "cancelled", "expired"]
MemberStatus: TypeAlias = Literal["completed", "failed", "missing"]
Origin: TypeAlias = Literal["rules", "model"]
"""Whether a statement follows from the findings by rule, or a model made it and cites them."""


class ReportedDataset(Part):
    """A dataset as it was analysed; `columns` is their number."""

    name: str
    location: str
    format: str
    rows: int
    columns: int
    version: str
    setup_sql: str

    @classmethod
    def of(cls, dataset: PinnedDataset) -> "ReportedDataset":
        """The reported form of a pinned dataset."""
        return cls(
            name=dataset.name,
            location=dataset.location,
            format=dataset.format,
            rows=dataset.rows,
            columns=len(dataset.columns),
            version=dataset.version,
            setup_sql=dataset.setup_sql,
        )


class Member(Part):
    """One specialist's part in the report.

    `claims` are what its model says; `dropped_claims` counts those whose citations or figures did
    not stand. `measurements` are those that a claim cites. `fallbacks` say what could not be had.
    """

    role: str
    status: MemberStatus
    findings: int = 0
    fallback_level: str = "full"
    fallbacks: tuple[Fallback, ...] = ()
    notes: tuple[str, ...] = ()
    model: str | None = None
    claims: tuple[Claim, ...] = ()
    dropped_claims: int = 0
    measurements: tuple[Measurement, ...] = ()


class Missing(Part):
    """A specialist whose findings the report lacks, and why, in one sentence."""

    role: str
    reason: str


class Denial(Part):
    """What somebody was not permitted to do for this report, in one sentence."""

    role: str
    reason: str


class Theme(Part):
    """Findings of several specialists, or of several columns, that have one cause."""

    title: str
    finding_ids: tuple[str, ...]
    explanation: str
    origin: Origin = "rules"


class Conflict(Part):
    """Two recommendations that pull in different directions, and how to reconcile them.

    `positions` are what both sides answered when they were asked, in the last round; `is_settled`
    says whether the resolution has their consent.
    """

    between: tuple[str, str]
    issue: str
    resolution: str
    positions: tuple[Position, ...] = ()
    is_settled: bool = False


class Dependency(Part):
    """One finding to be dealt with before another; both are finding ids."""

    before: str
    after: str
    why: str


class Opportunity(Part):
    """What dealing with several findings together makes possible."""

    title: str
    finding_ids: tuple[str, ...]
    explanation: str
    origin: Origin = "rules"


class Recommendation(Part):
    """One thing to do. `rank` is 1 for the first; `depends_on` names ranks that come before."""

    rank: int
    action: str
    finding_ids: tuple[str, ...]
    impact: Level
    effort: Level
    owner_role: str
    guidance: str
    depends_on: tuple[int, ...] = ()
    success_metric: str
    monitoring: str
    origin: Origin = "rules"


class Synthesis(Part):
    """What follows from all findings together. `findings` are merged and ranked, first first.

    `narrative` is what a model says across the specialities, `dropped_claims` how much of what it
    added did not stand, `usage` what it took; `round_usage` is what further rounds took, by role.
    """

    executive_summary: str
    narrative: tuple[Claim, ...] = ()
    dropped_claims: int = 0
    model: str | None = None
    usage: Usage = Usage()
    round_usage: dict[str, Usage] = Field(default_factory=dict)
    fallback_level: FallbackLevel = "full"
    fallbacks: tuple[Fallback, ...] = ()
    findings: tuple[Finding, ...]
    themes: tuple[Theme, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()


class Run(Part):
    """What differs from run to run; no part of the report's digest.

    `request_digest` is over what was asked by whom: something else under the same id is refused.
    """

    request_digest: str = ""
    requested_by: str = ""
    requested_at: datetime
    finished_at: datetime
    seconds: float
    host: str
    member_seconds: dict[str, float] = Field(default_factory=dict)
    usage: dict[str, Usage] = Field(default_factory=dict)
    """By role, that of the orchestrator included; empty when no model was asked."""
    budget: Budget = Budget()
    replay_of: str | None = None


class ReportPublished(Payload):
    """The one answer to a request."""

    message_type: ClassVar[str] = "convener.report.published.v1"

    request_id: str
    status: ReportStatus
    question: str = ""
    datasets: tuple[ReportedDataset, ...] = ()
    route: Route | None = None
    model: str | None = None
    panel: tuple[Member, ...] = ()
    missing: tuple[Missing, ...] = ()
    denied: tuple[Denial, ...] = ()
    executive_summary: str
    narrative: tuple[Claim, ...] = ()
    dropped_claims: int = 0
    """Of the chair's; those of the specialists are counted with them."""
    fallbacks: tuple[Fallback, ...] = ()
    """Of the chair; those of the specialists stand with them."""
    findings: tuple[Finding, ...] = ()
    themes: tuple[Theme, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    run: Run

    def digest(self) -> str:
        """SHA-256 over everything but `run` and the request's id: equal for equal answers."""
        content = self.model_dump_json(exclude={"run", "request_id"})
        return sha256(content.encode()).hexdigest()
