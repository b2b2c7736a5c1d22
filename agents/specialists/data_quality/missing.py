"""Judging nulls: how bad each column is, and rows that break what is missing together."""

import re
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.wording import counted, is_or_are, listed, percent
from agents.tools.column_names import words
from agents.tools.missing import MissingColumn, MissingGroup, MissingValues
from agents.tools.profile import TableProfile

ROLE: Final = "data_quality"

MIN_ROWS: Final = 10
"""Rows of so small a table that one sees what is missing."""

WARN_RATE: Final = 0.05
"""Share of rows; deequ's warning level for completeness."""

ERROR_RATE: Final = 0.2
"""Share of rows; deequ's error level for completeness."""

NOTABLE_RATE: Final = 0.001
"""Share of rows from which on contradictions between columns are more than slips. Ours."""

NOTABLE_ROWS: Final = 20
"""The same in rows, for small tables."""

FEW_RATE: Final = 0.005
"""Share of rows below which missing values are mentioned together, and need no action. Ours."""

CONFIDENCE_Z: Final = 1.96
"""Standard errors by which a rate must exceed a level: 95 % confidence, as deequ does."""

MIN_TOGETHER: Final = 100
"""Rows in which columns are null together, below which it may be chance that others differ. Ours.
"""

MAX_PARTLY: Final = 0.15
"""Rows in which only some of them are, as a share of those in which any is, past which that is how
they are filled, and no contradiction. Ours."""

MAX_SEPARATE: Final = 3
"""Findings of one severity past which they become one; ours: a reader skips a long list."""

OPEN_CONFIDENCE: Final = 0.7

_ENDS: Final = re.compile(
    r"(.* )?(left|end(ed|s)?|clos(ed|ing|e)|cancel(l)?ed|cancell?ation|resolved|finished|completed"
    r"|return(ed)?|deleted|removed|died|death|discharged?|terminat(ed|ion)|expir(ed|es|y)"
    r"|retired|resigned|churned|deactivated|archived|shipped|delivered|paid)"
    r"( (on|at|date|time|day))?"
)
"""Names of dates that stay empty until something has come to an end."""

_UNNAMED: Final = re.compile(r"column ?0+|unnamed 0")
"""What a reader calls a first column without a name."""

FURTHER: Final = "further evidence, not listed"
"""The metric of how many more there are."""

MAX_EVIDENCE: Final = 20
"""Of one finding, the rest only counted."""


def null_rate(column: str) -> str:
    """The metric of the share of rows in which a column has no value."""
    return f"null rate of {column}"


