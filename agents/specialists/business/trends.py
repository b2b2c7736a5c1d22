"""Judging trends: figures that rise or fall steadily enough to count on it."""

from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.business import ROLE
from agents.specialists.business.kpi import spoken
from agents.specialists.wording import brief
from agents.tools.trend import Aggregate, Trend, slope_sql

SIGNIFICANT: Final = 0.05
"""Kendall's p below which a trend is no accident."""

MIN_PERIODS: Final = 8
NOTICEABLE: Final = 0.1
"""Change over the whole time, as a share of the median level."""


def judge_trend(
    dataset: PinnedDataset,
    time: Sequence[str],
    measure: str | None,
    aggregate: Aggregate,
    trend: Trend,
) -> Iterator[Finding]:
    """0..1 findings about one measure, or the number of rows if `measure` is None."""
    share = abs(trend.change) / abs(trend.level) if trend.level else 0.0
    if (
        trend.unit == "hour"  # the time of day, not a trend
        or trend.periods < MIN_PERIODS
        or trend.p_value >= SIGNIFICANT
        or share < NOTICEABLE
    ):
        return
    name = "number of rows" if measure is None else spoken(measure, aggregate)
    relative = f"{share * 100:.0f} % of" if share < 1.5 else f"{share:.1f} times"
    verb = "rises" if trend.slope > 0 else "falls"
    sql = slope_sql(dataset, time, measure, aggregate, trend)
    yield Finding(
        role=ROLE,
        category="trend",
        subject=Subject(table=dataset.name, column=measure),
        title=f"{name[0].upper()}{name[1:]} {verb} by about {brief(abs(trend.slope))} a "
        f"{trend.unit}: {brief(abs(trend.change))} ({relative} the usual "
        f"{brief(trend.level)}) over {trend.periods} {trend.unit}s.",
        severity="low",
        evidence=(
            Evidence(
                metric="change over the usual level",
                value=share,
                threshold=NOTICEABLE,
                sql=sql,
                series=trend.series,
            ),
            Evidence(metric=f"slope per {trend.unit}", value=trend.slope, sql=sql),
            Evidence(metric="p of Kendall's test", value=trend.p_value, threshold=SIGNIFICANT),
        ),
        recommendation=f"Find out what drives {name} before planning with last "
        f"{trend.unit}'s figure. Plan with the trend, not with the average.",
        impact=f"An average over the whole time hides where {name} is heading "
        f"(Kendall's tau {trend.tau:.2f}, p {trend.p_value:.2g}).",
        effort="low",
        confidence=0.8,
        reason="the test is clear, but it knows no cause",
    )
