"""Fewer findings that say as much: what another one covers, and many of one kind as one."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from agents.domain.finding import Finding, Subject, severity_rank
from agents.specialists.data_quality.missing import MAX_EVIDENCE
from agents.specialists.wording import counted, listed

MAX_SEPARATE: Final = 5
"""Columns with a finding of one category past which they share one. Ours: a reader skips a long
list."""

COVERED_BY: Final = {"inconsistent_category": "unit_mix"}
"""A category whose finding on a column says nothing new beside that of the other."""

SHARED: Final = {
    "type_mismatch": "values that are not of the type of the rest",
    "unit_mix": "units written in several ways",
    "pattern_violation": "values that do not look like the rest",
    "inconsistent_category": "variants of more frequent values",
}
"""Categories that are merged, and what their columns have."""


def tidied(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in their order, without what another covers, and merged where many are alike."""
    given = list(findings)
    told = {(str(finding.subject), finding.category) for finding in given}
    kept = [
        finding
        for finding in given
        if (str(finding.subject), COVERED_BY.get(finding.category, "")) not in told
    ]
    tidy: list[Finding] = []
    for (_, category), group in groupby(
        sorted(kept, key=lambda finding: _place(kept, finding)),
        key=lambda finding: (finding.subject.table, finding.category),
    ):
        alike = list(group)
        if category in SHARED and len(alike) > MAX_SEPARATE:
            tidy.append(_merged(alike, SHARED[category]))
        else:
            tidy += alike
    return tidy


def _place(findings: Sequence[Finding], finding: Finding) -> int:
    """Where the first finding of the same table and category stands."""
    return next(
        place
        for place, other in enumerate(findings)
        if (other.subject.table, other.category) == (finding.subject.table, finding.category)
    )


def _merged(findings: Sequence[Finding], what: str) -> Finding:
    ranked = sorted(findings, key=lambda finding: -(finding.rows or 0))
    worst = min(ranked, key=lambda finding: severity_rank(finding.severity))
    shown = [f"{finding.subject.column} ({finding.rows or 0:,})" for finding in ranked]
    evidence = [item.model_copy(update={"id": ""}) for f in ranked for item in f.evidence]
    cells = sum(finding.rows or 0 for finding in ranked)
    return Finding(
        role=worst.role,
        title=f"{len(ranked)} columns have {what}, {counted(cells, 'cell')}: {listed(shown)}.",
        severity=worst.severity,
        category=worst.category,
        subject=Subject(table=worst.subject.table),
        key="several",
        evidence=tuple(evidence[:MAX_EVIDENCE]),
        rows=max(finding.rows or 0 for finding in ranked),
        recommendation=worst.recommendation,
        impact=worst.impact,
        effort=worst.effort,
        confidence=min(finding.confidence for finding in ranked),
    )
