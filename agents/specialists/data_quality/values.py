"""What findings about single values of a text column have in common."""

from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.tools.profile import TableProfile
from agents.tools.text_shapes import TextShapes


def about_values(
    profile: TableProfile,
    column: TextShapes,
    *,
    category: str,
    title: str,
    rows: int,
    severity: Severity,
    metric: str,
    condition: str,
    recommendation: str,
    impact: str,
    confidence: float,
    reason: str,
) -> Finding:
    """A finding whose evidence selects the values that meet `condition`, codes for none aside."""
    name = identifier(column.name)
    codes = literals(sorted(MISSING_CODES))
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category=category,
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric=metric,
                value=rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} WHERE {condition} "
                    f"AND lower(trim({name})) NOT IN ({codes})"
                ),
            ),
        ),
        rows=rows,
        recommendation=recommendation,
        impact=impact,
        confidence=confidence,
        reason=reason,
    )
