"""Judging how a figure moved: which segment drove it, or whether only the mix has changed.

*Source*: Simpson (1951) for averages that move against all of their parts; the split into a change
within segments and a change of their shares is that of Kitagawa (1955).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.business import ROLE
from agents.specialists.business.columns import Measure
from agents.specialists.business.kpi import named
from agents.specialists.wording import brief, percent
from agents.tools.shift_by_segment import SegmentShift, Shift, shift_sql

LEAST_ROWS: Final = 30
"""Rows that a segment must have in both halves for its mean to count."""

MOVED: Final = 0.05
"""Change of a mean over its level that is worth explaining."""

MIXED: Final = 0.5
"""Share of it that the mix must explain."""

GREW: Final = 0.1
"""Change of a total over its level that is worth explaining."""

DRIVES: Final = 0.5
OVERWEIGHT: Final = 2.0
"""A driver has half of the change, and twice what its size would give it."""

MIN_SEGMENTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """The change of a mean: within the segments, and by their shares."""

    before: float
    after: float
    within: float
    mix: float

    @property
    def is_reversed(self) -> bool:
        return (self.after - self.before) * self.within < 0


def judge_mix(
    dataset: PinnedDataset,
    time: Sequence[str],
    measure: Measure,
    found: Sequence[tuple[str, Shift]],
) -> Iterator[Finding]:
    """0..1 findings about an average: the segments whose mix explains most of its change."""
    split = [(column, shift, parts) for column, shift in found if (parts := _split(shift))]
    mixed = [each for each in split if _is_mixed(each[2])]
    if not mixed:
        return
    column, shift, parts = max(mixed, key=lambda each: (abs(each[2].mix), each[0]))
    change = parts.after - parts.before
    name = named(measure)
    direction = "rose" if change > 0 else "fell"
    told = (
        f"though within {column} it {'rose' if parts.within > 0 else 'fell'} by "
        f"{brief(abs(parts.within))}: only the mix of {column} has changed"
        if parts.is_reversed
        else f"of which {brief(abs(parts.mix))} come from the mix of {column} and not from what "
        "happened within it"
    )
    sql = shift_sql(dataset, time, measure.name, column)
    yield Finding(
        role=ROLE,
        category="mix_effect",
        subject=Subject(table=dataset.name, column=measure.name),
        key=column,
        title=f"{name[0].upper()}{name[1:]} {direction} from {brief(parts.before)} to "
        f"{brief(parts.after)} after {shift.split_at[:10]}, {told}.",
        severity="medium" if parts.is_reversed else "low",
        evidence=(
            Evidence(metric="change within the segments", value=parts.within, sql=sql),
            Evidence(metric="change by the mix of segments", value=parts.mix, sql=sql),
        ),
        recommendation=f"Compare {name} within {column}, or with the shares of {column} held "
        "fixed.",
        impact=f"Whoever reads the average alone credits or blames {measure.name} for a shift "
        f"between values of {column}. The time was split in the middle.",
        effort="low",
        confidence=0.85 if parts.is_reversed else 0.7,
        reason="within and between add up, but the time was split in the middle",
    )


def judge_drivers(
    dataset: PinnedDataset,
    time: Sequence[str],
    measure: Measure,
    found: Sequence[tuple[str, Shift]],
) -> Iterator[Finding]:
    """0..1 findings about a total: the one segment that drove most of its change."""
    drivers = [
        (share, column, shift, segment)
        for column, shift in found
        for share, segment in _driver(shift)
    ]
    if not drivers:
        return
    share, column, shift, segment = max(drivers, key=lambda each: (each[0], each[1]))
    before = sum(each.total_before for each in shift.segments)
    change = sum(each.total_after for each in shift.segments) - before
    part = segment.total_after - segment.total_before
    name = named(measure)
    yield Finding(
        role=ROLE,
        category="segment_driver",
        subject=Subject(table=dataset.name, column=measure.name),
        key=f"change {column}",
        title=f"{name[0].upper()}{name[1:]} {'rose' if change > 0 else 'fell'} by "
        f"{brief(abs(change))} ({percent(abs(change / before))}) after {shift.split_at[:10]}; "
        f"{column} {segment.value} alone {'rose' if part > 0 else 'fell'} by {brief(abs(part))}.",
        severity="low",
        evidence=(
            Evidence(
                metric=f"share of {segment.value} in the change",
                value=share,
                threshold=DRIVES,
                sql=shift_sql(dataset, time, measure.name, column),
            ),
        ),
        recommendation=f"Ask what happened at {column} {segment.value} before looking anywhere "
        "else.",
        impact=f"{name} without {segment.value} moved by {brief(change - part)} only. The time was "
        f"split in the middle, and {column} is taken for what the total is made of.",
        effort="low",
        confidence=0.8,
        reason="its share is measured, but not what moved it",
    )


def _split(shift: Shift) -> _Split | None:
    counted = [
        each for each in shift.segments if min(each.rows_before, each.rows_after) >= LEAST_ROWS
    ]
    if len(counted) < 2:
        return None
    earlier, later = (
        sum(each.rows_before for each in counted),
        sum(each.rows_after for each in counted),
    )
    within = mix = 0.0
    for each in counted:
        before, after = each.total_before / each.rows_before, each.total_after / each.rows_after
        shares = each.rows_before / earlier, each.rows_after / later
        within += (shares[0] + shares[1]) / 2 * (after - before)
        mix += (shares[1] - shares[0]) * (before + after) / 2
    return _Split(
        before=sum(each.total_before for each in counted) / earlier,
        after=sum(each.total_after for each in counted) / later,
        within=within,
        mix=mix,
    )


def _is_mixed(parts: _Split) -> bool:
    change, level = parts.after - parts.before, max(abs(parts.before), abs(parts.after))
    if abs(change) < MOVED * level:
        return False
    if parts.is_reversed:
        return abs(parts.within) >= MOVED * level
    return parts.mix * change > 0 and abs(parts.mix) >= MIXED * abs(change)


def _driver(shift: Shift) -> Iterator[tuple[float, SegmentShift]]:
    before = sum(each.total_before for each in shift.segments)
    change = sum(each.total_after for each in shift.segments) - before
    if len(shift.segments) < MIN_SEGMENTS or before <= 0 or abs(change) < GREW * before:
        return
    for each in shift.segments:
        share = (each.total_after - each.total_before) / change
        if share >= max(DRIVES, OVERWEIGHT * each.total_before / before):
            yield share, each
