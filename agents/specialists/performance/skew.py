"""Judging keys: columns by which work is split, and whose rows pile up on a few values."""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.domain.series.spread import shares
from agents.specialists.performance import ROLE
from agents.specialists.wording import figure, percent
from agents.tools.column_names import is_identifier_name, personal_kind
from agents.tools.key_skew import KeySkew, rows_by_key_sql
from agents.tools.profile import ColumnProfile, TableProfile

MIN_ROWS: Final = 50_000
"""Rows below which no engine splits the work, so that nothing can be uneven."""

MIN_KEYS: Final = 10
MIN_ROWS_PER_KEY: Final = 10
LONGEST_KEY: Final = 64
"""Fewer values are flags, values that hardly repeat are ids of rows, long ones are prose."""

SKEW: Final = 5.0
"""Largest key over the median one, as in Spark's adaptive skew join."""

DOMINANT: Final = 0.2
NOTICEABLE: Final = 0.05
"""Share of the rows under one key that delays any job, and that delays a large one."""

MANY_ROWS: Final = 1_000_000
"""Rows from which on a job is large."""

MAX_FINDINGS: Final = 3


def candidate_keys(profile: TableProfile, shared: frozenset[str]) -> Sequence[str]:
    """The columns by which one would join or partition; `shared` are columns of several tables.

    Of numbers only those that are named like identifiers or stand in other tables too; nothing
    that is personal by name.
    """
    if profile.rows < MIN_ROWS:
        return ()
    return [
        column.name
        for column in profile.columns
        if MIN_KEYS <= column.distinct <= profile.rows / MIN_ROWS_PER_KEY
        and (_is_short_text(column) or _is_number_key(column, shared))
        and personal_kind(column.name) is None
        and column.top
        and column.top[0].rows >= NOTICEABLE * profile.rows
    ]


def judge_skew(table: str, skews: Sequence[tuple[str, KeySkew]]) -> Iterator[Finding]:
    """0..3 findings, the most uneven key first."""
    uneven = [(column, skew) for column, skew in skews if _is_skewed(skew)]
    uneven.sort(key=lambda each: (-each[1].largest_rows / each[1].rows, each[0]))
    for column, skew in uneven[:MAX_FINDINGS]:
        yield _finding(table, column, skew)


def _is_short_text(column: ColumnProfile) -> bool:
    return column.kind == "text" and (column.longest or 0) <= LONGEST_KEY


def _is_number_key(column: ColumnProfile, shared: frozenset[str]) -> bool:
    return column.kind == "number" and (is_identifier_name(column.name) or column.name in shared)


def _is_skewed(skew: KeySkew) -> bool:
    share, ratio = skew.largest_rows / skew.rows, skew.largest_rows / max(1, skew.median_rows)
    return ratio > SKEW and share > (DOMINANT if skew.rows < MANY_ROWS else NOTICEABLE)


def _finding(table: str, column: str, skew: KeySkew) -> Finding:
    share, ratio = skew.largest_rows / skew.rows, skew.largest_rows / max(1, skew.median_rows)
    severity: Severity = "medium" if share > DOMINANT and skew.rows >= MANY_ROWS else "low"
    sql = rows_by_key_sql(table, column)
    return Finding(
        role=ROLE,
        category="key_skew",
        subject=Subject(table=table, column=column),
        title=f"{column} {skew.largest} has {figure(skew.largest_rows)} of the "
        f"{figure(skew.rows)} rows ({percent(share)}), {ratio:,.1f} times the median of "
        f"{figure(skew.keys)} values.",
        severity=severity,
        evidence=(
            Evidence(
                metric="rows of the largest value over the median",
                value=ratio,
                threshold=SKEW,
                sql=sql,
            ),
            Evidence(
                metric="share of the largest value",
                value=share,
                threshold=DOMINANT,
                sql=sql,
                spread=shares(
                    [(each.label, each.rows / skew.rows) for each in skew.leading], skew.keys
                ),
            ),
        ),
        rows=skew.largest_rows,
        recommendation=f"Do not partition {table} by {column} alone. In a distributed join on it, "
        "broadcast the smaller side or salt the largest values.",
        impact=f"Work that is split by {column} is done when its largest part is done: one worker "
        f"has {percent(share)} of it however many there are.",
        effort="medium",
        confidence=0.9 if share > DOMINANT else 0.7,
    )
