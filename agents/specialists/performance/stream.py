"""Judging the flow of events: silences, disorder, repeats, bursts and changes of rate."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.performance import ROLE
from agents.specialists.wording import counted, figure, percent
from agents.tools.duplicate_events import repeated_rows_sql
from agents.tools.event_lateness import EventLateness, late_arrivals_sql
from agents.tools.event_rate import EventRate, rate_sql
from agents.tools.event_timing import EventTiming, gaps_sql, late_sql

MIN_EVENTS: Final = 100
"""Events below which nothing can be said of a rhythm."""

LATE_SHARE: Final = 0.001
VERY_LATE_SHARE: Final = 0.01
"""Share of events out of order that is worth a word, and that needs a watermark."""

SILENT_SHARE: Final = 0.05
"""Share of the time within gaps from which on more is missing than can be overlooked."""

REPEATED_SHARE: Final = 0.01

INTERVALS_PER_STRETCH: Final = 60
MIN_STRETCHES: Final = 20
BURST: Final = 5.0
LARGE_BURST: Final = 20.0
"""Peak over the usual number of events per stretch."""

RATE_CHANGE: Final = 2.0

_HOUR: Final = range(55 * 60, 66 * 60)


def judge_timing(table: str, column: str, timing: EventTiming) -> Iterator[Finding]:
    """0..2 findings about gaps and order."""
    if timing.events < MIN_EVENTS:
        return
    if timing.gaps:
        yield _gap(table, column, timing)
    share = timing.late / timing.events
    if share > LATE_SHARE:
        yield _finding(
            table,
            column,
            category="out_of_order",
            title=f"{figure(timing.late)} of {figure(timing.events)} events ({percent(share)}) "
            f"stand after a later one, by up to {duration(timing.worst_lateness)}.",
            severity="medium" if share > VERY_LATE_SHARE else "low",
            evidence=(
                Evidence(
                    metric="share of events out of order",
                    value=share,
                    threshold=LATE_SHARE,
                    sql=late_sql(table, column),
                ),
                Evidence(metric="worst lateness in seconds", value=timing.worst_lateness),
            ),
            rows=timing.late,
            recommendation=f"Process {table} by {column} with a watermark of at least "
            f"{duration(timing.worst_lateness)}. Send what comes later to a correction path.",
            impact="A consumer that trusts the order of arrival closes its windows too early and "
            "loses or misplaces these events.",
            effort="medium",
        )


def judge_repeats(
    table: str, columns: tuple[str, ...], timing: EventTiming, repeated: int
) -> Iterator[Finding]:
    """0..1 findings about events that stand there more than once."""
    if not repeated or timing.events < MIN_EVENTS:
        return
    share = repeated / timing.events
    yield Finding(
        role=ROLE,
        category="duplicate_events",
        subject=Subject(table=table),
        title=f"{counted(repeated, 'event')} of {figure(timing.events)} ({percent(share)}) "
        f"{'repeats' if repeated == 1 else 'repeat'} an earlier one in every column.",
        severity="medium" if share > REPEATED_SHARE else "low",
        evidence=(
            Evidence(
                metric="repeated events",
                value=repeated,
                threshold=0,
                sql=repeated_rows_sql(table, columns),
            ),
        ),
        rows=repeated,
        recommendation="Give each event an id at its source and drop repeats within a window of "
        f"{duration(max(timing.median_interval * 10, 60.0))}.",
        impact="At-least-once delivery without a key counts these events twice.",
        effort="medium",
        confidence=0.8,
    )


def judge_lateness(
    table: str, happened: str, arrived: str, lateness: EventLateness
) -> Iterator[Finding]:
    """0..1 findings about events that were under way much longer than the others."""
    share = lateness.late / lateness.events
    if lateness.events < MIN_EVENTS or share <= LATE_SHARE:
        return
    yield _finding(
        table,
        arrived,
        category="late_events",
        title=f"{figure(lateness.late)} of {figure(lateness.events)} events ({percent(share)}) "
        f"arrived more than {duration(lateness.limit)} after they happened, up to "
        f"{duration(lateness.longest)}; usual are {duration(max(0.0, lateness.median))}.",
        severity="medium" if share > VERY_LATE_SHARE else "low",
        evidence=(
            Evidence(
                metric="share of late events",
                value=share,
                threshold=LATE_SHARE,
                sql=late_arrivals_sql(table, happened, arrived),
            ),
            Evidence(metric="99th percentile of the seconds under way", value=lateness.tail),
        ),
        rows=lateness.late,
        recommendation=f"Keep windows over {happened} open for {duration(lateness.tail)}, and "
        "correct them for what comes later.",
        impact=f"Results that are published at once lack these events; {happened} is taken for "
        f"when they happened, {arrived} for when they arrived.",
        effort="medium",
        confidence=0.8,
    )


def judge_rate(table: str, column: str, rate: EventRate) -> Iterator[Finding]:
    """0..2 findings about bursts and changes of the rate."""
    if rate.stretches < MIN_STRETCHES or rate.usual == 0:
        return
    per = f"per {duration(rate.width)}"
    sql = rate_sql(table, column, rate.width)
    if rate.peak > BURST * rate.usual:
        ratio = rate.peak / rate.usual
        yield _finding(
            table,
            column,
            category="burst",
            title=f"Up to {figure(rate.peak)} events {per} arrive (from {rate.peak_from}), "
            f"{ratio:,.1f} times the usual {figure(rate.usual)}.",
            severity="medium" if ratio > LARGE_BURST else "low",
            evidence=(
                Evidence(metric="peak over the usual rate", value=ratio, threshold=BURST, sql=sql),
            ),
            recommendation=f"Size consumers of {table} for {figure(rate.peak)} events {per}, or "
            "let a queue with back-pressure absorb the peak.",
            impact="Consumers sized for the usual rate fall behind during the burst.",
            effort="medium",
        )
    ratio = rate.recent / rate.earlier if rate.earlier else 0.0
    if rate.changed_at is not None and rate.earlier and not 1 / RATE_CHANGE < ratio < RATE_CHANGE:
        direction = "rose" if ratio > 1 else "fell"
        yield _finding(
            table,
            column,
            category="throughput_change",
            title=f"The rate {direction} from {figure(rate.earlier)} to {figure(rate.recent)} "
            f"events {per} at {rate.changed_at} and has stayed there.",
            severity="medium",
            evidence=(
                Evidence(
                    metric="recent rate over the earlier one",
                    value=ratio,
                    threshold=RATE_CHANGE if ratio > 1 else 1 / RATE_CHANGE,
                    sql=sql,
                ),
            ),
            recommendation="Find out what changed at the source, and size for the new rate.",
            impact="Capacity and alerts that were set for the earlier rate no longer fit.",
            effort="low",
        )


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(90), duration(3600), duration(0.25)
    ('90 s', '1 h', '250 ms')
    """
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    for unit, step in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * step or (seconds >= step and seconds % step == 0 and unit != "days"):
            return f"{seconds / step:.3g} {unit}"
    return f"{seconds:.3g} s"


