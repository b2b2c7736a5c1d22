"""From a closed gather to the report."""

from datetime import datetime

from agents.domain.gather import Gather, GatherStatus
from agents.domain.report import (
    Member,
    Missing,
    ReportedDataset,
    ReportPublished,
    ReportStatus,
    Run,
    Synthesis,
)
from agents.domain.request import AnalysisRequested
from agents.domain.task import AnalysisPlanned


def compose_report(
    plan: AnalysisPlanned, gather: Gather, status: GatherStatus, synthesis: Synthesis, run: Run
) -> ReportPublished:
    """The report of a gather that closed with `status`; roles in the order of the plan."""
    results = gather.results
    roles = [assignment.role for assignment in plan.assignments]
    return ReportPublished(
        request_id=plan.request_id,
        status=status,
        question=plan.question,
        datasets=tuple(ReportedDataset.of(dataset) for dataset in plan.datasets),
        route=plan.route,
        panel=tuple(
            Member(
                role=role,
                status="completed",
                findings=len(results[role].findings),
                fallback_level=results[role].fallback_level,
                notes=results[role].notes,
            )
            if role in results
            else Member(role=role, status="missing")
            for role in roles
        ),
        missing=missing_roles(plan, gather),
        executive_summary=synthesis.executive_summary,
        findings=synthesis.findings,
        themes=synthesis.themes,
        conflicts=synthesis.conflicts,
        dependencies=synthesis.dependencies,
        opportunities=synthesis.opportunities,
        recommendations=synthesis.recommendations,
        run=run.model_copy(
            update={"member_seconds": {role: result.seconds for role, result in results.items()}}
        ),
    )


def empty_report(
    request_id: str, request: AnalysisRequested, *, status: ReportStatus, reason: str, run: Run
) -> ReportPublished:
    """The report of a request that never came to a gather; `reason` is one sentence."""
    return ReportPublished(
        request_id=request_id,
        status=status,
        question=request.question,
        panel=tuple(Member(role=role, status="missing") for role in request.panel),
        missing=tuple(Missing(role=role, reason=reason) for role in request.panel),
        executive_summary=reason,
        run=run,
    )


def run_of(
    *,
    requested_at: datetime,
    finished_at: datetime,
    host: str,
    request_digest: str,
    replay_of: str | None,
) -> Run:
    """The volatile part of a report."""
    return Run(
        request_digest=request_digest,
        requested_at=requested_at,
        finished_at=finished_at,
        seconds=round((finished_at - requested_at).total_seconds(), 3),
        host=host,
        replay_of=replay_of,
    )


def missing_roles(plan: AnalysisPlanned, gather: Gather) -> tuple[Missing, ...]:
    """Who is missing and why, in the order of the plan."""
    reasons = gather.missing
    return tuple(
        Missing(role=assignment.role, reason=reasons[assignment.role])
        for assignment in plan.assignments
        if assignment.role in reasons
    )
