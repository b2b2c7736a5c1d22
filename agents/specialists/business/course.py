"""Judging the course of a measure: where it breaks off, and what recurs in it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.domain.task import PinnedDataset
from agents.specialists.business import ROLE, brief
from agents.specialists.business.columns import Measure
from agents.specialists.business.kpi import named
from agents.specialists.wording import counted, listed
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
    changes = found.changes
    if not any(_is_noticeable(change, found.level) for change in changes):
        return
    unit = found.grain
    name = named(measure)
    shown = [_said(change, unit) for change in changes]
    wanders = len(changes) >= MANY_CHANGES
    is_large = any(
        abs(change.level_after - change.level_before) >= LARGE * abs(found.level)
        for change in changes
    )
    severity: Severity = "low" if is_large and not wanders else "info"
    adjusted = " after its season was taken out" if found.is_adjusted else ""
    yield Finding(
        role=ROLE,
        category="change_point",
        subject=Subject(table=dataset.name, column=measure.name),
        title=f"{name[0].upper()}{name[1:]} changes course "
        f"{'once' if len(changes) == 1 else counted(len(changes), 'time')} between "
        f"{_when(found.first, unit)} and {_when(found.last, unit)}: {listed(shown, most=4)}.",
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
            ),
        ),
        recommendation=f"Find out what happened at {_when(changes[-1].start, unit)}, and judge "
        f"{name} by what came after it.",
        impact=f"Averages and forecasts over all {found.periods} {unit}s mix "
        f"{len(changes) + 1} different courses. {' and '.join(time)} is taken for when it "
        f"happened; lines were fitted to {name}{adjusted}.",
        effort="low",
        confidence=0.6 if wanders else 0.8,
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
                ),
                Evidence(metric="highest less lowest phase", value=high - low, sql=sql),
            ),
            recommendation=f"Compare {name} with the same {season.unit} of the {season.cycle} "
            "before, and plan capacity for the peak.",
            impact=f"A comparison with the {season.unit} before shows the season and not what "
            f"changed ({season.periods} {season.unit}s were compared).",
            effort="low",
            confidence=0.9,
        )


def _is_noticeable(change: Change, level: float) -> bool:
    least = NOTICEABLE * abs(level)
    turn = min(abs(change.rise_before), abs(change.rise_after))
    return abs(change.level_after - change.level_before) >= least or (
        change.rise_before * change.rise_after < 0 and turn >= least
    )


def _said(change: Change, unit: Grain) -> str:
    """What changed, told by what is larger: the jump of the level or the turn of the slope."""
    when = _when(change.start, unit)
    before, after = change.level_before, change.level_after
    smaller_rise = min(abs(change.rise_before), abs(change.rise_after))
    if change.rise_before * change.rise_after < 0 and smaller_rise >= abs(after - before):
        turn = "from up to down" if change.rise_before > 0 else "from down to up"
        return f"{when} turns {turn} (mean {brief(before)} before, {brief(after)} after)"
    return f"{when} from {brief(before)} to {brief(after)} on average"


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
