"""Judging rows in which columns do not add up that otherwise do."""

from collections.abc import Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, percent
from agents.tools.arithmetic import BrokenSum
from agents.tools.profile import TableProfile

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on totals are visibly wrong. Ours."""

CONFIDENCE: Final = 0.9


def judge_arithmetic(profile: TableProfile, measured: Sequence[BrokenSum]) -> list[Finding]:
    """One finding for each column that others sum or multiply up to, in nearly every row."""
    return [_finding(profile, broken) for broken in measured]


def _finding(profile: TableProfile, broken: BrokenSum) -> Finding:
    rule = f"{broken.first} {broken.operator} {broken.second}"
    share = broken.rows / broken.counted
    return Finding(
        role=ROLE,
        title=(
            f"{broken.result} is not {rule} in {counted(broken.rows, 'row')} ({percent(share)}), "
            "although it is in all others."
        ),
        severity="medium" if share >= NOTABLE_RATE else "low",
        category="broken_dependency",
        subject=Subject(table=profile.table, column=broken.result),
        key=rule,
        evidence=(
            Evidence(
                metric=f"rows in which {broken.result} is not {rule}",
                value=broken.rows,
                threshold=0,
                sql=broken.sql,
            ),
        ),
        rows=broken.rows,
        recommendation=(
            f"Find out which of {broken.first}, {broken.second} and {broken.result} is wrong in "
            f"these rows, and compute {broken.result} instead of storing it."
        ),
        impact=f"Totals of {broken.result} differ with the column they are computed from.",
        effort="low",
        confidence=CONFIDENCE,
        reason=f"the columns add up in {percent(1 - share)} of rows",
    )
