"""Judging rows that contradict what otherwise determines their values."""

from collections.abc import Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.dependencies import Dependency
from agents.tools.profile import TableProfile

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on contradictions are more than slips. Ours."""

ONE_WITNESS: Final = 0.75
SEVERAL_WITNESSES: Final = 0.9
"""How sure it is that the minority is wrong, by how many columns say so. Ours."""

MAX_EXAMPLES: Final = 3

NOWHERE_ELSE: Final = "rows of these with a value that stands nowhere else"

JOINTLY: Final = "jointly"
"""The key of a finding about two columns that determine another only together."""


def judge_dependencies(profile: TableProfile, measured: Sequence[Dependency]) -> list[Finding]:
    """One finding for each column with values that do not fit the columns that determine it."""
    return [_finding(profile, dependency) for dependency in measured]


def _finding(profile: TableProfile, found: Dependency) -> Finding:
    names = [determinant.name for determinant in found.determinants]
    shown = [
        f"{example.value} where {example.expected} is usual ({example.rows:,})"
        for example in found.examples
    ]
    is_one = found.is_joint or len(names) == 1
    weakest = min(determinant.holds for determinant in found.determinants)
    return Finding(
        role=ROLE,
        title=(
            f"{counted(found.rows, 'row')} of {found.name} "
            f"contradict{'s' if found.rows == 1 else ''} {listed(names, most=3)}, which "
            f"{'together' if found.is_joint else 'otherwise'} "
            f"determine{'s' if len(names) == 1 else ''} it: {listed(shown, most=MAX_EXAMPLES)}."
        ),
        severity="medium" if found.rows >= NOTABLE_RATE * profile.rows else "low",
        category="broken_dependency",
        subject=Subject(table=profile.table, column=found.name),
        key=JOINTLY if found.is_joint else "",
        evidence=(
            Evidence(
                metric=f"rows of {found.name} against what {listed(names, most=3)} say",
                value=found.rows,
                threshold=0,
                sql=found.sql,
            ),
            Evidence(metric=NOWHERE_ELSE, value=found.odd_rows),
        ),
        rows=found.rows,
        recommendation=(
            f"Correct these values of {found.name} to the expected ones, or keep {found.name} "
            f"once for each {names[0]} in a table of its own."
        ),
        impact=(
            f"Groups by {found.name} differ from groups by {names[0]}, and rows are counted under "
            f"the wrong one; the rule holds in at least {percent(weakest)} of rows."
        ),
        effort="low",
        confidence=ONE_WITNESS if is_one else SEVERAL_WITNESSES,
        reason=(
            f"the rule holds in {percent(weakest)} of rows, but only one column speaks for it"
            if len(names) == 1
            else f"the rule holds in {percent(weakest)} of rows, but only for both columns together"
            if found.is_joint
            else f"{len(names)} columns say so, each in at least {percent(weakest)} of rows"
        ),
    )
