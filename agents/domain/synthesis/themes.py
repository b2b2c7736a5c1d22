"""Themes: what several findings have in common, seen across specialists and columns."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Theme
from agents.domain.synthesis.causes import cause_of
from agents.domain.synthesis.reach import columns_of, places
from agents.domain.synthesis.wording import counted, listed, shortened, speciality

MAX_THEMES: Final = 6
MIN_ROLES: Final = 2
MIN_COLUMNS: Final = 3
"""Findings of so many specialists, or in so many columns, are a theme."""

QUOTED: Final = 3
"""How many titles an explanation quotes."""


def find_themes(findings: Sequence[Finding]) -> tuple[Theme, ...]:
    """0..6 themes among ranked findings, that of the most consequential finding first.

    A theme is one cause behind findings of several specialists or columns, or one column that
    several specialists speak about for different reasons. A theme within another is left out, and
    so is one that has nothing but `info` in it.
    """
    place = {finding.id: number for number, finding in enumerate(findings)}
    candidates = sorted(
        [*_of_causes(findings), *_of_columns(findings)],
        key=lambda theme: (place[theme.finding_ids[0]], -len(theme.finding_ids), theme.title),
    )
    kept: list[Theme] = []
    for theme in candidates:
        if not any(set(theme.finding_ids) <= set(other.finding_ids) for other in kept):
            kept.append(theme)
    return tuple(kept[:MAX_THEMES])


def _of_causes(findings: Sequence[Finding]) -> Iterator[Theme]:
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[cause_of(finding.category).name].append(finding)
    for group in groups.values():
        columns = {
            (finding.subject.table, column) for finding in group for column in columns_of(finding)
        }
        if _matters(group) and (len(_roles(group)) >= MIN_ROLES or len(columns) >= MIN_COLUMNS):
            cause = cause_of(group[0].category)
            yield _theme(f"{cause.title}: {places(group)}", group, cause.explanation)


def _of_columns(findings: Sequence[Finding]) -> Iterator[Theme]:
    touching: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for column in sorted(columns_of(finding)):
            touching[f"{finding.subject.table}.{column}"].append(finding)
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for column, group in touching.items():
        alike[tuple(finding.id for finding in group)].append(column)
    for columns in alike.values():
        group = touching[columns[0]]
        weighty = [finding for finding in group if finding.severity != "info"]
        causes = {cause_of(finding.category).name for finding in group}
        if len(_roles(weighty)) >= MIN_ROLES and len(causes) > 1:
            who = listed(speciality(role) for role in _roles(group))
            verb = "concerns" if len(columns) == 1 else "concern"
            yield _theme(
                f"{listed(columns)} {verb} {who}",
                group,
                "Whoever changes these values changes all of this, so decide it once.",
            )


def _theme(title: str, group: Sequence[Finding], explanation: str) -> Theme:
    seen = "; ".join(shortened(finding.title) for finding in group[:QUOTED])
    rest = f"; {len(group) - QUOTED} more" if len(group) > QUOTED else ""
    who = listed(speciality(role) for role in _roles(group))
    return Theme(
        title=title,
        finding_ids=tuple(finding.id for finding in group),
        explanation=f"{explanation} {counted(len(group), 'finding')} by {who}: {seen}{rest}.",
    )


def _matters(group: Sequence[Finding]) -> bool:
    return len(group) > 1 and any(finding.severity != "info" for finding in group)


def _roles(group: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.role for finding in group))
