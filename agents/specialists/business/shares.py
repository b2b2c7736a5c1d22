"""Judging how a total is spread: a few that carry it, and segments that differ."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from agents.datasets.missing_codes import MISSING_CODES
from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.series.spread import shares as spread_over
from agents.specialists.business import ROLE
from agents.specialists.business.columns import Measure
from agents.specialists.wording import brief, figure, percent
from agents.tools.concentration import Concentration, shares_sql
from agents.tools.profile import QUANTILES, ColumnProfile, TableProfile
from agents.tools.segments import Segment, segments_sql

MIN_VALUES: Final = 5
"""Values among which a total can be concentrated at all."""

TOP_SHARE: Final = 0.7
HIGH_TOP_SHARE: Final = 0.8
"""Share of the largest fifth that is worth knowing, and that is a dependence."""

HIGH_INDEX: Final = 0.25
"""Herfindahl-Hirschman index past which a market counts as highly concentrated."""

UNEVEN: Final = 2.0
"""And so many times what it would be if all had the same."""

MAX_FINDINGS: Final = 2

LEAST_SHARE: Final = 0.002
LEAST_ROWS: Final = 30
"""Rows of a segment below which its mean says little."""

SPREAD: Final = 0.5
"""Distance of the segments' means worth knowing, in interquartile ranges of the measure."""


def judge_concentration(
    table: str, measure: Measure | None, found: Sequence[tuple[str, Concentration]]
) -> Iterator[Finding]:
    """0..2 findings about a measure, or the rows, the most concentrated column first."""
    concentrated = [
        each for each in found if _is_concentrated(each[1]) and not _is_code(each[1].largest)
    ]
    concentrated.sort(key=lambda each: (-each[1].index, each[0]))
    for column, shares in concentrated[:MAX_FINDINGS]:
        amount = "the rows" if measure is None else measure.name
        is_dependence = shares.top_share > HIGH_TOP_SHARE or shares.index > HIGH_INDEX
        sql = shares_sql(table, column, None if measure is None else measure.name)
        yield Finding(
            role=ROLE,
            category="concentration",
            subject=Subject(table=table, column=column),
            title=_title(column, amount, shares),
            severity="low" if is_dependence and measure is not None else "info",
            evidence=(
                Evidence(
                    metric="share of the largest fifth",
                    value=shares.top_share,
                    threshold=HIGH_TOP_SHARE,
                    sql=sql,
                    spread=spread_over(
                        [(each.label, each.share) for each in shares.leading], shares.values
                    ),
                ),
                Evidence(
                    metric="Herfindahl-Hirschman index",
                    value=shares.index,
                    threshold=HIGH_INDEX,
                    sql=sql,
                ),
            ),
            recommendation=f"Look at {table} with and without {shares.largest}: what holds only "
            "because of the largest should be decided with them.",
            impact=f"A change at one of them moves the whole; {column} is taken for what the "
            f"{'rows are' if measure is None else 'total is'} split by.",
            effort="low",
            confidence=0.8,
            reason="what the total is split by was inferred from names and types",
        )


def least_rows(profile: TableProfile) -> int:
    """Rows that a segment must have for its mean to be compared."""
    return max(LEAST_ROWS, ceil(LEAST_SHARE * profile.rows))


def judge_segments(
    profile: TableProfile, measure: Measure, found: Sequence[tuple[str, Sequence[Segment]]]
) -> Iterator[Finding]:
    """0..1 findings: the column whose values differ most in the measure."""
    spread = _middle_half(profile.column(measure.name))
    if spread <= 0:
        return
    known: list[tuple[str, Sequence[Segment]]] = [
        (column, [each for each in segments if not _is_code(each.value)])
        for column, segments in found
    ]
    compared = [
        ((segments[0].mean - segments[-1].mean) / spread, column, segments)
        for column, segments in known
        if len(segments) > 1
    ]
    ratio, column, segments = max(
        compared, key=lambda each: (each[0], each[1]), default=(0.0, "", [])
    )
    if ratio < SPREAD:
        return
    high, low = segments[0], segments[-1]
    least = least_rows(profile)
    yield Finding(
        role=ROLE,
        category="segment_driver",
        subject=Subject(table=profile.table, column=measure.name),
        key=column,
        title=f"Mean {measure.name} depends on {column}: {brief(low.mean)} for "
        f"{low.value}, {brief(high.mean)} for {high.value} (all: "
        f"{brief(profile.column(measure.name).mean or 0.0)}).",
        severity="info",
        evidence=(
            Evidence(
                metric="distance of the means in interquartile ranges",
                value=ratio,
                threshold=SPREAD,
                sql=segments_sql(profile.table, column, measure.name, least),
            ),
        ),
        recommendation=f"Compare {measure.name} within {column}, and start with {high.value} "
        "when it has to change.",
        impact=f"An average over all hides a difference of {brief(high.mean - low.mean)} "
        f"between values of {column} with at least {figure(least)} rows; a shift between them "
        "changes it without anything having changed.",
        effort="low",
        confidence=0.8,
        reason="the difference is measured, but not what causes it",
    )


def _is_code(value: str) -> bool:
    """Whether a text stands for a missing value, and is no segment."""
    return value.strip().lower() in MISSING_CODES


def _is_concentrated(shares: Concentration) -> bool:
    """Whether the few have much, and much more than they would have of an even spread."""
    return shares.values >= MIN_VALUES and (
        shares.top_share > max(TOP_SHARE, UNEVEN * shares.top / shares.values)
        or shares.index > max(HIGH_INDEX, UNEVEN / shares.values)
    )


def _title(column: str, amount: str, shares: Concentration) -> str:
    if shares.top == 1:
        return (
            f"{column} {shares.largest} has {percent(shares.largest_share)} of {amount}; the other "
            f"{figure(shares.values - 1)} values share the rest."
        )
    return (
        f"The {figure(shares.top)} largest of {figure(shares.values)} values of {column} have "
        f"{percent(shares.top_share)} of {amount}; the largest, {shares.largest}, "
        f"{percent(shares.largest_share)}."
    )


def _middle_half(column: ColumnProfile) -> float:
    if len(column.quantiles) != len(QUANTILES):
        return 0.0
    low, high = (column.quantiles[QUANTILES.index(share)] for share in (0.25, 0.75))
    return high - low
