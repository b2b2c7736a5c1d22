"""Measures: how one sees that a recommendation worked, and what to watch from then on."""

from collections.abc import Sequence
from typing import Final, TypeGuard

from agents.domain.finding import Evidence, Finding, Value
from agents.domain.synthesis.plays import Play
from agents.domain.synthesis.reach import columns_of, places
from agents.domain.synthesis.wording import (
    listed,
    measured_as,
    quantity,
    raised,
    sentence,
    shortened,
)
from agents.domain.task import Route

MEASURED: Final = 3
"""For how many of its findings a recommendation names a measure of its own."""


def success_metric(findings: Sequence[Finding], play: Play | None) -> str:
    """What is true once all of `findings` (1..n, ranked) are dealt with, and what shows it."""
    flawed = _by_place([each for each in findings if each.rows or _has_share(each)])
    said = []
    if play is not None and play.goal:
        said.append(play.goal)
    if play is not None and play.flaw and flawed:
        apart = "" if play.goal else ", exceptions on record apart"
        said += [f"{_without_flaw(flawed, play.flaw)}{apart}", _queries(flawed)]
    else:
        said.append(_reading(findings[0]))
    return " ".join(sentence(each) for each in said if each)


def monitoring(play: Play | None, finding: Finding, route: Route) -> str:
    """What to watch, how often, and when to be alarmed."""
    watch = (
        play.watch
        if play is not None
        else f"run evidence {_measured(finding).id} again, and raise an alert where it gets worse"
    )
    often = "At every load" if route.kind == "batch" else "Every minute, over a sliding window"
    return sentence(f"{often}, {watch}")


def _without_flaw(findings: Sequence[Finding], flaw: str) -> str:
    """Such as "No rows of orders lack email (today 70) and none lack phone (today 3)"."""
    clauses: list[str] = []
    last_table = None
    for finding in findings[:MEASURED]:
        table = shortened(finding.subject.table, 80)
        clauses.append(_clause(finding, flaw, "" if table == last_table else f" of {table}"))
        last_table = table
    more = findings[MEASURED:]
    if more:
        return raised(f"{', '.join(clauses)}, and likewise for {places(more)}")
    *first, final = clauses
    return raised(f"{', '.join(first)}{' and ' if first else ''}{final}")


def _clause(finding: Finding, flaw: str, of_table: str) -> str:
    columns, evidence = columns_of(finding), _measured(finding)
    said = flaw.replace("{what}", listed(columns) if columns else "some columns")
    if _has_share(finding):
        limit = quantity(evidence.metric, evidence.threshold)
        rows = f" of the rows{of_table}" if of_table else ""
        return f"at most {limit}{rows} {said} (today {quantity(evidence.metric, evidence.value)})"
    rows = f"no rows{of_table}" if of_table else "none"
    return f"{rows} {said} (today {finding.rows:,})"


def _by_place(findings: Sequence[Finding]) -> Sequence[Finding]:
    """Of those about the same columns, the one that concerns most rows."""
    most: dict[tuple[str, frozenset[str]], Finding] = {}
    for finding in findings:
        place = (finding.subject.table, frozenset(columns_of(finding)))
        if place not in most or (finding.rows or 0) > (most[place].rows or 0):
            most[place] = finding
    return list(most.values())


def _queries(findings: Sequence[Finding]) -> str:
    """Which evidence counts them."""
    ids = [_measured(finding).id for finding in findings[:MEASURED]]
    return (
        f"Evidence {ids[0]} counts them" if len(ids) == 1 else f"Evidence {listed(ids)} count them"
    )


def _reading(finding: Finding) -> str:
    """What the evidence says today, and from which threshold on it is told."""
    evidence = _measured(finding)
    if evidence.value is None or evidence.value == "":
        return f"Evidence {evidence.id} shows it"
    metric = shortened(measured_as(evidence.metric), 120)
    now, limit = (
        quantity(evidence.metric, value) for value in (evidence.value, evidence.threshold)
    )
    target = ""
    if evidence.threshold is not None and evidence.threshold != evidence.value:
        target = f", against a threshold of {limit}"
    return f"Evidence {evidence.id} reads {now} today{target} ({metric})"


def _measured(finding: Finding) -> Evidence:
    """The evidence that says best where the finding stands: a number against a threshold."""
    return max(
        finding.evidence,
        key=lambda evidence: (
            _is_number(evidence.value) + _is_number(evidence.threshold),
            evidence.sql is not None,
        ),
    )


def _has_share(finding: Finding) -> bool:
    """Whether it says which share of the rows is flawed in its column, and which would do."""
    evidence = _measured(finding)
    return (
        len(columns_of(finding)) == 1
        and evidence.metric.startswith(("null rate", "share"))
        and _is_number(evidence.value)
        and _is_number(evidence.threshold)
        and 0 < evidence.threshold < evidence.value <= 1
    )


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
