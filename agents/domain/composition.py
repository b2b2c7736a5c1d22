"""From a closed gather to the report."""

from datetime import datetime
from typing import Final

from agents.domain.gather import Gather, GatherStatus
from agents.domain.report import (
    Denial,
    Member,
    Missing,
    ReportedDataset,
    ReportPublished,
    ReportStatus,
    Run,
    Synthesis,
)
from agents.domain.request import AnalysisRequested
from agents.domain.role import ORCHESTRATOR
from agents.domain.task import AnalysisPlanned, FallbackLevel
from agents.domain.usage import Budget, Usage

_LACKING: Final[frozenset[FallbackLevel]] = frozenset({"partial", "degraded"})
"""Levels at which something that was to be examined was not."""


def compose_report(
    plan: AnalysisPlanned, gather: Gather, status: GatherStatus, synthesis: Synthesis, run: Run
) -> ReportPublished:
    """The report of a gather that closed with `status`; roles in the order of the plan.

    A complete gather makes a partial report where somebody could not do all of its part.
    """
    results = gather.results
    levels = {synthesis.fallback_level, *(each.fallback_level for each in results.values())}
    if status == "complete" and not levels.isdisjoint(_LACKING):
        status = "partial"
    usage = {role: result.usage for role, result in results.items()}
    for role, more in synthesis.round_usage.items():
        usage[role] = usage.get(role, Usage()) + more
    usage[ORCHESTRATOR] = synthesis.usage
    models = [synthesis.model, *(result.model for result in results.values())]
    roles = [assignment.role for assignment in plan.assignments]
    return ReportPublished(
        request_id=plan.request_id,
        status=status,
        question=plan.question,
        datasets=tuple(ReportedDataset.of(dataset) for dataset in plan.datasets),
        route=plan.route,
        model=next((model for model in models if model is not None), None),
        panel=tuple(
            Member(
                role=role,
                status="completed",
                findings=len(results[role].findings),
                fallback_level=results[role].fallback_level,
                fallbacks=results[role].fallbacks,
                notes=results[role].notes,
                model=results[role].model,
                claims=results[role].claims,
                dropped_claims=results[role].dropped_claims,
                measurements=results[role].measurements,
            )
            if role in results
            else Member(role=role, status="missing")
            for role in roles
        ),
        missing=missing_roles(plan, gather),
        denied=tuple(
            Denial(role=role, reason=reason)
            for role in roles
            for reason in gather.denied.get(role, ())
        ),
        executive_summary=synthesis.executive_summary,
        narrative=synthesis.narrative,
        dropped_claims=synthesis.dropped_claims,
        fallbacks=synthesis.fallbacks,
        findings=synthesis.findings,
        themes=synthesis.themes,
        conflicts=synthesis.conflicts,
        dependencies=synthesis.dependencies,
        opportunities=synthesis.opportunities,
        recommendations=synthesis.recommendations,
        run=run.model_copy(
            update={
                "member_seconds": {role: result.seconds for role, result in results.items()},
                "usage": {role: each for role, each in usage.items() if each != Usage()},
            }
        ),
    )


def empty_report(
    request_id: str,
    request: AnalysisRequested,
    *,
    status: ReportStatus,
    reason: str,
    run: Run,
    is_denied: bool = False,
) -> ReportPublished:
    """The report of a request that never came to a gather; `reason` is one sentence."""
    return ReportPublished(
        request_id=request_id,
        status=status,
        question=request.question,
        panel=tuple(Member(role=role, status="missing") for role in request.panel),
        missing=tuple(Missing(role=role, reason=reason) for role in request.panel),
        denied=(Denial(role=ORCHESTRATOR, reason=reason),) if is_denied else (),
        executive_summary=reason,
        run=run,
    )


def run_of(
    *,
    requested_at: datetime,
    finished_at: datetime,
    host: str,
    request_digest: str,
    requested_by: str,
    budget: Budget,
    replay_of: str | None,
) -> Run:
    """The volatile part of a report."""
    return Run(
        request_digest=request_digest,
        requested_by=requested_by,
        requested_at=requested_at,
        finished_at=finished_at,
        seconds=round((finished_at - requested_at).total_seconds(), 3),
        host=host,
        budget=budget,
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