def _gap(table: str, column: str, timing: EventTiming) -> Finding:
    share = timing.gap_seconds / timing.span
    longest = f"{duration(timing.longest_gap)} from {timing.longest_gap_from}"
    silences = (
        f"A silence of {longest} interrupts"
        if timing.gaps == 1
        else f"{counted(timing.gaps, 'silence')} of more than {duration(timing.gap_limit)}, the "
        f"longest of {longest}, interrupt"
    )
    hint = ""
    if timing.longest_gap_from and _is_clock_change(timing):
        hint = (
            " The longest is an hour at night, which is what changing the clocks looks like: "
            "check whether times are local, and store UTC."
        )
    return _finding(
        table,
        column,
        category="event_gap",
        title=f"{silences} events that usually come every {duration(timing.median_interval)}.",
        severity="medium" if share > SILENT_SHARE else "low",
        evidence=(
            Evidence(
                metric="longest silence in seconds",
                value=timing.longest_gap,
                threshold=timing.gap_limit,
                sql=gaps_sql(table, column),
            ),
            Evidence(metric="share of the time in silences", value=share, threshold=SILENT_SHARE),
        ),
        rows=timing.gaps,
        recommendation=f"Compare the silences with the logs of whatever produces {table}, and "
        f"alert after {duration(timing.gap_limit)} without an event.{hint}",
        impact=f"{duration(timing.gap_seconds)} ({percent(share)} of the time) are without events; "
        "whoever counts per period reads them as a fall.",
        effort="low",
    )


def _is_clock_change(timing: EventTiming) -> bool:
    since = datetime.fromisoformat(timing.longest_gap_from or "")
    return int(timing.longest_gap - timing.median_interval) in _HOUR and since.hour < 4


def _finding(table: str, column: str, **fields: Any) -> Finding:
    return Finding(role=ROLE, subject=Subject(table=table, column=column), **fields)
