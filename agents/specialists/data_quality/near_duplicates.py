"""Judging rows that seem to describe one thing more than once."""

from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.near_duplicates import NearDuplicates
from agents.tools.profile import TableProfile

HIGH_RATE: Final = 0.01
"""Share of surplus rows from which on counts of things are visibly wrong. As for equal rows."""

CONFIDENCE: Final = 0.85
"""How sure it is that rows alike beyond chance are one thing; twins at one address are not. Ours.
"""


def judge_near_duplicates(profile: TableProfile, measured: NearDuplicates) -> list[Finding]:
    """0 or 1 finding about rows that are the same thing in other spellings."""
    if not measured.rows:
        return []
    surplus = measured.rows - measured.groups
    share = surplus / profile.rows
    return [
        Finding(
            role=ROLE,
            title=(
                f"{counted(surplus, 'row')} of {profile.rows:,} ({percent(share)}) "
                f"seem{'s' if surplus == 1 else ''} to describe what another row describes in a "
                f"different spelling: {counted(measured.groups, 'thing')} "
                f"{'stands' if measured.groups == 1 else 'stand'} in up to "
                f"{counted(measured.largest, 'row')} each."
            ),
            severity="high" if share >= HIGH_RATE else "medium",
            category="near_duplicate_rows",
            subject=Subject(table=profile.table),
            evidence=(
                Evidence(
                    metric="surplus rows by likeness",
                    value=surplus,
                    threshold=0,
                    sql=measured.sql,
                ),
            ),
            rows=measured.rows,
            recommendation=(
                "Review the groups, keep one row of each with the best of their values, and have "
                f"entry look for what is alike in {listed(measured.columns, most=4)} first."
            ),
            impact="The same thing is counted, billed or written to more than once.",
            effort="medium",
            confidence=CONFIDENCE,
            reason="what the rows share outweighs chance, but twins at one address do so, too",
        )
    ]
