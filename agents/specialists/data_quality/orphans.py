"""Judging references to rows of other tables that are not there."""

from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.orphans import OrphanedReference
from agents.tools.profile import TableProfile

HIGH_RATE: Final = 0.2
"""Share of rows from which on a join loses so much that its figures are others. Ours."""

WARN_RATE: Final = 0.01
"""Share from which on it loses visibly. Ours."""

NAMED_CONFIDENCE: Final = 0.9
UNNAMED_CONFIDENCE: Final = 0.75
"""How sure it is that the column refers to the key, with and without names that say so. Ours."""


def judge_orphans(profile: TableProfile, measured: Sequence[OrphanedReference]) -> list[Finding]:
    """One finding for each column with values that the table it refers to does not have."""
    return [_finding(profile, reference) for reference in measured]


def _finding(profile: TableProfile, found: OrphanedReference) -> Finding:
    share = found.rows / profile.rows
    severity: Severity = "low"
    if share >= HIGH_RATE:
        severity = "high"
    elif share >= WARN_RATE:
        severity = "medium"
    name = identifier(found.column)
    target = f"{found.other}.{found.key}"
    examples = list(found.examples)
    if found.values > len(examples):
        examples.append(f"{found.values - len(examples):,} more")
    return Finding(
        role=ROLE,
        title=(
            f"{counted(found.rows, 'row')} of {found.column} ({percent(share)}) "
            f"name{'s' if found.rows == 1 else ''} {counted(found.values, 'value')} that "
            f"{target} does not have: {listed(examples)}."
        ),
        severity=severity,
        category="referential_orphan",
        subject=Subject(table=profile.table, column=found.column),
        key=target,
        evidence=(
            Evidence(
                metric=f"rows of {found.column} without a partner in {target}",
                value=found.rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {found.condition}"
                ),
            ),
            Evidence(
                metric=f"share of the values of {found.column} that {target} has",
                value=found.included,
                threshold=1.0,
            ),
        ),
        rows=found.rows,
        recommendation=(
            f"Add what is missing to {found.other}, or correct {found.column}; until then keep "
            "these rows by an outer join."
        ),
        impact=f"An inner join with {found.other} loses {percent(share)} of {profile.table}.",
        effort="medium",
        confidence=NAMED_CONFIDENCE if found.is_named else UNNAMED_CONFIDENCE,
        reason=(
            f"{percent(found.included)} of the values are there, "
            + ("and the names go together" if found.is_named else "but no name says so")
        ),
    )
