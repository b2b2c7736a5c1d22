"""Judging when records are there: holes in a series, and tables that end before the others."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from agents.datasets.sql import identifier, literal
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed, percent
from agents.tools.fresh_name import fresh_name
from agents.tools.profile import TableProfile
from agents.tools.time_coverage import GAP_FACTOR, Peer, TimeCoverage, TimeCoverages, TimeGap

MIN_INSTANTS: Final = 50
"""Instants below which there is no rhythm to miss."""

MIN_EVENNESS: Final = 0.9
"""Share of intervals in the rhythm of a series from which on a hole in it is one. Ours."""

MAX_GAP_SHARE: Final = 0.01
"""Share of intervals up to which gaps are exceptions."""

MIN_RECURRING: Final = 3
ALIKE: Final = 1.25
"""Gaps that are so regular, with at most this between the longest and the shortest, belong to the
rhythm of the series. Ours."""

NOTABLE_SHARE: Final = 0.01
"""Share of the whole time that must be missing for sums over it to be visibly too low. Ours."""

MAX_START_DIFFERENCE: Final = 0.01
"""How much later or earlier a table of the same period begins, as a share of that period. Ours."""

MAX_LAG: Final = 0.2
"""How much sooner it ends at most; beyond that it is about another period. Ours."""

GAP_CONFIDENCE: Final = 0.85
LAG_CONFIDENCE: Final = 0.75

_UNITS: Final = (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0))


def judge_time(profile: TableProfile, measured: TimeCoverages) -> list[Finding]:
    """0 or 1 finding about holes for each time column, and one if the table ends too soon."""
    findings = [_gap(profile, column) for column in measured.columns if _has_gaps(column)]
    late = [
        (column, peer)
        for column in measured.columns
        for peer in measured.peers
        if _ends_before(column, peer.coverage)
    ]
    if late:
        findings.append(_stale(profile, *max(late, key=lambda each: each[1].coverage.last_seconds)))
    return findings


def _has_gaps(column: TimeCoverage) -> bool:
    return (
        column.instants >= MIN_INSTANTS
        and column.evenness >= MIN_EVENNESS
        and 0 < column.gap_count <= max(1.0, MAX_GAP_SHARE * column.instants)
        and not _recur(column.gaps)
    )


def _recur(gaps: Sequence[TimeGap]) -> bool:
    """Whether they are as long and as far apart as each other, as weekends are."""
    begins = sorted(gap.begin for gap in gaps)
    apart = [later - earlier for earlier, later in pairwise(begins)]
    lengths = [gap.seconds for gap in gaps]
    return len(gaps) >= MIN_RECURRING and all(
        max(measured) <= ALIKE * min(measured) for measured in (lengths, apart)
    )


def _gap(profile: TableProfile, column: TimeCoverage) -> Finding:
    name, view = identifier(column.name), identifier(profile.table)
    previous = identifier(fresh_name("previous", (each.name for each in profile.columns)))
    share = column.gap_seconds / (column.last_seconds - column.first_seconds)
    shown = [f"{_span(gap.seconds)} from {_moment(gap.after)}" for gap in column.gaps[:3]]
    if column.gap_count > len(shown):
        shown.append(f"{column.gap_count - len(shown):,} more")
    return Finding(
        role=ROLE,
        title=(
            f"{column.name} has {counted(column.gap_count, 'hole')}, although a record comes every "
            f"{_span(column.median_interval).removeprefix('1 ')}: {listed(shown)}."
        ),
        severity="medium" if share >= NOTABLE_SHARE else "low",
        category="time_gap",
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric="longest time without a record in seconds",
                value=column.gaps[0].seconds,
                threshold=column.limit,
                sql=(
                    f"SELECT row_id, {name}, {previous} FROM (SELECT row_id, {name}, "
                    f"lag({name}) OVER (ORDER BY {name}, row_id) AS {previous} FROM {view} "
                    f"WHERE {name} IS NOT NULL AND isfinite({name})) "
                    f"WHERE epoch(CAST({name} AS TIMESTAMP)) - "
                    f"epoch(CAST({previous} AS TIMESTAMP)) > {literal(column.limit)} "
                    f"ORDER BY {name}"
                ),
            ),
        ),
        rows=column.gap_count,
        recommendation=(
            "Compare the holes with the logs of whatever writes the records; load again what was "
            "lost, and mark the rest as unknown."
        ),
        impact="Sums over these periods are too low, and averages leave them out.",
        confidence=GAP_CONFIDENCE,
        reason=f"{percent(column.evenness)} of records come in the rhythm of the series",
    )


def _ends_before(column: TimeCoverage, other: TimeCoverage) -> bool:
    """Whether both are about the same period but for its end."""
    period = other.last_seconds - other.first_seconds
    lag = other.last_seconds - column.last_seconds
    least = max(column.limit, other.limit, GAP_FACTOR * column.median_interval)
    return (
        column.instants >= MIN_INSTANTS
        and column.evenness >= MIN_EVENNESS
        and other.instants >= MIN_INSTANTS
        and abs(column.first_seconds - other.first_seconds) <= MAX_START_DIFFERENCE * period
        and least < lag <= MAX_LAG * period
    )


def _stale(profile: TableProfile, column: TimeCoverage, peer: Peer) -> Finding:
    other = peer.coverage
    lag = other.last_seconds - column.last_seconds
    name = identifier(column.name)
    return Finding(
        role=ROLE,
        title=(
            f"{profile.table} ends {_span(lag)} before {peer.table}, although both begin "
            f"together: its last {column.name} is {_moment(column.last)}, that of "
            f"{peer.table}.{other.name} {_moment(other.last)}."
        ),
        severity="low",
        category="stale_data",
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric=f"seconds by which {column.name} ends before {peer.table}.{other.name}",
                value=lag,
                threshold=max(column.limit, other.limit),
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {name} = (SELECT max({name}) FROM {identifier(profile.table)} "
                    f"WHERE isfinite({name})) ORDER BY row_id"
                ),
            ),
        ),
        recommendation=f"Load the rest of {profile.table}, or leave its end out of both.",
        impact=f"The last {_span(lag)} of {peer.table} find no partner in {profile.table}.",
        confidence=LAG_CONFIDENCE,
        reason="both begin together, but they need not end together",
    )


def _moment(text: str) -> str:
    """An instant without the time of day where it is midnight."""
    return text.removesuffix(" 00:00:00")


def _span(seconds: float) -> str:
    for unit, length in _UNITS:
        if seconds >= length:
            number = round(seconds / length, 1)
            return f"{number:,g} {unit}{'' if number == 1 else 's'}"
    return f"{seconds:,g} second{'' if seconds == 1 else 's'}"
