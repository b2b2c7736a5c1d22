"""Judging what a log says of the service behind it: slow answers and errors."""

import re
from collections.abc import Iterator
from typing import Final

from agents.datasets.sql import identifier, literals
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.performance import ROLE
from agents.specialists.wording import figure, listed, percent
from agents.tools.column_names import words
from agents.tools.profile import QUANTILES, ColumnProfile, TableProfile

TAIL: Final = 10.0
"""99th percentile over the median of a time to answer."""

ERRORS: Final = 0.01
MANY_ERRORS: Final = 0.05
"""Share of failed events."""

_LATENCY: Final = re.compile(
    r".*\b(latency|duration|elapsed|took|(response|processing|request|service|wait|execution) time|"
    r"time taken|rtt|ttfb)\b.*"
)
_FAILURES: Final = (
    (
        re.compile(
            r".*\b(status|outcome|result|state|level|severity|"
            r"(response|return|exit|error) code)\b.*"
        ),
        re.compile(
            r"(?i)(5\d\d|err(or)?|fail(ed|ure)?|timed?[ _-]?out|exception|fatal|crit(ical)?|panic|"
            r"emerg(ency)?|aborted|rejected|unavailable)"
        ),
    ),
    (
        re.compile(r".*\b(failed|is error|has error|error|errored)\b"),
        re.compile(r"(?i)(true|1|yes)"),
    ),
    (re.compile(r".*\b(success|successful|succeeded|is ok|ok)\b"), re.compile(r"(?i)(false|0|no)")),
)
"""By the words of a column's name, which of its values are failures."""


def judge_service(profile: TableProfile) -> Iterator[Finding]:
    """0..n findings about columns that hold times to answer or outcomes."""
    for column in profile.columns:
        name = words(column.name)
        if column.kind == "number" and _LATENCY.fullmatch(name):
            yield from _latency_tail(profile.table, column)
        else:
            failed = next((values for names, values in _FAILURES if names.fullmatch(name)), None)
            if failed is not None:
                yield from _error_rate(profile, column, failed)


def _latency_tail(table: str, column: ColumnProfile) -> Iterator[Finding]:
    if len(column.quantiles) != len(QUANTILES):
        return
    median, tail = (column.quantiles[QUANTILES.index(share)] for share in (0.5, 0.99))
    if median <= 0 or tail <= TAIL * median:
        return
    value = identifier(column.name)
    yield Finding(
        role=ROLE,
        category="latency_tail",
        subject=Subject(table=table, column=column.name),
        title=f"1 % of {column.name} are above {figure(tail)}, {tail / median:,.1f} "
        f"times the median of {figure(median)}.",
        severity="medium",
        evidence=(
            Evidence(
                metric="99th percentile over the median",
                value=tail / median,
                threshold=TAIL,
                sql=f"SELECT row_id, {value} FROM {identifier(table)} WHERE {value} > {tail!r} "
                f"ORDER BY {value} DESC, row_id",
            ),
        ),
        recommendation=f"Look at what the slowest events of {table} have in common. Give calls "
        "a timeout, and hedge or queue what exceeds it.",
        impact="A user who makes a hundred calls meets the slow ones at every visit.",
        effort="high",
    )


def _error_rate(
    profile: TableProfile, column: ColumnProfile, failed_values: re.Pattern[str]
) -> Iterator[Finding]:
    failures = [each for each in column.top if failed_values.fullmatch(each.value)]
    failed = sum(each.rows for each in failures)
    share = failed / max(1, profile.rows)
    if share <= ERRORS:
        return
    value = identifier(column.name)
    shown = [each.value for each in failures]
    yield Finding(
        role=ROLE,
        category="error_rate",
        subject=Subject(table=profile.table, column=column.name),
        title=f"{figure(failed)} of {figure(profile.rows)} events ({percent(share)}) have the "
        f"{column.name} {listed(shown)}.",
        severity="high" if share > MANY_ERRORS else "medium",
        evidence=(
            Evidence(
                metric="share of failed events",
                value=share,
                threshold=ERRORS,
                sql=f"SELECT row_id, * EXCLUDE (row_id) FROM {identifier(profile.table)} "
                f"WHERE CAST({value} AS VARCHAR) IN ({literals(shown)}) ORDER BY row_id",
            ),
        ),
        rows=failed,
        recommendation="Break the failures down by endpoint and time. Retry only what is safe to "
        "repeat, and alert above 1 %.",
        impact="Whoever sent these events did not get what they asked for.",
        effort="medium",
    )
