"""The business analyst: what the figures are, where they are heading, and who carries them."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from agents.domain.finding import Finding
from agents.domain.series.drawn import with_few_drawn
from agents.domain.task import PinnedDataset
from agents.specialist import Examination, Specialist
from agents.specialists.attempt import attempt, attempt_profile, leave_out_observations
from agents.specialists.business import ROLE
from agents.specialists.business.columns import ColumnUses, Measure
from agents.specialists.business.companions import Figure, told_once
from agents.specialists.business.course import is_stepped, judge_changes, judge_season
from agents.specialists.business.kpi import judge_measure, named
from agents.specialists.business.results import judge_losses, result_of
from agents.specialists.business.shares import judge_concentration, judge_segments, least_rows
from agents.specialists.business.shifts import judge_drivers, judge_mix
from agents.specialists.business.trends import judge_trend
from agents.tools.change_points import change_points
from agents.tools.concentration import concentration
from agents.tools.loss_makers import loss_makers
from agents.tools.periods import Series, periods
from agents.tools.profile import TableProfile, profile
from agents.tools.query_data import query_data
from agents.tools.seasonality import seasonality
from agents.tools.segments import segments
from agents.tools.shift_by_segment import shift_by_segment
from agents.tools.trend import Aggregate, trend, value_of

QUESTIONS: Final = (
    "What are the main figures, and how does the last period compare?",
    "Where are they heading, and who or what carries them?",
)

MAX_COMPARED: Final = 2
"""How many averages of a table are compared between segments."""


async def examine(examination: Examination) -> Sequence[Finding]:
    """Measures, their course and their spread, table by table."""
    findings: list[Finding] = []
    await leave_out_observations(examination)
    for dataset in examination.task.records:
        table = dataset.name
        await examination.progress(f"looking for figures in {table}")
        profiled = await attempt_profile(examination, f"The figures of {table}", table)
        if profiled is None:
            continue
        uses = ColumnUses.of(profiled)
        if not uses.measures:
            await examination.note(f"{table} has no column that looks like a measure.")
        elif not uses.time and uses.steps is None:
            await examination.note(
                f"{table} has no column that says when, so its figures have no course over time."
            )
        course, stepped = await _breaks(examination, dataset, uses)
        moved = await _shifts(examination, dataset, uses)
        over_time: Sequence[Finding] = []
        figures: Sequence[Figure] = []
        if uses.time:
            over_time, figures = await _over_time(examination, dataset, uses, stepped)
        findings += told_once([*over_time, *course, *moved], figures)
        findings += await _spread(examination, profiled, uses)
        findings += await _losses(examination, profiled, uses)
    return with_few_drawn(findings)


async def _over_time(
    examination: Examination,
    dataset: PinnedDataset,
    uses: ColumnUses,
    stepped: Collection[str],
) -> tuple[Sequence[Finding], Sequence[Figure]]:
    """Levels, trends of measures that are not `stepped`, and the figures by period."""
    table, time = dataset.name, uses.time
    findings: list[Finding] = []
    figures: list[Figure] = []
    for measure in (*uses.measures, None):
        name = None if measure is None else measure.name
        aggregate: Aggregate = "rows" if measure is None else measure.aggregate
        topic = f"{table}.{name} over time" if name else f"The growth of {table}"
        series = await attempt(examination, periods, topic, table=table, time=time, measure=name)
        if series is not None:
            figures.append(_figure(measure, aggregate, series))
            if measure is not None:
                findings += judge_measure(dataset, time, measure, series)
        if name in stepped:
            continue
        found = await attempt(
            examination,
            trend,
            topic,
            table=table,
            time=time,
            measure=name,
            aggregate=aggregate,
        )
        if found is not None:
            findings += judge_trend(dataset, time, name, aggregate, found)
    return findings, figures


def _figure(measure: Measure | None, aggregate: Aggregate, series: Series) -> Figure:
    return Figure(
        name="the number of rows" if measure is None else named(measure),
        column=None if measure is None else measure.name,
        values={
            period.start: value
            for period in series.periods
            if (value := value_of(period, aggregate)) is not None
        },
    )


async def _breaks(
    examination: Examination, dataset: PinnedDataset, uses: ColumnUses
) -> tuple[Sequence[Finding], Collection[str]]:
    """Where courses break off, what recurs in them, and the measures that move in steps."""
    table = dataset.name
    time = uses.time or tuple(filter(None, (uses.steps,)))
    findings: list[Finding] = []
    stepped: set[str] = set()
    for measure in uses.measures if time else ():
        topic = f"The course of {table}.{measure.name}"
        course: dict[str, Any] = {
            "table": table,
            "time": time,
            "measure": measure.name,
            "aggregate": measure.aggregate,
        }
        changes = await attempt(
            examination, change_points, topic, **course, in_steps=uses.steps is not None
        )
        if changes is not None:
            findings += judge_changes(dataset, time, measure, changes)
            stepped |= {measure.name} if is_stepped(changes) else set()
        if uses.steps is not None:
            continue
        seasons = await attempt(examination, seasonality, topic, **course)
        if seasons:
            findings += judge_season(dataset, time, measure, seasons)
    return findings, stepped


async def _spread(
    examination: Examination, profiled: TableProfile, uses: ColumnUses
) -> Sequence[Finding]:
    """Who carries the total, and where the averages differ."""
    table = profiled.table
    findings: list[Finding] = []
    added = next((each for each in uses.measures if each.aggregate == "total"), None)
    # How many things there are of a kind says little; how many events there were does.
    if uses.time or (uses.is_of_events and added is not None):
        shares = []
        # How many rows a thing has says little; what it brings in does.
        entities = () if added is None else uses.entities
        for column in dict.fromkeys((*entities, *uses.segments)):
            found = await attempt(
                examination,
                concentration,
                f"The spread over {table}.{column}",
                table=table,
                column=column,
                measure=None if added is None else added.name,
            )
            if found is not None:
                shares.append((column, found))
        findings += judge_concentration(table, added, shares)
    averaged = [measure for measure in uses.measures if measure.aggregate == "mean"]
    for measure in averaged[:MAX_COMPARED]:
        by_column = []
        for column in uses.segments:
            means = await attempt(
                examination,
                segments,
                f"{table}.{measure.name} by {column}",
                table=table,
                column=column,
                measure=measure.name,
                least_rows=least_rows(profiled),
            )
            by_column.append((column, means or ()))
        findings += judge_segments(profiled, measure, by_column)
    return findings


async def _losses(
    examination: Examination, profiled: TableProfile, uses: ColumnUses
) -> Sequence[Finding]:
    """Who brings in less than they cost."""
    result = result_of(profiled)
    if result is None:
        return []
    table = profiled.table
    found = []
    for column in dict.fromkeys((*uses.segments, *uses.entities)):
        losses = await attempt(
            examination,
            loss_makers,
            f"The results of {table} by {column}",
            table=table,
            column=column,
            income=result.income,
            cost=result.cost,
        )
        if losses is not None:
            found.append((column, losses))
    return list(judge_losses(table, result, found))


async def _shifts(
    examination: Examination, dataset: PinnedDataset, uses: ColumnUses
) -> Sequence[Finding]:
    """Which segments drove a change, or whether only their mix has changed."""
    findings: list[Finding] = []
    if not uses.time:
        return findings
    for measure in uses.measures[:MAX_COMPARED]:
        found = []
        for column in uses.segments:
            shift = await attempt(
                examination,
                shift_by_segment,
                f"The change of {dataset.name}.{measure.name} by {column}",
                table=dataset.name,
                time=uses.time,
                measure=measure.name,
                column=column,
            )
            if shift is not None:
                found.append((column, shift))
        judge = judge_drivers if measure.aggregate == "total" else judge_mix
        findings += judge(dataset, uses.time, measure, found)
    return findings


BUSINESS_ANALYST: Final = Specialist(
    role=ROLE,
    title="Business analyst",
    tools=(
        profile,
        periods,
        trend,
        change_points,
        seasonality,
        concentration,
        segments,
        loss_makers,
        shift_by_segment,
        query_data,
    ),
    examine=examine,
    questions={"batch": QUESTIONS, "streaming": QUESTIONS},
    prompt=(
        "You are a business analyst. Say what the figures mean for somebody who has to decide: "
        "level, direction, dependence on few, differences between segments. Give each figure with "
        "its period and say which columns you took for measure, time and segment. Do not report "
        "sums of identifiers, codes or coordinates."
    ),
)
