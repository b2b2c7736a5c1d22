"""Findings about what opens doors: secrets and passwords."""

from collections.abc import Sequence

from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.security.masked_sql import masked_sql
from agents.specialists.security.role import ROLE
from agents.specialists.wording import counted
from agents.tools.profile import TableProfile
from agents.tools.secret_patterns import SECRET_PATTERNS
from agents.tools.secrets import SecretColumn
from agents.tools.stored_passwords import COMMON, STRONG, PasswordColumn, present_condition


def judge_secrets(profile: TableProfile, measured: Sequence[SecretColumn]) -> list[Finding]:
    """One finding for each kind of secret in each column."""
    return [
        Finding(
            role=ROLE,
            title=(
                f"{column.name} holds a secret ({column.kind}) in {counted(column.rows, 'row')}: "
                f"{column.example}."
            ),
            severity="critical",
            category="secret",
            subject=Subject(table=profile.table, column=column.name),
            key=column.kind,
            evidence=(
                Evidence(
                    metric=f"rows with the form of a {column.kind}",
                    value=column.rows,
                    threshold=0,
                    sql=masked_sql(
                        profile.table,
                        [column.name],
                        f"regexp_matches({identifier(column.name)}, "
                        f"{literal(SECRET_PATTERNS[column.kind])})",
                    ),
                ),
            ),
            rows=column.rows,
            recommendation="Revoke the secret now, then remove it from the data and its copies.",
            impact="Whoever can read this table can act with the rights that the secret gives.",
            effort="medium",
            confidence=0.95,
        )
        for column in measured
    ]


def judge_passwords(profile: TableProfile, measured: Sequence[PasswordColumn]) -> list[Finding]:
    """Findings about passwords that are readable or easily guessed, at most two for a column."""
    findings = []
    for column in measured:
        value = f"trim(CAST({identifier(column.name)} AS VARCHAR))"
        present = present_condition(column.name)
        is_weak = f"regexp_full_match({value}, {literal(column.weak_form)})"
        if column.plain:
            findings.append(_plain(profile.table, column, f"{present} AND NOT {is_weak}", value))
        if column.weak:
            findings.append(
                _passwords(
                    profile.table,
                    column,
                    category="weak_hash",
                    rows=column.weak,
                    title=(
                        f"{column.name} keeps {counted(column.weak, 'password')} as fast hashes "
                        "(such as MD5, SHA or DES crypt), which can be guessed."
                    ),
                    severity="high",
                    evidence=[
                        Evidence(
                            metric=f"passwords in {column.name} hashed by a fast function",
                            value=column.weak,
                            threshold=0,
                            sql=masked_sql(
                                profile.table, [column.name], f"{present} AND {is_weak}"
                            ),
                        )
                    ],
                )
            )
    return findings


def _plain(table: str, column: PasswordColumn, condition: str, value: str) -> Finding:
    strong = f"NOT regexp_full_match({value}, {literal(STRONG)})"
    evidence = [
        Evidence(
            metric=f"passwords in {column.name} not hashed at all",
            value=column.plain,
            threshold=0,
            sql=masked_sql(table, [column.name], f"{condition} AND {strong}"),
        )
    ]
    guessed = ""
    if column.common:
        guessed = f", {column.common:,} of them among those that are tried first"
        common = f"lower({value}) IN ({literals(sorted(COMMON))})"
        evidence.append(
            Evidence(
                metric=f"passwords in {column.name} that everybody tries first",
                value=column.common,
                threshold=0,
                sql=masked_sql(table, [column.name], common),
            )
        )
    return _passwords(
        table,
        column,
        category="plaintext_password",
        rows=column.plain,
        title=(
            f"{column.name} seems to hold {counted(column.plain, 'password')} in plain text"
            f"{guessed}."
        ),
        severity="critical",
        evidence=evidence,
    )


def _passwords(
    table: str,
    column: PasswordColumn,
    *,
    category: str,
    rows: int,
    title: str,
    severity: Severity,
    evidence: Sequence[Evidence],
) -> Finding:
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category=category,
        subject=Subject(table=table, column=column.name),
        evidence=tuple(evidence),
        rows=rows,
        recommendation="Keep passwords only as Argon2 or bcrypt hashes, and have these changed.",
        impact="Whoever reads the table can sign in as these users, here and where they reuse it.",
        effort="high",
        confidence=0.85 if column.is_named else 0.7,
    )
