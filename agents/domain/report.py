"""The report: what the panel found, synthesised, ranked, and what to do first."""

from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from agents.domain.finding import Finding, Level, Part
from agents.domain.task import PinnedDataset, Route
from bus.domain.message import Payload

ReportStatus: TypeAlias = Literal["complete", "partial", "failed", "cancelled", "expired"]
MemberStatus: TypeAlias = Literal["completed", "failed", "missing"]


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
    """One specialist's part in the report."""

    role: str
    status: MemberStatus
    findings: int = 0
    fallback_level: str = "full"
    notes: tuple[str, ...] = ()


class Missing(Part):
    """A specialist whose findings the report lacks, and why, in one sentence."""

    role: str
    reason: str


class Theme(Part):
    """Findings of several specialists, or of several columns, that have one cause."""

    title: str
    finding_ids: tuple[str, ...]
    explanation: str


class Conflict(Part):
    """Two recommendations that pull in different directions, and how to reconcile them."""

    between: tuple[str, str]
    issue: str
    resolution: str


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


class Synthesis(Part):
    """What follows from all findings together. `findings` are merged and ranked, first first."""

    executive_summary: str
    findings: tuple[Finding, ...]
    themes: tuple[Theme, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    opportunities: tuple[Opportunity, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()


class Run(Part):
    """What differs from run to run; no part of the report's digest.

    `request_digest` is over the request's content: another one under the same id is refused.
    """

    request_digest: str = ""
    requested_at: datetime
    finished_at: datetime
    seconds: float
    host: str
    member_seconds: dict[str, float] = Field(default_factory=dict)
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
    executive_summary: str
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
