"""Opportunities: what dealing with several findings together makes possible."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Dependency, Opportunity
from agents.domain.synthesis.causes import cause_of
from agents.domain.synthesis.reach import places
from agents.domain.synthesis.wording import counted, listed, shortened

_CHECKABLE: Final = ("reading", "types", "missing", "spelling", "identity", "values")
_REWRITTEN: Final = ("exposure", "types", "missing", "spelling", "identity")
MIN_CHECKS: Final = 3
"""So many findings that a query can repeat are worth a check at loading."""


def find_opportunities(
    findings: Sequence[Finding], dependencies: Sequence[Dependency]
) -> tuple[Opportunity, ...]:
    """0..n opportunities among ranked findings, the broadest first, then table by table."""
    tables: dict[str, dict[str, list[Finding]]] = defaultdict(lambda: defaultdict(list))
    for finding in findings:
        tables[finding.subject.table][cause_of(finding.category).name].append(finding)
    found = [
        opportunity for name, causes in tables.items() for opportunity in _in_table(name, causes)
    ]
    return (*_checks(findings), *found, *_trustworthy_figures(findings, dependencies))


def _checks(findings: Sequence[Finding]) -> Iterator[Opportunity]:
    checks = [
        finding
        for finding in _worth_it(findings)
        if cause_of(finding.category).name in _CHECKABLE
        and any(evidence.sql for evidence in finding.evidence)
    ]
    if len(checks) >= MIN_CHECKS:
        tables = listed(finding.subject.table for finding in checks)
        yield Opportunity(
            title=f"{len(checks)} checks for {tables} are already written",
            finding_ids=_ids(checks),
            explanation="The evidence of these findings is SQL that returns the offending rows. "
            "Run at each load, with today's figures as limits, these queries tell of the next such "
            "case before anybody builds on it.",
        )


def _in_table(name: str, causes: Mapping[str, Sequence[Finding]]) -> Iterator[Opportunity]:
    table = shortened(name, 80)
    layout = _worth_it(causes.get("layout", ()))
    settled = _worth_it(_of(causes, _REWRITTEN))
    if layout and len(settled) > 1:
        together = [*layout, *settled]
        yield Opportunity(
            title=f"One rewrite of {table} settles {counted(len(together), 'finding')}",
            finding_ids=_ids(together),
            explanation="It has to be written once more for its layout anyway. What is due in "
            f"{places(settled)} costs little more in the same pass.",
        )
    spelt = _worth_it(causes.get("spelling", ()))
    unmatched = _only(causes, "identity", frozenset({"referential_orphan"}))
    listable = [*spelt, *unmatched]
    if spelt and unmatched:
        yield Opportunity(
            title=f"Lists of valid values serve both spelling and joins of {table}",
            finding_ids=_ids(listable),
            explanation=f"Variants in {places(spelt)} and references to nothing in "
            f"{places(unmatched)} lack the same thing. A list for each, kept in one place, "
            "corrects the spelling and completes the joins.",
        )
    timing = [
        *_only(causes, "time", frozenset({"out_of_order", "late_events"})),
        *_only(causes, "identity", frozenset({"duplicate_events"})),
    ]
    if len({finding.category for finding in timing}) > 1:
        yield Opportunity(
            title=f"One rule about event time settles the order of {table}",
            finding_ids=_ids(timing),
            explanation="A key per event, a watermark and a window for repeats handle disorder, "
            "lateness and duplicates in one place instead of in each consumer.",
        )


def _trustworthy_figures(
    findings: Sequence[Finding], dependencies: Sequence[Dependency]
) -> Iterator[Opportunity]:
    by_id = {finding.id: finding for finding in findings}
    held_up = [
        dependency
        for dependency in dependencies
        if cause_of(by_id[dependency.after].category).name == "figures"
    ]
    figures = list(dict.fromkeys(by_id[dependency.after].id for dependency in held_up))
    obstacles = list(dict.fromkeys(by_id[dependency.before].id for dependency in held_up))
    if figures:
        yield Opportunity(
            title=f"{counted(len(obstacles), 'correction')} away from figures that one can publish",
            finding_ids=(*obstacles, *figures),
            explanation=f"With {places(by_id[each] for each in obstacles)} in order, the figures "
            f"for {places(by_id[each] for each in figures)} rest on whole data and can be compared "
            "from one period to the next.",
        )


def _of(causes: Mapping[str, Sequence[Finding]], names: Iterable[str]) -> list[Finding]:
    return [finding for name in names for finding in causes.get(name, ())]


def _only(
    causes: Mapping[str, Sequence[Finding]], name: str, categories: frozenset[str]
) -> list[Finding]:
    return [each for each in _worth_it(causes.get(name, ())) if each.category in categories]


def _worth_it(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity != "info"]


def _ids(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(finding.id for finding in findings)
