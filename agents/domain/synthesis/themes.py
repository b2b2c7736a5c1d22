"""Themes: what several findings have in common, seen across specialists and columns."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Theme
from agents.domain.synthesis.causes import cause_of
from agents.domain.synthesis.kinds import quoted
from agents.domain.synthesis.reach import columns_of, located, places
from agents.domain.synthesis.wording import counted, listed, speciality

MAX_THEMES: Final = 6
MIN_ROLES: Final = 2
MIN_COLUMNS: Final = 3
"""Findings of so many specialists, or in so many columns, are a theme."""

QUOTED: Final = 2
"""How many titles an explanation quotes, of each specialist the gravest."""


def find_themes(findings: Sequence[Finding]) -> tuple[Theme, ...]:
    """0..6 themes among ranked findings, that of the most consequential finding first.

    A theme is one cause behind findings of several specialists or columns, or one column that
    several specialists speak about for different reasons. A theme within another is left out, and
    so is one that has nothing but `info` in it.
    """
    place = {finding.id: number for number, finding in enumerate(findings)}
    tables = len({finding.subject.table for finding in findings})
    candidates = sorted(
        [*_of_causes(findings, tables), *_of_columns(findings, tables)],
        key=lambda theme: (place[theme.finding_ids[0]], -len(theme.finding_ids), theme.title),
    )
    kept: list[Theme] = []
    for theme in candidates:
        if not any(set(theme.finding_ids) <= set(other.finding_ids) for other in kept):
            kept.append(theme)
    return tuple(kept[:MAX_THEMES])


def _of_causes(findings: Sequence[Finding], tables: int) -> Iterator[Theme]:
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[cause_of(finding.category).name].append(finding)
    for group in groups.values():
        columns = {
            (finding.subject.table, column) for finding in group for column in columns_of(finding)
        }
        if _matters(group) and (len(_roles(group)) >= MIN_ROLES or len(columns) >= MIN_COLUMNS):
            cause = cause_of(group[0].category)
            where = places([finding for finding in group if columns_of(finding)] or group)
            yield _theme(f"{cause.title}: {where}", group, cause.explanation, tables)


def _of_columns(findings: Sequence[Finding], tables: int) -> Iterator[Theme]:
    """Columns that several specialists speak about; those with the same reasons are one theme."""
    touching: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        for column in columns_of(finding):
            touching[finding.subject.table, column].append(finding)
    alike: dict[tuple[str, frozenset[str], frozenset[str]], list[str]] = defaultdict(list)
    for (table, column), group in touching.items():
        weighty = [finding for finding in group if finding.severity != "info"]
        causes = {cause_of(finding.category).name for finding in group}
        if len(_roles(weighty)) >= MIN_ROLES and len(causes) > 1:
            alike[table, frozenset(_roles(group)), frozenset(causes)].append(column)
    for (table, _, _), columns in alike.items():
        ids = {finding.id for column in columns for finding in touching[table, column]}
        group = [finding for finding in findings if finding.id in ids]
        verb = "concerns" if len(columns) == 1 else "concern"
        yield _theme(
            f"More than one view: {located({table: tuple(columns)})} {verb} "
            f"{listed(speciality(role) for role in _roles(group))}",
            group,
            "Whoever changes these values changes all of this, so decide it once.",
            tables,
        )


def _theme(title: str, group: Sequence[Finding], explanation: str, tables: int) -> Theme:
    who = listed(speciality(role) for role in _roles(group))
    verb = "shows" if len(group) == 1 else "show"
    gravest = {finding.role: finding for finding in reversed(group)}
    views = [gravest[role] for role in _roles(group)][:QUOTED]
    told = " ".join(dict.fromkeys(quoted(finding, tables) for finding in views))
    return Theme(
        title=title,
        finding_ids=tuple(finding.id for finding in group),
        explanation=f"{explanation} {counted(len(group), 'finding')} by {who} {verb} it. {told}",
    )


def _matters(group: Sequence[Finding]) -> bool:
    return len(group) > 1 and any(finding.severity != "info" for finding in group)


def _roles(group: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.role for finding in group))
