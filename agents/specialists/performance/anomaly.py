"""Judging a recorded measure: stretches in which it does what it had never done before.

The category `anomaly` is for figures that were recorded over time, such as a load or a latency, and
left everything before them; `burst` is for the number of events, `outlier` for single cells that
may be errors.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Mark, Severity, Subject
from agents.domain.series.novelty import MATTERS
from agents.specialists.performance import ROLE
from agents.specialists.performance.stream import duration
from agents.specialists.wording import brief, counted, listed, percent
from agents.tools.unusual_stretches import UnusualStretch, UnusualStretches, stretch_sql

MAX_STRETCHES: Final = 5
"""Told of one measure, the clearest."""

LARGE: Final = 0.25
"""Distance from everything before, over the whole range, that nobody would overlook."""

EXTREME: Final = 0.5


def judge_stretches(
    table: str, column: str, measure: str, found: UnusualStretches
) -> Iterator[Finding]:
    """0..1 findings about one measure, with each stretch as a piece of evidence."""
    clearest = sorted(found.stretches, key=lambda each: (-each.share, each.since))
    told = sorted(clearest[:MAX_STRETCHES], key=lambda each: each.since)
    if not told:
        return
    share = clearest[0].share
    severity: Severity = "medium" if share > LARGE else "low"
    against = ", its usual course taken out" if found.is_adjusted else ""
    yield Finding(
        role=ROLE,
        category="anomaly",
        subject=Subject(table=table, column=measure),
        title=f"{measure} leaves everything before it {_times(len(told))}{against}: "
        f"{_said(clearest[0])}{_others(told, clearest[0])}.",
        severity=severity,
        evidence=tuple(
            Evidence(
                metric=f"distance of {measure} beyond what was before, over the whole range, "
                f"from {each.since} until {each.until}",
                value=each.share,
                threshold=MATTERS,
                sql=stretch_sql(table, column, measure, each.since, each.until),
                series=found.series.model_copy(update={"marks": _marks(told)})
                if each is told[0]
                else None,
            )
            for each in told
        ),
        recommendation=f"Find out what else happened around {_moment(clearest[0].since)}, and "
        f"alert when {measure} leaves its range again.",
        impact=f"Limits and capacity that were set from what {measure} used to do no longer hold. "
        f"It was read by {column} in {counted(found.points, 'moment')} of "
        f"{duration(found.width)}{_sampled(found)}.",
        effort="medium",
        reason="it was measured against what came before, but only you know what was planned",
        confidence=0.85 if share > EXTREME else 0.75 if share > LARGE else 0.6,
    )


def _sampled(found: UnusualStretches) -> str:
    if found.measured == 1:
        return ""
    return f", by the usual interval in stretches that hold {percent(found.measured)} of the rows"


def _marks(told: Sequence[UnusualStretch]) -> tuple[Mark, ...]:
    return tuple(
        Mark(since=each.since, until=each.until, label=f"{each.view} {brief(each.value)}")
        for each in told
    )


def _said(stretch: UnusualStretch) -> str:
    value, width = brief(stretch.value), duration(stretch.seconds)
    what = {
        "mean": f"{value} on average over {width}",
        "swing": f"swings of {value} on average over {width}",
        "highest": value,
        "lowest": value,
    }[stretch.view]
    limit = "at most" if stretch.direction == "above" else "at least"
    return f"{what} around {_moment(stretch.since)} ({limit} {brief(stretch.bound)} before)"


def _others(told: Sequence[UnusualStretch], clearest: UnusualStretch) -> str:
    rest = [_moment(each.since) for each in told if each is not clearest]
    return f", and also around {listed(rest, most=3)}" if rest else ""


def _moment(instant: str) -> str:
    """An instant to the second, or to the minute if it is at its beginning."""
    return instant[:19].removesuffix(":00")


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
