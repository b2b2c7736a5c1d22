"""The outline of a report: which parts are shown, and the sentences about how it came to be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from agents.domain.dispute import Position
from agents.domain.finding import SEVERITIES, Evidence, Finding
from agents.domain.report import (
    Conflict,
    Origin,
    Recommendation,
    ReportedDataset,
    ReportPublished,
    ReportStatus,
)
from agents.domain.synthesis import TOP_FINDINGS
from agents.domain.synthesis.kinds import kind_of
from agents.domain.synthesis.wording import (
    counted,
    listed,
    measured_as,
    quantity,
    speciality,
)

FIRST_STEPS: Final = 5
"""How many recommendations are shown unless asked for all."""

TOP_CONNECTIONS: Final = 3
"""How many themes, conflicts, dependencies, opportunities are shown unless asked for all."""

_STATUS: Final[dict[ReportStatus, str]] = {
    "complete": "Complete: every member of the panel answered.",
    "partial": "Partial: part of the panel is missing, so what it would have found is too.",
    "failed": "Failed: too little of the panel answered for a verdict.",
    "cancelled": "Cancelled: the request was stopped before it was done.",
    "expired": "Expired: the deadline passed before enough of the panel had answered.",
}

_LEVELS: Final[dict[str, str]] = {
    "full": "everything as it should be",
    "simplified": "a shorter question to the model",
    "cached": "an earlier answer of the model",
    "partial": "no model, or not every check",
    "degraded": "no check at all",
}

_LACKING: Final = frozenset({"partial", "degraded"})
"""Levels at which something that was to be done was not."""
_SYNTHESIS: Final = "synthesis"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What connects findings: a headline, what there is to say of it, and who says it.

    Of a conflict about which both sides were asked, `positions` are their answers and `outcome`
    says in one sentence whether that settled it.
    """

    headline: str
    body: str
    origin: Origin = "rules"
    positions: Sequence[Position] = ()
    outcome: str = ""


def shown(items: Sequence[T], most: int, *, show_all: bool) -> tuple[Sequence[T], int]:
    """What of `items` is shown, and how many are not."""
    visible = items if show_all else items[:most]
    return visible, len(items) - len(visible)


def shown_findings(report: ReportPublished, *, show_all: bool) -> tuple[Sequence[Finding], int]:
    """The findings to show, the most consequential first, and how many are left out."""
    return shown(report.findings, TOP_FINDINGS, show_all=show_all)


def severity_counts(findings: Sequence[Finding]) -> str:
    """Such as "12 findings: 1 high, 3 medium, 8 low"."""
    if not findings:
        return "No findings."
    number = Counter(finding.severity for finding in findings)
    parts = [f"{number[severity]} {severity}" for severity in SEVERITIES if number[severity]]
    return f"{counted(len(findings), 'finding')}: {', '.join(parts)}."


def title(report: ReportPublished) -> str:
    """What was analysed: by file, and the name that SQL knows it by where that is another."""
    if not is_examined(report):
        return "No analysis"
    return f"Analysis of {listed(map(_named, report.datasets))}"


def is_examined(report: ReportPublished) -> bool:
    """Whether anybody looked at the data at all."""
    return bool(report.datasets)


def status_line(report: ReportPublished) -> str:
    """How it ended, in one sentence."""
    if report.status == "failed" and not is_examined(report):
        return "Failed: the data could not be examined."
    if report.status == "partial" and not report.missing:
        return "Partial: everybody answered, but not all that was to be done could be done."
    return _STATUS[report.status]


def _named(dataset: ReportedDataset) -> str:
    file = dataset.location.rstrip("/").rpartition("/")[2]
    is_plain = file.partition(".")[0] in ("", dataset.name)
    return file or dataset.name if is_plain else f"{file} (as {dataset.name})"


def route_line(report: ReportPublished) -> str:
    """How the data was treated, and why."""
    if report.route is None:
        return "It was not decided how to treat the data."
    kind = "a batch" if report.route.kind == "batch" else "a stream"
    by = f", in the order of {report.route.time_column}" if report.route.time_column else ""
    return f"Treated as {kind}{by}: {report.route.why}"


def model_line(report: ReportPublished) -> str:
    """Whether a model had a part in it."""
    if report.model is not None:
        return f"{report.model} weighed and explained; every claim cites a measurement."
    if any(usage.calls for usage in report.run.usage.values()):
        return (
            "A model was asked, and nothing of what it said is in here: findings and advice come "
            "from rules over measurements."
        )
    return "No model was used: findings and advice come from rules over measurements."


