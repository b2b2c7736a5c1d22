"""What a model is given to read: the measurements as one JSON document between markers.

*Guarantees*: the same task gives the same text, byte for byte. Whatever comes from data stands
inside JSON strings, shortened, between two lines that carry a digest of the document, so that no
value can close the frame it stands in.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from pydantic import JsonValue

from agents.domain.claim import Claim
from agents.domain.dispute import Dispute
from agents.domain.finding import Finding, severity_rank
from agents.domain.report import Synthesis
from agents.domain.task import PinnedDataset, TaskAssigned, TaskCompleted

MANY: Final = 40
"""Findings that a model is given in full."""
FEW: Final = 12
"""Findings of a simplified question."""
MAX_TEXT: Final = 300
"""Characters of any one text."""
MAX_COLUMNS: Final = 120


def of_task(
    task: TaskAssigned, findings: Sequence[Finding], notes: Sequence[str], *, most: int = MANY
) -> str:
    """What a specialist measured, for the model that explains it."""
    return framed(
        {
            "question": _short(task.question),
            "questions": [_short(each) for each in task.questions],
            "datasets": [_dataset(each) for each in task.datasets],
            "treated_as": {"kind": task.route.kind, "why": _short(task.route.why)},
            "findings": [_finding(each) for each in weightiest(findings, most)],
            "findings_left_out": max(0, len(findings) - most),
            "not_examined": [_short(note) for note in notes],
        }
    )


def of_disputes(disputes: Sequence[Dispute]) -> str:
    """Conflicts, as they are put to one of the two sides."""
    return framed(
        {
            "conflicts": [
                {
                    "dispute": each.id,
                    "issue": _short(each.issue),
                    "proposal": _short(each.proposal),
                    "your_finding": _finding(each.own),
                    "their_finding": _finding(each.other),
                    "they_said": _short(each.said),
                }
                for each in disputes
            ]
        }
    )


def of_panel(
    question: str,
    datasets: Sequence[PinnedDataset],
    synthesis: Synthesis,
    results: Mapping[str, TaskCompleted],
    *,
    most: int = MANY,
) -> str:
    """What the whole panel found and what follows by rule, for the model that chairs it."""
    return framed(
        {
            "question": _short(question),
            "datasets": [_dataset(each) for each in datasets],
            "findings": [_finding(each) for each in synthesis.findings[:most]],
            "findings_left_out": max(0, len(synthesis.findings) - most),
            "said_by": {
                role: [_claim(claim) for claim in results[role].claims] for role in sorted(results)
            },
            "by_rule": {
                "themes": [_short(each.title) for each in synthesis.themes],
                "conflicts": [
                    {"issue": _short(each.issue), "resolution": _short(each.resolution)}
                    for each in synthesis.conflicts
                ],
                "recommendations": [_short(each.action) for each in synthesis.recommendations],
            },
        }
    )


def framed(document: JsonValue) -> str:
    """The document between two markers that nothing in it can contain."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"<data {mark}>\n{text}\n</data {mark}>"


def weightiest(findings: Sequence[Finding], most: int) -> Sequence[Finding]:
    """The `most` severe ones, in the order in which they were found."""
    if len(findings) <= most:
        return findings
    ranked = sorted(
        range(len(findings)), key=lambda index: (severity_rank(findings[index].severity), index)
    )
    return [findings[index] for index in sorted(ranked[:most])]


def _dataset(dataset: PinnedDataset) -> JsonValue:
    left_out = len(dataset.columns) - MAX_COLUMNS
    return {
        "name": dataset.name,
        "format": dataset.format,
        "rows": dataset.rows,
        "columns": {_short(column.name): column.type for column in dataset.columns[:MAX_COLUMNS]},
        **({"columns_left_out": left_out} if left_out > 0 else {}),
    }


def _finding(finding: Finding) -> JsonValue:
    return {
        "id": finding.id,
        "title": _short(finding.title),
        "by": finding.role,
        "severity": finding.severity,
        "category": finding.category,
        "about": _short(str(finding.subject)),
        "rows": finding.rows,
        "confidence": finding.confidence,
        "evidence": [
            {
                "id": evidence.id,
                "metric": _short(evidence.metric),
                "value": _value(evidence.value),
                "threshold": _value(evidence.threshold),
            }
            for evidence in finding.evidence[:8]
        ],
        "impact": _short(finding.impact),
        "recommendation": _short(finding.recommendation),
    }


def _claim(claim: Claim) -> JsonValue:
    return {"text": _short(claim.text), "cites": list(claim.cites)}


def _value(value: JsonValue) -> JsonValue:
    return _short(value) if isinstance(value, str) else value


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
