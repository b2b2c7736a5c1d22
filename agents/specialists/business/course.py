"""Judging the course of a measure: where it breaks off, and what recurs in it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from agents.domain.finding import Evidence, Finding, Mark, Severity, Subject
from agents.domain.series.drawn import drawn
from agents.domain.task import PinnedDataset
from agents.specialists.business import ROLE
from agents.specialists.business.columns import Measure
from agents.specialists.business.kpi import named
from agents.specialists.wording import brief, listed
from agents.tools.change_points import Change, Changes
from agents.tools.course import Grain, course_sql, rows_of_period_sql
from agents.tools.periods import Period, label
from agents.tools.seasonality import STRONG, Seasonality, profile_sql

MANY_CHANGES: Final = 6
"""Changes from which on a figure wanders rather than breaks off."""

NOTICEABLE: Final = 0.05
"""Change of level, or highest less lowest phase of a season, as a share of the usual level."""

LARGE: Final = 0.25
"""Change of level, as a share of the usual one, that makes plans obsolete."""

STEADY: Final = 0.5
"""Share of the whole change that must have come about within courses to be a trend."""

SHORTEST_YEAR: Final = 120
LONGEST_YEARS: Final = 730
"""Days of a course between which it shows parts of the season of the year, but not that it is
one."""

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = (
    *("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"),
)


def judge_changes(
    dataset: PinnedDataset, time: Sequence[str], measure: Measure, found: Changes
) -> Iterator[Finding]:
    """0..1 findings about one measure, with each change as a piece of evidence."""
    changes = [each for each in found.changes if not _is_seasonal(each, found)]
    if not any(_is_noticeable(change, found.level) for change in changes):
        return
    unit = found.grain
    name = named(measure)
    shown = [_said(change, unit) for change in changes]
    wanders = len(changes) >= MANY_CHANGES
    is_large = any(_step(change) >= LARGE * abs(found.level) for change in changes)
    severity: Severity = "low" if is_large and not wanders else "info"
    adjusted = " after its season was taken out" if found.is_adjusted else ""
    yield Finding(
        role=ROLE,
        category="change_point",
        subject=Subject(table=dataset.name, column=measure.name),
        title=f"{name[0].upper()}{name[1:]} changes course "
        f"{_times(len(changes))} between "
        f"{_when(found.first, unit)} and {_when(found.last, unit)}: {listed(shown, most=2)}.",
        severity=severity,
        evidence=(
            *(
                Evidence(
                    metric=f"start of the new course, change {number}",
                    value=change.start,
                    sql=rows_of_period_sql(dataset, time, measure.name, unit, change.start),
                )
                for number, change in enumerate(changes, start=1)
            ),
            Evidence(
                metric=f"changes among {found.periods} periods",
                value=len(changes),
                sql=course_sql(dataset, time, measure.name, unit),
                series=found.series.model_copy(update={"marks": _marks(changes, found)}),
            ),
        ),
        recommendation=f"Find out what happened at {_when(changes[-1].start, unit)}, and judge "
        f"{name} by what came after it.",
        impact=f"Averages and forecasts over all {found.periods} {unit}s mix "
        f"{len(changes) + 1} different courses. {' and '.join(time)} is taken for when it "
        f"happened; lines were fitted to {name}{adjusted}.",
        effort="low",
        confidence=0.6 if wanders else 0.8,
        reason="so many changes may be one figure that wanders"
        if wanders
        else "lines on both sides leave much less open than one through all",
    )


def judge_season(
    dataset: PinnedDataset,
    time: tuple[str, ...],
    measure: Measure,
    found: Sequence[Seasonality],
) -> Iterator[Finding]:
    """0..n findings, one for each cycle within which the measure repeats itself noticeably."""
    for season in found:
        low, high = min(season.profile), max(season.profile)
        if season.strength < STRONG or high - low < NOTICEABLE * abs(season.level):
            continue
        name = named(measure)
        sql = profile_sql(dataset, time, measure.name, measure.aggregate, season.unit)
        yield Finding(
            role=ROLE,
            category="seasonality",
            subject=Subject(table=dataset.name, column=measure.name),
            key=season.cycle,
            title=f"{name[0].upper()}{name[1:]} repeats itself every {season.cycle}: usually "
            f"{brief(high)} above its course {_phase(season, season.profile.index(high))} and "
            f"{brief(-low)} below {_phase(season, season.profile.index(low))}.",
            severity="info",
            evidence=(
                Evidence(
                    metric="share of the movement that the season explains",
                    value=season.strength,
                    threshold=STRONG,
                    sql=sql,
                    series=drawn(
                        season.unit,
                        [_phase(season, phase) for phase in range(len(season.profile))],
                        season.profile,
                    ),
                ),
                Evidence(metric="highest less lowest phase", value=high - low, sql=sql),
            ),
            recommendation=f"Compare {name} with the same {season.unit} of the {season.cycle} "
            "before, and plan capacity for the peak.",
            impact=f"A comparison with the {season.unit} before shows the season and not what "
            f"changed ({season.periods} {season.unit}s were compared).",
            effort="low",
            confidence=0.9,
            reason="the same phases were high and low in most cycles",
        )


def _is_noticeable(change: Change, level: float) -> bool:
    least = NOTICEABLE * abs(level)
    return _step(change) >= least or _turn(change) >= least


def _marks(changes: Sequence[Change], found: Changes) -> tuple[Mark, ...]:
    """Each course with its mean."""
    starts = [found.first, *(change.start for change in changes)]
    ends = [*(change.start for change in changes), found.last]
    levels = [changes[0].level_before, *(change.level_after for change in changes)]
    return tuple(
        Mark(since=since, until=until, label=f"mean {brief(level)}")
        for since, until, level in zip(starts, ends, levels, strict=True)
    )


def is_stepped(found: Changes) -> bool:
    """Whether the measure got where it is by jumps rather than by rising or falling steadily."""
    if not found.changes:
        return False
    first, last = found.changes[0], found.changes[-1]
    risen = first.rise_before + sum(change.rise_after for change in found.changes)
    begin = first.level_before - first.rise_before / 2
    end = last.level_after + last.rise_after / 2
    return abs(risen) < STEADY * abs(end - begin) or risen * (end - begin) <= 0


def _is_seasonal(change: Change, found: Changes) -> bool:
    """Whether it may be the turn of a season, of which one has seen too few to know."""
    if found.grain in {"step", "year"} or found.is_adjusted:
        return False
    span = datetime.fromisoformat(found.last) - datetime.fromisoformat(found.first)
    if not SHORTEST_YEAR < span.days < LONGEST_YEARS:
        return False
    before, after = _ends(change)
    return abs(after - before) < NOTICEABLE * abs(found.level)


def _step(change: Change) -> float:
    """How far the level or, where both courses rise or fall, one line lies from the other."""
    before, after = _ends(change)
    return max(abs(change.level_after - change.level_before), abs(after - before))


def _turn(change: Change) -> float:
    """How far the shorter of two courses goes that lead in opposite directions."""
    if change.rise_before * change.rise_after >= 0:
        return 0.0
    return min(abs(change.rise_before), abs(change.rise_after))


def _ends(change: Change) -> tuple[float, float]:
    """Where the line before ends, and where the one after begins."""
    return (
        change.level_before + change.rise_before / 2,
        change.level_after - change.rise_after / 2,
    )


def _said(change: Change, unit: Grain) -> str:
    """What changed, told by what is largest: the level, the turn of the slope, or the jump."""
    when = _when(change.start, unit)
    before, after = change.level_before, change.level_after
    if _turn(change) >= abs(after - before):
        turn = "from up to down" if change.rise_before > 0 else "from down to up"
        return f"{when} turns {turn} (mean {brief(before)} before, {brief(after)} after)"
    if _step(change) > abs(after - before) and change.rise_before * change.rise_after > 0:
        end, begin = _ends(change)
        if (begin - end) * (after - before) <= 0:
            return f"{when} breaks off at about {brief(end)} and goes on from {brief(begin)}"
    return f"{when} from {brief(before)} to {brief(after)} on average"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _when(start: str, unit: Grain) -> str:
    if unit == "step":
        return f"step {start}"
    return label(Period(start=start, rows=0, values=0, total=None, mean=None), unit)


def _phase(season: Seasonality, phase: int) -> str:
    match season.unit:
        case "month":
            return f"in {_MONTHS[phase]}"
        case "quarter":
            return f"in the {('first', 'second', 'third', 'fourth')[phase]} quarter"
        case "day":
            return f"on {_DAYS[phase]}"
        case _:
            return f"at {datetime(2000, 1, 1, phase):%H:%M}"  # noqa: DTZ001 - a time of day
