"""Judging a recorded measure: stretches in which it does what it had never done before.

The category `anomaly` is for figures that were recorded over time, such as a load or a latency, and
left everything before them; `burst` is for the number of events, `outlier` for single cells that
may be errors.
"""

from collections.abc import Iterator
from typing import Final

from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.specialists.performance import ROLE
from agents.specialists.performance.stream import duration
from agents.specialists.wording import counted, figure, listed
from agents.tools.unusual_stretches import UnusualStretch, UnusualStretches, stretch_sql

MAX_STRETCHES: Final = 5
"""Told of one measure, the clearest."""

LARGE: Final = 0.25
"""Distance from everything before, over the whole range, that nobody would overlook."""

EXTREME: Final = 0.5
THRESHOLD: Final = 0.05


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
    against = ", as distances from its usual course" if found.is_adjusted else ""
    yield Finding(
        role=ROLE,
        category="anomaly",
        subject=Subject(table=table, column=measure),
        title=f"{measure} leaves everything before it {_times(len(told))}{against}: "
        f"{listed([_said(each) for each in told], most=3)}.",
        severity=severity,
        evidence=tuple(
            Evidence(
                metric=f"distance beyond what was before, over the whole range, from {each.since} "
                f"until {each.until}",
                value=each.share,
                threshold=THRESHOLD,
                sql=stretch_sql(table, column, measure, each.since, each.until),
            )
            for each in told
        ),
        recommendation=f"Look at what else happened from {clearest[0].since} on, and alert when "
        f"{measure} leaves its range again.",
        impact=f"Limits and capacity that were set from what {measure} used to do no longer hold. "
        f"It was read by {column} in {counted(found.points, 'moment')} of "
        f"{duration(found.width)}.",
        effort="medium",
        confidence=0.85 if share > EXTREME else 0.75 if share > LARGE else 0.6,
    )


def _said(stretch: UnusualStretch) -> str:
    width = f" over {duration(stretch.seconds)}" if stretch.view in {"mean", "swing"} else ""
    what = {
        "mean": f"a mean of {figure(stretch.value)}{width}",
        "swing": f"swings of {figure(stretch.value)} on average{width}",
        "highest": figure(stretch.value),
        "lowest": figure(stretch.value),
    }[stretch.view]
    limit = "at most" if stretch.direction == "above" else "at least"
    return f"{what} around {stretch.since} ({limit} {figure(stretch.bound)} before)"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
