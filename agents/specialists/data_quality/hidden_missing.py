"""Judging codes for missing values that stand as text."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from agents.datasets.sql import identifier, literal
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.data_quality.missing import ROLE, capped
from agents.specialists.wording import counted, listed, percent
from agents.tools.fresh_name import fresh_name
from agents.tools.hidden_missing import CodedColumn, MissingCode
from agents.tools.profile import ColumnProfile, TableProfile

MIN_RATE: Final = 0.001
"""Share of a column's values from which on a code is worth telling. Ours."""

WARN_RATE: Final = 0.05
"""Share from which on an unmistakable code distorts what is counted. As for nulls."""

CONVENTION_RATE: Final = 0.05
"""Share from which on an ambiguous word is how the source writes nothing, rather than a slip: what
is to be changed is how the column is read, so its rows are shown and no value is accused. Ours.
"""

AMBIGUOUS_CONFIDENCE: Final = 0.6
"""How sure it is that a word such as `unknown` or `NA` means a missing value in a text column."""


def judge_hidden_missing(profile: TableProfile, measured: Sequence[CodedColumn]) -> list[Finding]:
    """One finding for each code, over all columns in which it stands for a missing value."""
    by_code: dict[str, list[tuple[CodedColumn, MissingCode]]] = defaultdict(list)
    for column in measured:
        for code in column.codes:
            if code.rows >= MIN_RATE * column.present and not _is_value_of_its_own(
                profile.column(column.name), code
            ):
                by_code[code.value].append((column, code))
    return [_finding(profile, code, found) for code, found in by_code.items()]


def _is_value_of_its_own(column: ColumnProfile, code: MissingCode) -> bool:
    """Whether an ambiguous code fits in with the other values, as `NA` does among country codes."""
    if code.is_clear:
        return False
    others = [top.value for top in column.top if top.value != code.value]
    return (
        column.shortest == column.longest == len(code.value)
        and bool(others)
        and all(other.isupper() == code.value.isupper() for other in others)
    )


def _finding(
    profile: TableProfile, code: str, found: Sequence[tuple[CodedColumn, MissingCode]]
) -> Finding:
    found = sorted(found, key=lambda item: -item[1].rows / item[0].present)
    worst, most = found[0]
    written = "a blank text" if not code.strip() else f'"{code}"'
    rates = [f"{column.name} ({percent(item.rows / column.present)})" for column, item in found]
    is_clear = most.is_clear
    if len(found) == 1:
        title = (
            f"{worst.name} says {written} instead of null in {counted(most.rows, 'row')} "
            f"({percent(most.rows / worst.present)})."
        )
    else:
        title = f"{len(found)} columns say {written} instead of null: {listed(rates)}."
    is_convention = not is_clear and most.rows >= CONVENTION_RATE * worst.present
    severity: Severity = "low"
    if profile.column(worst.name).distinct == 1:
        severity = "high"  # whatever it means, the column says nothing else
    elif is_clear and most.rows >= WARN_RATE * worst.present:
        severity = "medium"
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category="hidden_missing",
        subject=Subject(table=profile.table, column=worst.name if len(found) == 1 else None),
        key=code,
        evidence=capped(
            Evidence(
                metric=f"share of {written} in {column.name}",
                value=item.rows / column.present,
                threshold=MIN_RATE,
                sql=_sql(profile, column, item, is_convention=is_convention),
            )
            for column, item in found
        ),
        rows=most.rows,
        recommendation=f"Read {written} as null, or have the source leave the field empty.",
        impact=(
            "Such values pass checks for nulls, are counted as a category, and match each other in "
            "joins."
        ),
        effort="low",
        confidence=1.0 if is_clear else AMBIGUOUS_CONFIDENCE,
        reason=(
            "it means nothing else"
            if is_clear
            else "it may be a value of its own in a column of texts"
        ),
    )


def _sql(
    profile: TableProfile, column: CodedColumn, code: MissingCode, *, is_convention: bool
) -> str:
    name, view = identifier(column.name), identifier(profile.table)
    shown = name
    if is_convention:
        alias = identifier(fresh_name("code", (each.name for each in profile.columns)))
        shown = f"{name} AS {alias}"
    return f"SELECT row_id, {shown} FROM {view} WHERE {name} = {literal(code.value)}"
