"""Judging rows that are there twice, and keys that are not quite keys."""

from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.candidate_keys import CandidateKeys, NearKey
from agents.tools.duplicates import DuplicateRows
from agents.tools.profile import TableProfile

HIGH_RATE: Final = 0.01
"""Share of surplus rows from which on totals are visibly wrong. Ours."""

CHANCE: Final = 2.0
"""Surplus rows, as a multiple of those that chance gives, up to which they are no sign. Ours."""

CHANCE_CONFIDENCE: Final = 0.3

COMBINED_CONFIDENCE: Final = 0.7
"""How sure it is that columns found by their lack of duplicates are meant to identify rows."""


def judge_duplicate_rows(profile: TableProfile, measured: DuplicateRows) -> list[Finding]:
    """0 or 1 finding about rows that are equal in every column."""
    if not measured.rows:
        return []
    columns = identifiers(column.name for column in profile.columns)
    share = measured.surplus / profile.rows
    is_chance = measured.surplus <= CHANCE * measured.expected
    severity: Severity = "high" if share >= HIGH_RATE else "medium"
    return [
        Finding(
            role=ROLE,
            title=(
                f"{counted(measured.surplus, 'row')} of {profile.rows:,} ({percent(share)}) "
                f"repeat{'s' if measured.surplus == 1 else ''} another row in every column."
            ),
            severity="info" if is_chance else severity,
            category="duplicate_rows",
            subject=Subject(table=profile.table),
            evidence=(
                Evidence(
                    metric="surplus rows",
                    value=measured.surplus,
                    threshold=0,
                    sql=(
                        "SELECT unnest(row_ids) AS row_id, copies FROM (SELECT list(row_id) AS "
                        f"row_ids, count(*) AS copies FROM {identifier(profile.table)} "
                        f"GROUP BY {columns} HAVING count(*) > 1) ORDER BY row_id"
                    ),
                ),
            ),
            rows=measured.rows,
            recommendation=(
                "Find out whether a load ran twice; remove the copies, and add a key that refuses "
                "them."
            ),
            impact="Counts and totals include these rows more than once.",
            effort="low",
            confidence=CHANCE_CONFIDENCE if is_chance else 1.0,
            reason=(
                "without a key, rows that agree in all but one column make some equal by chance"
                if is_chance
                else "no value differs"
            ),
        )
    ]


def judge_candidate_keys(profile: TableProfile, measured: CandidateKeys) -> list[Finding]:
    """Findings about columns that identify all rows but a few."""
    return [_near_key(profile, key, measured.keys) for key in measured.near_keys if key.rows]


def _near_key(profile: TableProfile, key: NearKey, keys: Sequence[Sequence[str]]) -> Finding:
    names = list(key.columns)
    is_single = len(names) == 1
    columns = identifiers(names)
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
    evidence = [
        Evidence(
            metric=f"rows that share {listed(names)} with another",
            value=key.rows,
            threshold=0,
            sql=(
                f"SELECT row_id, {columns} FROM {identifier(profile.table)} WHERE {present} "
                f"QUALIFY count(*) OVER (PARTITION BY {columns}) > 1 ORDER BY {columns}, row_id"
            ),
        )
    ]
    if key.expected is not None:
        evidence.append(
            Evidence(
                metric="surplus rows, against pairs that chance would give",
                value=key.rows - key.groups,
                threshold=key.expected,
            )
        )
    noun = "value" if is_single else "combination"
    title = (
        f"{listed(names)} {'identifies' if is_single else 'identify'} every row but {key.rows:,}, "
        f"which share {counted(key.groups, noun)}."
    )
    return Finding(
        role=ROLE,
        title=title,
        severity="medium" if is_single else "low",
        category="duplicate_key",
        subject=Subject(table=profile.table, column=names[0] if is_single else None),
        key="" if is_single else ",".join(names),
        evidence=tuple(evidence),
        rows=key.rows,
        recommendation=(
            f"Decide whether {listed(names)} must be unique; if so, resolve these rows and enforce "
            "it where the data is loaded."
        ),
        impact=f"A join on {listed(names)} multiplies the rows concerned{_unlike(keys)}.",
        effort="low",
        confidence=0.9 if is_single else COMBINED_CONFIDENCE,
        reason=(
            "the name says that it identifies rows, and it nearly does"
            if is_single
            else "far fewer rows share them than chance would give, "
            + ("and they are named like keys" if key.is_named else "but no name says so")
        ),
    )


def _unlike(keys: Sequence[Sequence[str]]) -> str:
    """By what else rows can be joined, if something does tell all of them apart."""
    if not keys:
        return ""
    verb = "identifies" if len(keys[0]) == 1 else "identify"
    return f", while {listed(keys[0])} {verb} every row"