def level_words(level: str) -> str:
    """A fallback level as words; a level that is not known, as it is."""
    return _LEVELS.get(level, level)


def shortfalls(report: ReportPublished) -> Sequence[tuple[str, str]]:
    """Who of the panel is missing or did less than its part, and why."""
    lacking = [
        (member.role, member.fallbacks[-1].reason)
        for member in report.panel
        if member.fallback_level in _LACKING and member.fallbacks
    ]
    if report.fallbacks and report.fallbacks[-1].level in _LACKING:
        lacking.append((_SYNTHESIS, report.fallbacks[-1].reason))
    return [*((each.role, each.reason) for each in report.missing), *lacking]


def fallback_lines(report: ReportPublished) -> Sequence[str]:
    """Who came down to less than the whole, to what, and why."""
    every = [
        *((member.role, fallback) for member in report.panel for fallback in member.fallbacks),
        *((_SYNTHESIS, fallback) for fallback in report.fallbacks),
    ]
    return [
        f"{speciality(who)} came down to {level_words(fallback.level)}: {fallback.reason}"
        for who, fallback in every
    ]


def run_line(report: ReportPublished) -> str:
    """When, how long and under which id."""
    replayed = f", a replay of {report.run.replay_of}" if report.run.replay_of else ""
    return (
        f"{report.run.finished_at:%Y-%m-%d %H:%M:%S} UTC, {report.run.seconds:.1f} s, "
        f"request {report.request_id}{replayed}."
    )


def terms(recommendation: Recommendation) -> str:
    """What it takes and brings, who does it, and what it waits for."""
    after = (
        f", after {listed(map(str, recommendation.depends_on))}"
        if recommendation.depends_on
        else ""
    )
    return (
        f"Impact {recommendation.impact}, effort {recommendation.effort}, "
        f"owner {speciality(recommendation.owner_role)}{after}."
        + (" Proposed by the model." if recommendation.origin == "model" else "")
    )


def certainty(finding: Finding) -> str:
    """How sure a finding is, and what that rests on, as far as it says."""
    sure = f"Confidence {finding.confidence * 100:.0f} %"
    reason = finding.reason or ("it is counted, not inferred" if finding.confidence == 1 else "")
    return f"{sure}: {reason}" if reason else sure


def measurement(evidence: Evidence) -> str:
    """Such as "null rate: 12 % (threshold 5 %)"."""
    metric, limit = evidence.metric, ""
    if evidence.threshold is not None:
        limit = f" (threshold {quantity(metric, evidence.threshold)})"
    return f"{measured_as(metric)}: {quantity(metric, evidence.value)}{limit}"


def connections(report: ReportPublished) -> Sequence[tuple[str, Sequence[Connection]]]:
    """By heading, what connects the findings."""
    return [
        (
            "What belongs together",
            [
                Connection(headline=each.title, body=each.explanation, origin=each.origin)
                for each in report.themes
            ],
        ),
        ("Where advice conflicts", [_disputed(each) for each in report.conflicts]),
        ("What comes before what", _order(report)),
        (
            "What becomes possible",
            [
                Connection(headline=each.title, body=each.explanation, origin=each.origin)
                for each in report.opportunities
            ],
        ),
    ]


def _disputed(conflict: Conflict) -> Connection:
    settled = "Both sides were asked, and it is settled."
    open = "Both sides were asked, and it is not settled."
    return Connection(
        headline=conflict.issue,
        body=conflict.resolution,
        positions=conflict.positions,
        outcome=(settled if conflict.is_settled else open) if conflict.positions else "",
    )


def _order(report: ReportPublished) -> Sequence[Connection]:
    """The dependencies; those with the same first side and reason are one."""
    finding = {each.id: each for each in report.findings}
    groups: dict[tuple[str, str], dict[str, list[Finding]]] = {}
    for each in report.dependencies:
        if each.before not in finding or each.after not in finding:
            continue
        later = groups.setdefault((each.before, each.why), {})
        later.setdefault(finding[each.after].category, []).append(finding[each.after])
    return [
        Connection(
            headline=f"First {kind_of(finding[before].category, [finding[before]])}, then "
            + listed((kind_of(category, after, 3) for category, after in later.items()), 3),
            body=why,
        )
        for (before, why), later in groups.items()
    ]
