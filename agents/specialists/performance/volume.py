"""Judging volume: loads that are much larger or smaller than those before."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.series.drawn import drawn
from agents.domain.task import PinnedDataset
from agents.specialists.performance import ROLE
from agents.specialists.wording import counted, figure
from agents.tools.periods import Series, label, series_sql

MIN_PERIODS: Final = 6
"""Whole periods before the last one that say what is usual."""

LEAST_ROWS: Final = 30
"""Rows of a usual period below which chance alone doubles or halves one."""

CHANGE: Final = 2.0
"""Rows of the last period over the usual, or the other way round."""


def judge_volume(dataset: PinnedDataset, time: Sequence[str], series: Series) -> Iterator[Finding]:
    """0..1 findings about the last whole period of a table."""
    *earlier, last = (period.rows for period in series.periods)
    if len(earlier) < MIN_PERIODS:
        return
    usual = median(earlier)
    ratio = last / usual
    if usual < LEAST_ROWS or 1 / CHANGE < ratio < CHANGE or min(earlier) <= last <= max(earlier):
        return
    when = label(series.periods[-1], series.unit)
    yield Finding(
        role=ROLE,
        category="volume_change",
        subject=Subject(table=dataset.name),
        title=f"{when} has {counted(last, 'row')}, {ratio:.2g} times the usual {figure(usual)} a "
        f"{series.unit}.",
        severity="medium",
        evidence=(
            Evidence(
                metric="rows of the last period over the median before",
                value=ratio,
                threshold=CHANGE if ratio > 1 else 1 / CHANGE,
                sql=series_sql(dataset, time, None, series.unit),
                series=drawn(
                    series.unit,
                    [period.start for period in series.periods],
                    [float(period.rows) for period in series.periods],
                ),
            ),
        ),
        recommendation=f"Check whether {dataset.name} was loaded {'once' if ratio > 1 else 'whole'}"
        f" for {when}, before anything that reads it runs.",
        impact="A load of that size is either an accident or a new size that jobs and storage were "
        "not made for.",
        effort="low",
        confidence=0.8,
    )
