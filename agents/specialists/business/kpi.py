"""Judging figures over time: what they are, and how the last period compares."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.business import ROLE
from agents.specialists.business.columns import Measure
from agents.specialists.wording import brief, figure
from agents.tools.column_names import words
from agents.tools.periods import Period, Series, Unit, label, series_sql
from agents.tools.trend import Aggregate, value_of

MIN_PERIODS: Final = 6
"""Whole periods before one of them can be called unusual."""

MIN_ROWS: Final = 20
"""Rows of so small a table that one has read it sooner than a summary of it."""

FENCE: Final = 3.0
"""Interquartile ranges outside the middle half past which a period is unusual."""


def judge_measure(
    dataset: PinnedDataset, time: Sequence[str], measure: Measure, series: Series
) -> Iterator[Finding]:
    """0..1 findings: level, range and last period of one measure."""
    points = [
        (period, value)
        for period in series.periods
        if (value := value_of(period, measure.aggregate)) is not None
    ]
    if len(points) < 2 or sum(period.rows for period in series.periods) < MIN_ROWS:
        return
    sql = series_sql(dataset, time, measure.name, series.unit)
    values = [value for _, value in points]
    last, before = points[-1], points[-2]
    low, high = min(points, key=lambda each: each[1]), max(points, key=lambda each: each[1])
    name = named(measure)
    unit = series.unit
    is_unusual = _is_unusual(values)
    covered = sum(period.values for period in series.periods)
    rows = sum(period.rows for period in series.periods)
    yield Finding(
        role=ROLE,
        category="kpi",
        subject=Subject(table=dataset.name, column=measure.name),
        title=f"{name[0].upper()}{name[1:]} {_overall(measure, points, unit)} "
        f"from {label(points[0][0], unit)} to {label(last[0], unit)}: lowest in "
        f"{label(low[0], unit)} ({brief(low[1])}), highest in {label(high[0], unit)} "
        f"({brief(high[1])}), last {brief(last[1])}{_compared(last[1], before[1], unit)}.",
        severity="low" if is_unusual else "info",
        evidence=(
            Evidence(metric=f"{name} in the last {unit}", value=last[1], sql=sql),
            Evidence(metric=f"{name} in the {unit} before", value=before[1], sql=sql),
            Evidence(metric=f"median {unit}", value=median(values), sql=sql),
        ),
        impact=f"{measure.name} is taken for a measure to be "
        f"{'added up' if measure.aggregate == 'total' else 'averaged'} and {' and '.join(time)} "
        f"for when it happened; {figure(covered)} of {figure(rows)} rows have a value.",
        recommendation=f"Ask what was different in {label(last[0], unit)}, and say so wherever "
        f"{name} is shown."
        if is_unusual
        else f"Use {brief(median(values))} a {unit} as the usual level of {name}.",
        effort="low",
        confidence=0.9 if is_unusual else 0.8,
        reason="what is measured, and when, was inferred from names and types",
    )


def named(measure: Measure) -> str:
    """The measure as it is spoken of."""
    return spoken(measure.name, measure.aggregate)


def spoken(name: str, aggregate: Aggregate) -> str:
    """What is shown of a column.

    >>> spoken("delay", "mean"), spoken("amount", "total"), spoken("order_total", "total")
    ('mean delay', 'total amount', 'order_total')
    """
    said = aggregate == "total" and "total" in words(name).split()
    return name if said else f"{aggregate} {name}"


def _overall(measure: Measure, points: Sequence[tuple[Period, float]], unit: Unit) -> str:
    """The total or the mean; of one figure a period nobody knows whether it may be added up."""
    total = sum(period.total or 0.0 for period, _ in points)
    values = sum(period.values for period, _ in points)
    if measure.aggregate != "total":
        return f"is {brief(total / max(1, values))}"
    if all(period.rows == 1 for period, _ in points):
        return f"is {brief(total / max(1, values))} a {unit} on average"
    return f"is {brief(total)}"


def _compared(last: float, before: float, unit: Unit) -> str:
    """How the last period compares with the one before; in per cent only where that has a sense."""
    if last == before:
        return f", as in the {unit} before"
    if before <= 0 or last < 0:
        return f" after {brief(before)} in the {unit} before"
    change = last / before - 1
    if abs(change) >= 2:
        return f" after {brief(before)} in the {unit} before"
    if abs(change) < 0.005:
        return f", about as in the {unit} before"
    return f", {abs(change) * 100:.0f} % {'above' if change > 0 else 'below'} the {unit} before"


def _is_unusual(values: Sequence[float]) -> bool:
    *earlier, last = values
    if len(earlier) < MIN_PERIODS:
        return False
    ordered = sorted(earlier)
    low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4]
    reach = FENCE * (high - low)
    return reach > 0 and not low - reach <= last <= high + reach
