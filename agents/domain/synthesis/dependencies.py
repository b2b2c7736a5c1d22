"""Dependencies: what has to be dealt with before what.

*Guarantees*: each leads from a cause to a later one in `CAUSES`, so there is no cycle, neither
among findings nor among any grouping of them by cause.
"""

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Dependency
from agents.domain.synthesis.causes import cause_of
from agents.domain.synthesis.reach import meet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """Findings of the cause `first` come before those of the cause `then`.

    They do if they concern the same column, or, when `table_wide`, the same table. `only` narrows
    the first side to some categories.
    """

    first: str
    then: str
    why: str
    table_wide: bool = False
    only: frozenset[str] = frozenset()

    def joins(self, first: Finding, then: Finding) -> bool:
        """Whether it holds between two findings of its causes in the same table."""
        return (not self.only or first.category in self.only) and (
            self.table_wide or meet(first, then)
        )


_RULES: Final = (
    _Rule(
        first="exposure",
        then="layout",
        table_wide=True,
        why="Every rewrite is one more copy of what has to be protected.",
    ),
    _Rule(
        first="exposure",
        then="missing",
        only=frozenset({"secret", "plaintext_password", "weak_hash"}),
        why="What has to be taken out of the data need not be filled.",
    ),
    _Rule(
        first="reading",
        then="types",
        table_wide=True,
        why="Lines that are read wrongly put values into columns they do not belong to.",
    ),
    _Rule(
        first="reading",
        then="missing",
        table_wide=True,
        why="Values can be missing only because their lines were not read.",
    ),
    _Rule(
        first="reading",
        then="identity",
        table_wide=True,
        why="Rows lost or torn while reading look like duplicates or orphans.",
    ),
    _Rule(
        first="types",
        then="values",
        why="What is implausible can be said only once type and unit are settled.",
    ),
    _Rule(
        first="types",
        then="layout",
        table_wide=True,
        why="A rewritten file freezes the types that it is written with.",
    ),
    _Rule(first="types", then="figures", why="A figure over mixed types or units leaves rows out."),
    _Rule(
        first="missing",
        then="values",
        only=frozenset({"hidden_missing"}),
        why="Placeholders count as extreme values until they are NULL.",
    ),
    _Rule(
        first="missing",
        then="distribution",
        why="Rows without a value pile up under one key and distort the shares.",
    ),
    _Rule(
        first="missing",
        then="figures",
        why="The figure covers only the rows that have a value, which may not be typical ones.",
    ),
    _Rule(
        first="spelling",
        then="identity",
        why="Variants of one value hide duplicates and break references.",
    ),
    _Rule(
        first="spelling",
        then="distribution",
        why="Variants split one value into several, so the shares are wrong.",
    ),
    _Rule(
        first="identity",
        then="figures",
        table_wide=True,
        only=frozenset({"duplicate_rows", "duplicate_key", "duplicate_events"}),
        why="What stands there twice is counted twice in every total.",
    ),
    _Rule(
        first="identity",
        then="distribution",
        table_wide=True,
        only=frozenset({"duplicate_rows", "duplicate_events"}),
        why="Repeated rows weigh double in every share.",
    ),
    _Rule(
        first="values",
        then="figures",
        why="A few impossible or extreme values move totals and averages.",
    ),
    _Rule(
        first="time",
        then="load",
        table_wide=True,
        why="A hole in the records looks like a fall in the load.",
    ),
    _Rule(
        first="time",
        then="figures",
        table_wide=True,
        why="A period with missing records looks like a bad period.",
    ),
)


def find_dependencies(
    findings: Sequence[Finding], weighty: Container[str]
) -> tuple[Dependency, ...]:
    """What to deal with before what, among ranked findings, the most consequential first.

    For each finding and each reason at most one: the strongest finding that stands in its way. Only
    the `weighty`, by id, stand in anybody's way, but all may have something in theirs: a total is
    right only once the duplicates are gone.
    """
    standing: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.id in weighty:
            standing[finding.subject.table, cause_of(finding.category).name].append(finding)
    found: dict[tuple[str, str], Dependency] = {}
    for finding in findings:
        cause = cause_of(finding.category).name
        for rule in (rule for rule in _RULES if rule.then == cause):
            candidates = standing.get((finding.subject.table, rule.first), ())
            first = next((other for other in candidates if rule.joins(other, finding)), None)
            if first is not None:
                dependency = Dependency(before=first.id, after=finding.id, why=rule.why)
                found.setdefault((dependency.before, dependency.after), dependency)
    return tuple(found.values())
