"""Judging values that slipped into the column beside theirs."""

from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed
from agents.tools.merged_fields import MergedField
from agents.tools.profile import TableProfile

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on such values are more than slips. Ours."""

CONFIDENCE: Final = 0.9


def judge_merged_fields(profile: TableProfile, measured: Sequence[MergedField]) -> list[Finding]:
    """One finding for each column that holds what another one lacks."""
    return [
        Finding(
            role=ROLE,
            title=(
                f"{found.column} carries the value of {found.emptied} as well in "
                f"{counted(found.rows, 'row')} of the {found.nulls:,} without {found.emptied}: "
                f"{listed(found.examples, most=3)}."
            ),
            severity="medium" if found.rows >= NOTABLE_RATE * profile.rows else "low",
            category="pattern_violation",
            subject=Subject(table=profile.table, column=found.column),
            key=f"carries {found.emptied}",
            evidence=(
                Evidence(
                    metric=f"rows of {found.column} that carry {found.emptied}",
                    value=found.rows,
                    threshold=0,
                    sql=(
                        f"SELECT row_id, {identifier(found.column)} "
                        f"FROM {identifier(profile.table)} WHERE {found.condition}"
                    ),
                ),
            ),
            rows=found.rows,
            recommendation=(
                f"Split {found.column} in these rows, and move the part that belongs there to "
                f"{found.emptied}."
            ),
            impact=(
                f"Groups by {found.column} are split, and {found.emptied} seems to be unknown "
                "where it is not."
            ),
            effort="low",
            confidence=CONFIDENCE,
            reason="the values end in what the other column holds elsewhere and lacks here",
        )
        for found in measured
    ]
