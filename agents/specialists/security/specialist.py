"""The security auditor: personal data, numbers to pay or identify with, secrets and passwords.

*Guarantees*: findings show no value of what they are about: titles and evidence are masked, and so
is what the evidence SQL returns.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from agents.datasets.sql import identifier, literal
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialist import Examination, Specialist
from agents.specialists.check import Check, carry_out
from agents.specialists.security.personal import Recognised, recognise
from agents.specialists.wording import counted, listed, percent
from agents.tools.personal_data import INSIDE_EMAIL, PersonalColumn, personal_data
from agents.tools.profile import TableProfile, profile
from agents.tools.query_data import query_data
from agents.tools.secret_patterns import SECRET_PATTERNS
from agents.tools.secrets import SecretColumn, secrets
from agents.tools.stored_passwords import WEAK, PasswordColumn, stored_passwords

ROLE: Final = "security"

CATEGORIES: Final = {
    "payment card": "payment_card",
    "bank account": "bank_account",
    "national id": "national_id",
}
"""Of kinds that are more than personal data."""

SEVERITIES: Final[dict[str, Severity]] = {
    "payment card": "critical",
    "national id": "high",
    "bank account": "high",
    "person name": "high",
    "email": "high",
    "phone": "high",
    "birth date": "high",
    "address": "medium",
    "ip address": "medium",
}
"""Of kinds that the values show: what can be done to a person with them, and what the law says."""

PLURALS: Final = {
    "payment card": "payment card numbers",
    "national id": "national identification numbers",
    "bank account": "bank account numbers",
    "person name": "names of persons",
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "birth date": "dates of birth",
    "address": "addresses",
    "ip address": "IP addresses",
}

ADVICE: Final = {
    "payment card": "Remove the numbers or replace them by tokens of the payment provider.",
    "national id": "Remove the numbers, or keep them encrypted and apart from the rest.",
    "bank account": "Restrict who may read them, and mask them wherever they are not needed.",
}

DEFAULT_ADVICE: Final = (
    "State why this is kept, restrict who may read it, and drop or pseudonymise it for analysis."
)


def judge_personal_data(profile: TableProfile, measured: Sequence[PersonalColumn]) -> list[Finding]:
    """One finding for each kind of personal data, over all its columns, and one for free text."""
    by_kind: dict[tuple[str, bool], list[Recognised]] = defaultdict(list)
    for column in recognise(measured):
        by_kind[column.kind, column.by_value].append(column)
    findings = [
        _personal(profile.table, kind, columns, by_value=by_value)
        for (kind, by_value), columns in by_kind.items()
    ]
    return findings + [
        _inside(profile.table, column) for column in measured if column.emails_inside
    ]


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
                    sql=_masked_sql(
                        profile.table,
                        column.name,
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
    """Findings about passwords that are readable or easily guessed."""
    findings = []
    for column in measured:
        name = identifier(column.name)
        if column.plain > column.weak + column.strong:
            findings.append(
                _passwords(
                    profile.table,
                    column.name,
                    category="plaintext_password",
                    rows=column.plain,
                    title=(
                        f"{column.name} seems to hold {counted(column.plain, 'password')} in plain "
                        "text."
                    ),
                    severity="critical",
                    condition=f"trim({name}) <> ''",
                )
            )
        elif column.weak:
            findings.append(
                _passwords(
                    profile.table,
                    column.name,
                    category="weak_hash",
                    rows=column.weak,
                    title=(
                        f"{column.name} keeps {counted(column.weak, 'password')} as fast hashes "
                        "(MD5 or SHA), which can be guessed."
                    ),
                    severity="high",
                    condition=f"regexp_full_match({name}, {literal(WEAK)})",
                )
            )
    return findings


def _personal(table: str, kind: str, columns: Sequence[Recognised], *, by_value: bool) -> Finding:
    names = [column.name for column in columns]
    rows = max(column.rows for column in columns)
    is_single = len(names) == 1
    if by_value:
        shown = [f"{column.name} ({percent(column.share)})" for column in columns]
        title = f"{listed(shown)} {'holds' if is_single else 'hold'} {PLURALS[kind]}."
    else:
        title = (
            f"{listed(names)} {'is' if is_single else 'are'} named like {PLURALS[kind]}, which the "
            "values do not prove."
        )
    return Finding(
        role=ROLE,
        title=title,
        severity=SEVERITIES[kind] if by_value else "low",
        category=CATEGORIES.get(kind, "personal_data"),
        subject=Subject(table=table, column=names[0] if is_single else None),
        key=kind if by_value else f"{kind} by name",
        evidence=tuple(
            Evidence(
                metric=f"share of distinct values of {column.name} with the form of {column.form}",
                value=column.share,
                threshold=column.threshold,
                sql=_masked_sql(table, column.name, f"{identifier(column.name)} IS NOT NULL"),
            )
            for column in columns
        ),
        rows=rows,
        recommendation=ADVICE.get(kind, DEFAULT_ADVICE),
        impact="Whoever can read this table learns this about people; the law asks for a purpose.",
        effort="medium",
        confidence=0.9 if by_value else 0.4,
    )


def _inside(table: str, column: PersonalColumn) -> Finding:
    name = identifier(column.name)
    return Finding(
        role=ROLE,
        title=(
            f"The texts in {column.name} hold e-mail addresses in "
            f"{counted(column.emails_inside, 'row')}."
        ),
        severity="medium",
        category="free_text_personal_data",
        subject=Subject(table=table, column=column.name),
        evidence=(
            Evidence(
                metric=f"rows of {column.name} with an e-mail address inside",
                value=column.emails_inside,
                threshold=0,
                sql=_masked_sql(
                    table, column.name, f"regexp_matches({name}, {literal(INSIDE_EMAIL)})"
                ),
            ),
        ),
        rows=column.emails_inside,
        recommendation="Mask addresses in free text before the table is shared or analysed.",
        impact="Free text escapes the rules that are made for columns of personal data.",
        effort="medium",
        confidence=0.9,
    )


def _passwords(
    table: str,
    column: str,
    *,
    category: str,
    rows: int,
    title: str,
    severity: Severity,
    condition: str,
) -> Finding:
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category=category,
        subject=Subject(table=table, column=column),
        evidence=(
            Evidence(
                metric=f"passwords in {column} not strongly hashed",
                value=rows,
                threshold=0,
                sql=_masked_sql(table, column, condition),
            ),
        ),
        rows=rows,
        recommendation="Keep passwords only as Argon2 or bcrypt hashes, and have these changed.",
        impact="Whoever reads the table can sign in as these users, here and where they reuse it.",
        effort="high",
        confidence=0.85,
    )


def _masked_sql(table: str, column: str, condition: str) -> str:
    """The rows concerned; of the value only the first character."""
    name = identifier(column)
    return (
        f"SELECT row_id, left(CAST({name} AS VARCHAR), 1) || '*******' AS {name} "
        f"FROM {identifier(table)} WHERE {condition}"
    )


CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(topic="secrets", tool=secrets, judge=judge_secrets),
    Check(topic="passwords", tool=stored_passwords, judge=judge_passwords),
    Check(topic="personal data", tool=personal_data, judge=judge_personal_data),
)


async def examine(examination: Examination) -> Sequence[Finding]:
    """Put every check to each table."""
    return await carry_out(examination, CHECKS)


SECURITY_AUDITOR: Final = Specialist(
    role=ROLE,
    title="Security auditor",
    tools=(profile, *(check.tool for check in CHECKS), query_data),
    examine=examine,
    questions={
        "batch": (
            "Which columns tell something about persons, and how sure is that?",
            "Does the data hold numbers of payment cards, bank accounts or national identifiers?",
            "Does it hold passwords, keys or tokens?",
        ),
        "streaming": (
            "Which fields of the events tell something about persons?",
            "Do events carry passwords, keys or tokens?",
        ),
    },
)
