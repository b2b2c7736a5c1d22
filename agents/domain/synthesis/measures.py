"""Measures: how one sees that a recommendation worked, and what to watch from then on."""

from collections.abc import Sequence
from typing import Final, TypeGuard

from agents.domain.finding import Evidence, Finding, Value
from agents.domain.synthesis.plays import Play
from agents.domain.synthesis.reach import columns_of
from agents.domain.synthesis.wording import figure, mentions, shortened
from agents.domain.task import Route

MEASURED: Final = 3
"""For how many of its findings a recommendation names a measure of its own."""


def success_metric(findings: Sequence[Finding], play: Play | None) -> str:
    """What is true once all of `findings` (1..n, ranked) are dealt with."""
    if play is not None and play.goal:
        return f"{play.goal} (today {_reading(_measured(findings[0]), findings[0])})."
    goals = list(dict.fromkeys(_goal(finding) for finding in findings))
    rest = f"; likewise for {len(goals) - MEASURED} more" if len(goals) > MEASURED else ""
    return f"{'; '.join(goals[:MEASURED])}{rest}."


def monitoring(finding: Finding, play: Play | None, route: Route) -> str:
    """What to watch, how often, and when to be alarmed."""
    often = "At every load" if route.kind == "batch" else "Every minute, over a sliding window"
    evidence = _measured(finding)
    watch = play.watch if play is not None else f"run the query of evidence {evidence.id} again"
    return f"{often}: {watch}. Today {_reading(evidence, finding)}."


def _goal(finding: Finding) -> str:
    evidence = _measured(finding)
    metric, where = _metric(evidence, finding), shortened(str(finding.subject), 80)
    value, threshold = evidence.value, evidence.threshold
    now = f"(now {figure(value)})"
    if _is_number(value) and _is_number(threshold) and value > threshold:
        bound = f"at most {figure(threshold)}" if threshold else "0, agreed exceptions apart"
        return f"{metric} is {bound} {now}"
    if finding.rows:
        query = f"the query of evidence {evidence.id}" if evidence.sql else "the same check"
        return f"{query} finds no row of {where} (now {finding.rows:,})"
    if _is_number(value) and _is_number(threshold) and value < threshold:
        return f"{metric} is at least {figure(threshold)} {now}"
    return f"{metric} is explained or back to normal {now}"


def _measured(finding: Finding) -> Evidence:
    """The evidence that says best where the finding stands: a number against a threshold."""
    return max(
        finding.evidence,
        key=lambda evidence: (
            _is_number(evidence.value) + _is_number(evidence.threshold),
            evidence.sql is not None,
        ),
    )


def _reading(evidence: Evidence, finding: Finding) -> str:
    limit = "" if evidence.threshold is None else f", threshold {figure(evidence.threshold)}"
    return f"{_metric(evidence, finding)} is {figure(evidence.value)}{limit}"


def _metric(evidence: Evidence, finding: Finding) -> str:
    """The metric and where it is measured, unless its name says so."""
    if any(mentions(evidence.metric, column) for column in columns_of(finding)):
        return f"{evidence.metric} in {shortened(finding.subject.table, 80)}"
    return f"{evidence.metric} of {shortened(str(finding.subject), 80)}"


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
