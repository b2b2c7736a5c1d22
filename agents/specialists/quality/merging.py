"""Many findings of one kind as one: a reader skips a long list."""

from collections.abc import Sequence
from typing import Final

from agents.domain.finding import Finding, Subject, severity_rank
from agents.specialists.quality.missing import MAX_EVIDENCE
from agents.specialists.wording import counted, listed

MAX_SEPARATE: Final = 5
"""Columns with a finding of one category past which they share one. Ours."""


def merged(findings: Sequence[Finding], what: str) -> list[Finding]:
    """The findings, each about a column, or one that says that so many columns have `what`."""
    if len(findings) <= MAX_SEPARATE:
        return list(findings)
    ranked = sorted(findings, key=lambda finding: -(finding.rows or 0))
    worst = min(ranked, key=lambda finding: severity_rank(finding.severity))
    shown = [f"{finding.subject.column} ({finding.rows or 0:,})" for finding in ranked]
    evidence = [item.model_copy(update={"id": ""}) for f in ranked for item in f.evidence]
    rows = sum(finding.rows or 0 for finding in ranked)
    return [
        Finding(
            role=worst.role,
            title=f"{len(ranked)} columns have {what}, {counted(rows, 'cell')}: {listed(shown)}.",
            severity=worst.severity,
            category=worst.category,
            subject=Subject(table=worst.subject.table),
            key="several",
            evidence=tuple(evidence[:MAX_EVIDENCE]),
            rows=rows,
            recommendation=worst.recommendation,
            impact=worst.impact,
            effort=worst.effort,
            confidence=min(finding.confidence for finding in ranked),
        )
    ]
