"""Ranking: which finding matters most, and which are two views of one fact."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, severity_rank
from agents.domain.synthesis.causes import fact_of
from agents.domain.synthesis.wording import shortened, speciality
from agents.domain.task import PinnedDataset

TOP_FINDINGS: Final = 10
"""How many findings a rendering shows unless asked for all: what one reads in a sitting."""

NEGLIGIBLE_SHARE: Final = 0.001
"""Share of the rows below which a slight flaw does not stand in the way of anything."""


def weighty(findings: Iterable[Finding], datasets: Sequence[PinnedDataset]) -> frozenset[str]:
    """The ids of the findings that change what rests on the data.

    Not `info`, and not what is of `low` severity and concerns less than a thousandth of the rows:
    right to mention, but no total or share moves by it.
    """
    rows = {dataset.name: dataset.rows for dataset in datasets}

    def is_weighty(finding: Finding) -> bool:
        if finding.severity != "low" or finding.rows is None:
            return finding.severity != "info"
        return finding.rows >= NEGLIGIBLE_SHARE * rows.get(finding.subject.table, 0)

    return frozenset(finding.id for finding in findings if is_weighty(finding))


def ranked(findings: Iterable[Finding], datasets: Sequence[PinnedDataset]) -> tuple[Finding, ...]:
    """The findings, merged, the most consequential first.

    By severity, then by confidence and the share of rows concerned. What two specialists say about
    one fact, such as a skewed key and a concentrated segment in the same column, is one finding:
    the stronger view leads and keeps the other's evidence, whose ids tell where it comes from.
    Findings with the same id are one finding too; otherwise no finding of a specialist is merged
    with another of its own.

    The result does not depend on the order of `findings`.
    """
    rows = {dataset.name: dataset.rows for dataset in datasets}
    distinct = _in_order(_merged(_by_id(findings), rows), rows)
    views: dict[tuple[str, str], dict[str, Finding]] = defaultdict(dict)
    alone: list[Finding] = []
    for finding in distinct:
        of_fact = views[str(finding.subject), fact_of(finding.category)]
        if finding.role in of_fact:
            alone.append(finding)
        else:
            of_fact[finding.role] = finding
    groups = [tuple(of_fact.values()) for of_fact in views.values()]
    return tuple(_in_order([*_merged(groups, rows), *alone], rows))


def _by_id(findings: Iterable[Finding]) -> list[Sequence[Finding]]:
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.id].append(finding)
    return list(groups.values())


def _merged(groups: Iterable[Sequence[Finding]], rows: Mapping[str, int]) -> list[Finding]:
    return [_as_one(_in_order(group, rows)) for group in groups]


def _as_one(views: Sequence[Finding]) -> Finding:
    lead = views[0]
    if len(views) == 1:
        return lead
    others = [view for view in views if view.role != lead.role]
    evidence: dict[str, Evidence] = {}
    for item in (item for view in views for item in view.evidence):
        evidence.setdefault(item.id, item)
    also = [f"Also seen by {speciality(view.role)}: {shortened(view.title)}." for view in others]
    advice = [f"For {speciality(view.role)}: {view.recommendation}" for view in others]
    return lead.model_copy(
        update={
            "evidence": tuple(evidence.values()),
            "rows": max((view.rows for view in views if view.rows is not None), default=None),
            "impact": " ".join([lead.impact, *also]).strip(),
            "recommendation": " ".join([lead.recommendation, *advice]),
        }
    )


def _in_order(findings: Iterable[Finding], rows: Mapping[str, int]) -> list[Finding]:
    def consequence(finding: Finding) -> tuple[int, float, str, str, str]:
        total = rows.get(finding.subject.table, 0)
        share = min(1.0, max(0, finding.rows or 0) / total) if total > 0 else 0.0
        weight = finding.confidence * (1.0 + share)
        return (
            severity_rank(finding.severity),
            -weight,
            str(finding.subject),
            finding.id,
            finding.model_dump_json(),
        )

    return sorted(findings, key=consequence)
