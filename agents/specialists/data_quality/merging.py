"""Fewer findings that say as much: what another one covers, and many of one kind as one."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from agents.domain.finding import Finding, Subject, severity_rank
from agents.specialists.data_quality.dependencies import JOINTLY, NOWHERE_ELSE
from agents.specialists.data_quality.missing import FURTHER, capped
from agents.specialists.wording import counted, listed

MAX_SEPARATE: Final = 5
"""Columns with a finding of one category past which they share one. Ours: a reader skips a long
list."""

COVERED_BY: Final = {
    "inconsistent_category": ("unit_mix",),
    "pattern_violation": ("encoding_damage", "unit_mix"),
}
"""Categories whose findings on as many rows of a column say all that one of the first does."""

CONFIRMS: Final = ("type_mismatch", "inconsistent_category", "pattern_violation", "unit_mix")
"""Categories that a broken dependency on the same rows of the same column only confirms."""

SAME_ROWS: Final = 0.9
"""How close two counts of rows in one column must be for it to be the same rows. Ours."""

SHARED: Final = {
    "type_mismatch": "values that are not of the type of the rest",
    "unit_mix": "units written in several ways",
    "pattern_violation": "values that do not look like the rest",
    "inconsistent_category": "variants of more frequent values",
    "broken_dependency": "values that contradict the columns which otherwise determine them",
}
"""Categories that are merged, and what their columns have."""


def tidied(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in their order, without what another covers, and merged where many are alike."""
    kept = _absorbed(_confirmed(_uncovered(list(findings))))
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


def _uncovered(findings: Sequence[Finding]) -> list[Finding]:
    alone = {
        each.subject
        for each in findings
        if each.category == "broken_dependency" and each.key != JOINTLY
    }
    return [
        finding
        for finding in findings
        if not any(
            other.category in COVERED_BY.get(finding.category, ())
            and other.subject == finding.subject
            and (other.rows or 0) >= (finding.rows or 0)
            for other in findings
        )
        and not (finding.key == JOINTLY and finding.subject in alone)
    ]


def _confirmed(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, broken dependencies as evidence of those that they confirm."""
    confirming: dict[str, Finding] = {}
    for broken in findings:
        if broken.category != "broken_dependency":
            continue
        for other in findings:
            if (
                other.category in CONFIRMS
                and other.subject == broken.subject
                and _are_of_the_same_rows(other, broken)
            ):
                confirming[other.id] = broken
                break
    gone = {broken.id for broken in confirming.values()}
    return [
        _with_proof(finding, confirming.get(finding.id))
        for finding in findings
        if finding.id not in gone
    ]


def _absorbed(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, patterns within broken dependencies of the same column that say more."""
    broken = {
        finding.subject: finding for finding in findings if finding.category == "broken_dependency"
    }
    absorbed = {
        finding.subject: finding
        for finding in findings
        if finding.category == "pattern_violation"
        and finding.subject in broken
        and (finding.rows or 0) <= (broken[finding.subject].rows or 0)
    }
    gone = {finding.id for finding in absorbed.values()}
    return [
        finding
        if finding.category != "broken_dependency" or finding.subject not in absorbed
        else finding.model_copy(
            update={
                "evidence": capped((*finding.evidence, *absorbed[finding.subject].evidence)),
                "impact": f"{finding.impact} Besides: {absorbed[finding.subject].title}",
            }
        )
        for finding in findings
        if finding.id not in gone
    ]


def _are_of_the_same_rows(finding: Finding, broken: Finding) -> bool:
    """Whether as many rows are concerned, or fewer that hold nothing but odd values."""
    rows, fewer = finding.rows or 0, broken.rows or 0
    odd = sum(
        each.value
        for each in broken.evidence
        if each.metric == NOWHERE_ELSE and isinstance(each.value, int)
    )
    least = SAME_ROWS * fewer
    return rows >= least and (fewer >= SAME_ROWS * rows or odd >= least)


def _with_proof(finding: Finding, broken: Finding | None) -> Finding:
    if broken is None:
        return finding
    return finding.model_copy(
        update={
            "evidence": capped((*finding.evidence, *broken.evidence)),
            "impact": f"{finding.impact} Other columns say so, too: {broken.title}",
            "confidence": max(finding.confidence, broken.confidence),
            "reason": broken.reason if broken.confidence > finding.confidence else finding.reason,
        }
    )


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
    least_sure = min(ranked, key=lambda finding: finding.confidence)
    shown = [f"{finding.subject.column} ({finding.rows or 0:,})" for finding in ranked]
    evidence = [
        item.model_copy(update={"id": ""})
        for finding in ranked
        for item in finding.evidence
        if item.sql or item.metric == FURTHER
    ]
    cells = sum(finding.rows or 0 for finding in ranked)
    return Finding(
        role=worst.role,
        title=f"{len(ranked)} columns have {what}, {counted(cells, 'cell')}: {listed(shown)}.",
        severity=worst.severity,
        category=worst.category,
        subject=Subject(table=worst.subject.table),
        key="several",
        evidence=capped(evidence),
        rows=max(finding.rows or 0 for finding in ranked),
        recommendation=worst.recommendation,
        impact=worst.impact,
        effort=worst.effort,
        confidence=least_sure.confidence,
        reason=least_sure.reason,
    )
