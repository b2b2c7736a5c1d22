"""Findings about what a table tells of persons: by columns, inside texts, and by combination."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier, identifiers, literal
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.security.masked_sql import masked_sql, masked_value
from agents.specialists.security.personal import Kind, Recognised
from agents.specialists.security.role import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.column_names import PersonalKind
from agents.tools.inside_text import INSIDE
from agents.tools.personal_data import PersonalColumn
from agents.tools.quasi_identifiers import OF_PERSONS, K, QuasiIdentifiers

CATEGORIES: Final[dict[Kind, str]] = {
    "payment card": "payment_card",
    "bank account": "bank_account",
    "national id": "national_id",
}
"""Of kinds that are more than personal data."""

SEVERITIES: Final[dict[Kind, Severity]] = {
    "payment card": "critical",
    "national id": "high",
    "bank account": "high",
    "person name": "high",
    "email": "high",
    "phone": "high",
    "birth date": "high",
    "location": "high",
    "address": "medium",
    "ip address": "medium",
    "device id": "medium",
}
"""Of kinds that the values show: what can be done to a person with them, and what the law says."""

PLURALS: Final[dict[Kind, str]] = {
    "payment card": "payment card numbers",
    "national id": "national identification numbers",
    "bank account": "bank account numbers",
    "person name": "names of persons",
    "email": "e-mail addresses",
    "phone": "phone numbers",
    "birth date": "dates of birth",
    "location": "positions of persons",
    "address": "addresses",
    "ip address": "IP addresses",
    "device id": "identifiers of devices",
}

ADVICE: Final[dict[Kind, str]] = {
    "payment card": "Remove the numbers or replace them by tokens of the payment provider.",
    "national id": "Remove the numbers, or keep them encrypted and apart from the rest.",
    "bank account": "Restrict who may read them, and mask them wherever they are not needed.",
    "location": "Round positions to two decimals, about a kilometre, or drop them.",
}

DEFAULT_ADVICE: Final = (
    "State why this is kept, restrict who may read it, and drop or pseudonymise it for analysis."
)

SINGLED_OUT_HIGH: Final = 0.5
"""Share of rows in small groups from which on nearly everybody can be found."""

FEW: Final = 0.001
"""The same below which only the odd case is left in a table that is coarse enough otherwise."""

SINGLED_OUT: Final = 0.05
"""The same from which on it is no longer a matter of a few exceptions."""


def judge_columns(table: str, recognised: Sequence[Recognised]) -> list[Finding]:
    """One finding for each kind of personal data, over all its columns."""
    by_kind: dict[tuple[Kind, bool], list[Recognised]] = defaultdict(list)
    for column in recognised:
        by_kind[column.kind, column.by_value].append(column)
    return [
        _personal(table, kind, columns, by_value=by_value)
        for (kind, by_value), columns in by_kind.items()
    ]


def judge_texts(
    table: str, measured: Sequence[PersonalColumn], recognised: Sequence[Recognised]
) -> list[Finding]:
    """One finding for each column of texts that hold personal data."""
    whole = {column.name for column in recognised if column.by_value}
    return [
        _inside(table, column) for column in measured if column.inside and column.name not in whole
    ]


def is_about_persons(measured: QuasiIdentifiers, recognised: Sequence[Recognised]) -> bool:
    """Whether each row is about a person: something personal says so, or two things only they have.

    Phones and e-mails alone may be those of an account.
    """
    if any(column.shows_persons for column in recognised):
        return True
    return len(OF_PERSONS & {each.kind for each in measured.candidates}) > 1


def judge_combination(table: str, rows: int, measured: QuasiIdentifiers) -> list[Finding]:
    """The finding that a combination of columns singles persons out, if one does."""
    names = measured.combination
    if not names:
        return []
    share = measured.rows / rows
    if share < FEW:
        return []
    severity: Severity = "low"
    if share >= SINGLED_OUT:
        severity = "high" if share >= SINGLED_OUT_HIGH else "medium"
    found = _singled_out(table, names, measured.person_key, fewer_than=K)
    what = "rows" if measured.person_key is None else f"values of {measured.person_key}"
    together = "together single out" if len(names) > 1 else "singles out"
    return [
        Finding(
            role=ROLE,
            title=(
                f"{listed(names)} {together} persons: {counted(measured.rows, 'row')} of {rows:,} "
                f"({percent(share)}) share their values with fewer than {K - 1} others, and "
                f"{measured.unique:,} with nobody (k = {measured.smallest})."
            ),
            severity=severity,
            category="quasi_identifier",
            subject=Subject(table=table, column=names[0] if len(names) == 1 else None),
            evidence=(
                Evidence(
                    metric=f"k: the fewest {what} with equal {listed(names)}",
                    value=measured.smallest,
                    threshold=K,
                    sql=found,
                ),
                Evidence(
                    metric=f"share of rows in groups of fewer than {K}",
                    value=share,
                    threshold=0,
                    sql=f"SELECT count(*) / {rows} AS share FROM ({found})",
                ),
                Evidence(
                    metric="rows that nobody shares their values with",
                    value=measured.unique,
                    threshold=0,
                    sql=_singled_out(table, names, measured.person_key, fewer_than=2),
                ),
            ),
            rows=measured.rows,
            recommendation=(
                f"Coarsen {listed(names)} (a year for a date, the first digits of a postal code, "
                f"wider groups) until every combination has at least {K} persons, or drop one of "
                "them, before the table is shared."
            ),
            impact=(
                "Whoever knows this little about somebody finds the row, and reads all the rest of "
                "it, even if names are taken out."
            ),
            effort="medium",
            confidence=0.8,
        )
    ]


def _singled_out(table: str, names: Sequence[str], key: str | None, *, fewer_than: int) -> str:
    """The rows whose combination fewer persons have, masked."""
    needed = names if key is None else [*names, key]
    present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in needed)
    persons = "count(*)" if key is None else f"count(DISTINCT {identifier(key)})"
    shown = ", ".join(map(masked_value, names))
    view = identifier(table)
    return (
        f"SELECT row_id, {shown} FROM {view} WHERE {present} AND ({identifiers(names)}) IN "
        f"(SELECT ({identifiers(names)}) FROM {view} WHERE {present} "
        f"GROUP BY {identifiers(names)} HAVING {persons} < {fewer_than})"
    )


def _personal(table: str, kind: Kind, columns: Sequence[Recognised], *, by_value: bool) -> Finding:
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
                sql=masked_sql(table, [column.name], f"{identifier(column.name)} IS NOT NULL"),
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
    rows = max(column.inside.values())
    told = [f"{PLURALS[kind]} in {counted(n, 'row')}" for kind, n in column.inside.items()]
    is_grave = any(kind in CATEGORIES for kind in column.inside)
    return Finding(
        role=ROLE,
        title=f"The texts in {column.name} hold {listed(told)}.",
        severity="high" if is_grave else "medium",
        category="free_text_personal_data",
        subject=Subject(table=table, column=column.name),
        evidence=tuple(_form_inside(table, column, name, kind) for kind in column.inside),
        rows=rows,
        recommendation=(
            "Mask what identifies people in free text before the table is shared or analysed."
        ),
        impact="Free text escapes the rules that are made for columns of personal data.",
        effort="medium",
        confidence=0.9,
    )


def _form_inside(table: str, column: PersonalColumn, name: str, kind: PersonalKind) -> Evidence:
    return Evidence(
        metric=f"rows of {column.name} with {PLURALS[kind]} inside",
        value=column.inside[kind],
        threshold=INSIDE[kind].rows - 1,
        sql=masked_sql(
            table, [column.name], f"regexp_matches({name}, {literal(INSIDE[kind].pattern)})"
        ),
    )