def capped(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The first `MAX_EVIDENCE` of them, and how many more there are, with those not listed before.

    Of findings that were capped already, what they do not list is counted as well.
    """
    every = tuple(evidence)
    listed = [each for each in every if each.metric != FURTHER]
    before = sum(int(each.value or 0) for each in every if each.metric == FURTHER)
    further = before + max(0, len(listed) - MAX_EVIDENCE)
    if not further:
        return every
    return (*listed[:MAX_EVIDENCE], Evidence(metric=FURTHER, value=further))


def judge_missing(profile: TableProfile, measured: MissingValues) -> list[Finding]:
    """Findings about columns with nulls, those that are null together counting as one."""
    table, rows = profile.table, measured.rows
    if rows < MIN_ROWS:
        return []
    by_name = {column.name: column for column in measured.columns}
    grouped = {name for group in measured.groups for name in group.columns}
    clusters = [[by_name[name] for name in group.columns] for group in measured.groups]
    clusters += [
        [column]
        for column in measured.columns
        if column.name not in grouped and not _is_unnamed_index(profile, column.name)
    ]
    clusters.sort(key=lambda cluster: -max(column.rows for column in cluster))
    findings: list[Finding] = []
    open_ended = [cluster for cluster in clusters if _is_open_ended(profile, cluster)]
    findings += [_not_yet(table, rows, cluster[0]) for cluster in open_ended]
    clusters = [cluster for cluster in clusters if cluster not in open_ended]
    for severity in ("high", "medium", "low", "info"):
        alike = [cluster for cluster in clusters if _severity(cluster, rows) == severity]
        if len(alike) > MAX_SEPARATE or (severity == "info" and alike):
            findings.append(_summary(table, rows, severity, alike))
        else:
            findings += [_cluster(table, rows, severity, cluster) for cluster in alike]
    findings += [finding for group in measured.groups for finding in _broken(table, rows, group)]
    return findings


def _is_unnamed_index(profile: TableProfile, name: str) -> bool:
    """Whether it is a first column without a name, which numbers the rows and says nothing."""
    return profile.columns[0].name == name and _UNNAMED.fullmatch(words(name)) is not None


def _is_open_ended(profile: TableProfile, cluster: Sequence[MissingColumn]) -> bool:
    """Whether it is one column that dates the end of something which may not have come."""
    name = cluster[0].name
    return (
        len(cluster) == 1
        and profile.column(name).kind == "date"
        and cluster[0].rows < profile.rows
        and _ENDS.fullmatch(words(name)) is not None
    )


def _not_yet(table: str, rows: int, column: MissingColumn) -> Finding:
    return Finding(
        role=ROLE,
        title=(
            f"{column.name} is empty in {_of(column.rows, rows)}: it seems to date an end that has "
            "not come everywhere."
        ),
        severity="info",
        category="missing_values",
        subject=Subject(table=table, column=column.name),
        evidence=tuple(_evidence(table, rows, "info", [column])),
        rows=column.rows,
        recommendation=f"Treat the rows without {column.name} as open.",
        impact=f"A filter on {column.name} leaves out what is still open.",
        effort="low",
        confidence=OPEN_CONFIDENCE,
        reason="only the name says so",
    )


def _severity(cluster: Sequence[MissingColumn], rows: int) -> Severity:
    rate = max(column.rows for column in cluster) / rows
    at_least = rate - CONFIDENCE_Z * sqrt(rate * (1 - rate) / rows)
    if at_least >= ERROR_RATE:
        return "high"
    if at_least >= WARN_RATE:
        return "medium"
    return "low" if rate >= FEW_RATE else "info"


def _cluster(
    table: str, rows: int, severity: Severity, cluster: Sequence[MissingColumn]
) -> Finding:
    names = [column.name for column in cluster]
    worst = max(column.rows for column in cluster)
    least = min(column.rows for column in cluster)
    if worst == rows:
        title = f"{listed(names)} {is_or_are(names)} empty in all {counted(rows, 'row')}."
    elif len(cluster) == 1:
        title = f"{names[0]} is missing in {_of(worst, rows)}{_written(cluster)}."
    elif least == worst:
        title = f"{listed(names)} are missing together in {_of(worst, rows)}{_written(cluster)}."
    else:
        title = (
            f"{listed(names)} are missing together, in {least:,} to "
            f"{_of(worst, rows)}{_written(cluster)}."
        )
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category="missing_values",
        subject=Subject(table=table, column=names[0] if len(names) == 1 else None),
        key=",".join(names) if len(names) > 1 else "",
        evidence=capped(_evidence(table, rows, severity, cluster)),
        rows=worst,
        recommendation=_recommendation(names, worst / rows),
        impact=(
            f"Figures computed from {listed(names)} leave those rows out, and joins and filters on "
            f"{'it' if len(names) == 1 else 'them'} lose them."
        ),
        effort="low" if worst == rows else "medium",
    )


def _summary(
    table: str, rows: int, severity: Severity, clusters: Sequence[Sequence[MissingColumn]]
) -> Finding:
    columns = [column for cluster in clusters for column in cluster]
    columns.sort(key=lambda column: -column.rows)
    shown = [f"{column.name} ({percent(column.rows / rows)})" for column in columns]
    if severity == "info":
        title = f"A few values are missing: {listed([f'{c.name} in {c.rows:,}' for c in columns])}."
    else:
        most = percent(columns[0].rows / rows)
        title = f"{len(columns)} columns lack values in up to {most} of rows: {listed(shown)}."
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category="missing_values",
        subject=Subject(table=table),
        key=severity,
        evidence=capped(_evidence(table, rows, severity, columns)),
        rows=columns[0].rows,
        recommendation=_recommendation([column.name for column in columns], columns[0].rows / rows),
        impact="Figures computed from these columns leave the rows without a value out.",
    )


def _broken(table: str, rows: int, group: MissingGroup) -> Iterable[Finding]:
    """Rows in which only some of the columns are null that are otherwise null together."""
    partly = [p for p in group.patterns if len(p.columns) < len(group.columns)]
    total = sum(pattern.rows for pattern in partly)
    together = sum(pattern.rows for pattern in group.patterns) - total
    if not partly or together < MIN_TOGETHER or total > MAX_PARTLY * (together + total):
        return
    said = []
    for pattern in partly[:2]:
        kept = [name for name in group.columns if name not in pattern.columns]
        said.append(
            f"{pattern.rows:,} have {listed(kept, most=3)} but no {listed(pattern.columns, most=3)}"
        )
    rest = f", {len(partly) - 2} other combinations occur" if len(partly) > 2 else ""
    yield Finding(
        role=ROLE,
        title=(
            f"{counted(total, 'row')} {'lacks' if total == 1 else 'lack'} only some of the columns "
            f"that are otherwise missing together: {'; '.join(said)}{rest}."
        ),
        severity="medium" if total >= max(NOTABLE_ROWS, NOTABLE_RATE * rows) else "low",
        category="missing_values",
        subject=Subject(table=table),
        key="partly," + ",".join(group.columns),
        evidence=tuple(
            Evidence(
                metric=f"rows that lack only {listed(pattern.columns)}",
                value=pattern.rows,
                threshold=0,
                sql=_pattern_sql(table, group.columns, pattern.columns),
            )
            for pattern in partly
        ),
        rows=total,
        recommendation=(
            "Find out which process fills these columns at different times, and decide what such a "
            "row means before it is counted."
        ),
        impact="Two figures over the same rows rest on different rows without anyone noticing.",
    )


def _evidence(
    table: str, rows: int, severity: Severity, columns: Sequence[MissingColumn]
) -> Iterable[Evidence]:
    threshold = {"high": ERROR_RATE, "medium": WARN_RATE}.get(severity, 0.0)
    for column in columns:
        name = identifier(column.name)
        yield Evidence(
            metric=null_rate(column.name),
            value=column.rows / rows,
            threshold=threshold,
            sql=f"SELECT row_id, {name} FROM {identifier(table)} WHERE {name} IS NULL",
        )


def _pattern_sql(table: str, columns: Sequence[str], missing: Sequence[str]) -> str:
    conditions = " AND ".join(
        f"{identifier(name)} IS {'NULL' if name in missing else 'NOT NULL'}" for name in columns
    )
    return f"SELECT row_id, {identifiers(columns)} FROM {identifier(table)} WHERE {conditions}"


def _recommendation(names: Sequence[str], rate: float) -> str:
    if rate == 1.0:
        return f"Drop {listed(names)}, or find out why nothing fills {_them(names)}."
    if rate >= ERROR_RATE:
        return (
            f"Ask the source whether {listed(names)} {is_or_are(names)} optional; if so, document "
            "it, if not, have the gap closed there."
        )
    return (
        f"Find out when {listed(names)} {is_or_are(names)} left out, and say for each use whether "
        "such rows count."
    )


def _written(columns: Sequence[MissingColumn]) -> str:
    codes = sorted({code.strip() or "a blank" for column in columns for code in column.codes})
    return f", written as {listed(codes)}" if codes else ""


def _of(part: int, rows: int) -> str:
    return f"{part:,} of {counted(rows, 'row')} ({percent(part / rows)})"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
