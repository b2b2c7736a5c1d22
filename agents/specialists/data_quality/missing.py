"""Judging nulls: how bad each column is, and rows that break what is missing together."""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.wording import counted, is_or_are, listed, percent
from agents.tools.missing import MissingColumn, MissingGroup, MissingValues
from agents.tools.profile import TableProfile

ROLE: Final = "data_quality"

WARN_RATE: Final = 0.05
"""Share of rows; deequ's warning level for completeness."""

ERROR_RATE: Final = 0.2
"""Share of rows; deequ's error level for completeness."""

NOTABLE_RATE: Final = 0.001
"""Share of rows from which on contradictions between columns are more than slips. Ours."""

FEW_RATE: Final = 0.005
"""Share of rows below which missing values are mentioned together, and need no action. Ours."""

CONFIDENCE_Z: Final = 1.96
"""Standard errors by which a rate must exceed a level: 95 % confidence, as deequ does."""

MAX_SEPARATE: Final = 3
"""Findings of one severity past which they become one; ours: a reader skips a long list."""

MAX_EVIDENCE: Final = 20


def judge_missing(profile: TableProfile, measured: MissingValues) -> list[Finding]:
    """Findings about columns with nulls, those that are null together counting as one."""
    table, rows = profile.table, measured.rows
    by_name = {column.name: column for column in measured.columns}
    grouped = {name for group in measured.groups for name in group.columns}
    clusters = [[by_name[name] for name in group.columns] for group in measured.groups]
    clusters += [[column] for column in measured.columns if column.name not in grouped]
    clusters.sort(key=lambda cluster: -max(column.rows for column in cluster))
    findings: list[Finding] = []
    for severity in ("high", "medium", "low", "info"):
        alike = [cluster for cluster in clusters if _severity(cluster, rows) == severity]
        if len(alike) > MAX_SEPARATE or (severity == "info" and alike):
            findings.append(_summary(table, rows, severity, alike))
        else:
            findings += [_cluster(table, rows, severity, cluster) for cluster in alike]
    findings += [finding for group in measured.groups for finding in _broken(table, rows, group)]
    return findings


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
        evidence=tuple(_evidence(table, rows, severity, cluster)),
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
        evidence=tuple(_evidence(table, rows, severity, columns)),
        rows=columns[0].rows,
        recommendation=_recommendation([column.name for column in columns], columns[0].rows / rows),
        impact="Figures computed from these columns leave the rows without a value out.",
    )


def _broken(table: str, rows: int, group: MissingGroup) -> Iterable[Finding]:
    """Rows in which only some of the columns are null that are otherwise null together."""
    partly = [p for p in group.patterns if len(p.columns) < len(group.columns)]
    if not partly:
        return
    total = sum(pattern.rows for pattern in partly)
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
        severity="medium" if total / rows >= NOTABLE_RATE else "low",
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
    for column in columns[:MAX_EVIDENCE]:
        name = identifier(column.name)
        yield Evidence(
            metric=f"null rate of {column.name}",
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
