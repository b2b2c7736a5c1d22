"""The performance analyst: what it costs to read, split and keep up with this data."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agents.domain.finding import Finding
from agents.domain.series.drawn import with_few_drawn
from agents.domain.task import PinnedDataset
from agents.specialist import Examination, Specialist
from agents.specialists.attempt import attempt, attempt_profile
from agents.specialists.business.columns import ColumnUses
from agents.specialists.performance import ROLE
from agents.specialists.performance.anomaly import judge_stretches
from agents.specialists.performance.brokers import (
    BROKER_TOOLS,
    examine_broker,
    note_what_is_missing,
)
from agents.specialists.performance.freshness import judge_freshness
from agents.specialists.performance.layout import judge_layout
from agents.specialists.performance.queries import QUERY_TOOLS, examine_queries
from agents.specialists.performance.service import judge_service
from agents.specialists.performance.skew import candidate_keys, judge_skew
from agents.specialists.performance.stream import (
    INTERVALS_PER_STRETCH,
    judge_lateness,
    judge_rate,
    judge_repeats,
    judge_timing,
)
from agents.specialists.performance.volume import judge_volume
from agents.tools.column_names import words
from agents.tools.duplicate_events import duplicate_events
from agents.tools.event_lateness import event_lateness
from agents.tools.event_rate import event_rate
from agents.tools.event_timing import event_timing
from agents.tools.file_layout import file_layout
from agents.tools.key_skew import key_skew
from agents.tools.periods import periods
from agents.tools.profile import TableProfile, profile
from agents.tools.query_data import query_data
from agents.tools.time_coverage import time_coverage
from agents.tools.unusual_stretches import unusual_stretches

ARRIVED: Final = re.compile(
    r"\b(arriv(al|ed)|received?|ingest(ed|ion)?|inserted|loaded|landed|stored|processed)\b"
)
"""Names of columns that say when an event came in."""

RECORDED: Final = 0.9
"""Share of the rows with an instant of their own, from which on a table records measures."""

SELDOM: Final = 43_200.0
"""Seconds between records past which they are of what happens in the world, such as prices or the
weather of a day, and not of a system whose limits one watches."""


async def examine(examination: Examination) -> Sequence[Finding]:
    """Files and keys of every table; of a stream, the flow of the first table's events.

    Of tables that a broker or Prometheus gave, only what they say of the system.
    """
    findings: list[Finding] = []
    for dataset in examination.task.datasets:
        if dataset.is_observation:
            findings += await examine_broker(examination, dataset)
    await note_what_is_missing(examination)
    for dataset in examination.task.records:
        findings += await _files(examination, dataset)
        findings += await _keys(examination, dataset.name)
        findings += await _volume(examination, dataset)
        findings += await _freshness(examination, dataset)
        findings += await _recorded(examination, dataset)
    first = examination.task.datasets[0]
    if examination.task.route.kind == "streaming" and not first.is_observation:
        findings += await _events(examination)
    return with_few_drawn(findings)


async def _files(examination: Examination, dataset: PinnedDataset) -> Sequence[Finding]:
    table = dataset.name
    layout = await attempt(examination, file_layout, f"The layout of {table}", table=table)
    if layout is None:
        return []
    findings = list(judge_layout(table, layout))
    if layout.row_groups is not None:
        findings += await examine_queries(examination, dataset, layout.row_groups)
    return findings


async def _keys(examination: Examination, table: str) -> Sequence[Finding]:
    if not examination.has(key_skew):
        return []
    await examination.progress(f"looking for skewed keys in {table}")
    profiled = await attempt_profile(examination, f"The keys of {table}", table)
    if profiled is None:
        return []
    tables = Counter(
        column.name for dataset in examination.task.records for column in dataset.columns
    )
    shared = frozenset(name for name, number in tables.items() if number > 1)
    skews = []
    for column in candidate_keys(profiled, shared):
        topic = f"The skew of {table}.{column}"
        skew = await attempt(examination, key_skew, topic, table=table, column=column)
        if skew is not None:
            skews.append((column, skew))
    return list(judge_skew(table, skews))


async def _volume(examination: Examination, dataset: PinnedDataset) -> Sequence[Finding]:
    if not examination.has(periods) or examination.task.route.kind == "streaming":
        return []
    topic = f"The volume of {dataset.name}"
    profiled = await attempt_profile(examination, topic, dataset.name)
    time = ColumnUses.of(profiled).time if profiled is not None else ()
    if not time:
        return []
    series = await attempt(examination, periods, topic, table=dataset.name, time=time)
    return [] if series is None else list(judge_volume(dataset, time, series))


async def _freshness(examination: Examination, dataset: PinnedDataset) -> Sequence[Finding]:
    if not examination.has(time_coverage):
        return []
    table, topic = dataset.name, f"How old {dataset.name} is"
    profiled = await attempt_profile(examination, topic, table)
    time = () if profiled is None else ColumnUses.of(profiled).time
    if not time:
        return []
    covered = await attempt(examination, time_coverage, topic, table=table)
    return [
        finding
        for column in (() if covered is None else covered.columns)
        if column.name in time
        for finding in judge_freshness(table, column, examination.task.requested_at)
    ]


async def _recorded(examination: Examination, dataset: PinnedDataset) -> Sequence[Finding]:
    """What the measures of a table did that is read off again and again."""
    if not examination.has(unusual_stretches):
        return []
    table = dataset.name
    topic = f"The recorded measures of {table}"
    profiled = await attempt_profile(examination, topic, table)
    uses = None if profiled is None else ColumnUses.of(profiled)
    if profiled is None or uses is None or not _is_recording(profiled, uses):
        return []
    (column,) = uses.time
    findings: list[Finding] = []
    for measure in uses.measures:
        found = await attempt(
            examination,
            unusual_stretches,
            f"The course of {table}.{measure.name}",
            table=table,
            column=column,
            measure=measure.name,
        )
        if found is not None:
            if found.unexamined:
                await examination.note(
                    f"The course of {table}.{measure.name} was not wholly examined: "
                    f"{found.unexamined}"
                )
            findings += judge_stretches(table, column, measure.name, found)
    return findings


def _is_recording(profiled: TableProfile, uses: ColumnUses) -> bool:
    if len(uses.time) != 1:
        return False
    column = profiled.column(uses.time[0])
    if column.kind != "date" or column.distinct < RECORDED * profiled.rows:
        return False
    try:
        first = datetime.fromisoformat(column.earliest or "")
        last = datetime.fromisoformat(column.latest or "")
    except ValueError:  # no date, an infinite one, or one before our era
        return False
    return (last - first).total_seconds() <= SELDOM * column.distinct


async def _events(examination: Examination) -> Sequence[Finding]:
    dataset, column = examination.task.datasets[0], examination.task.route.time_column
    table = dataset.name
    findings: list[Finding] = []
    profiled = await attempt_profile(examination, f"The outcomes in {table}", table)
    if profiled is not None:
        findings += judge_service(profiled)
    if column is None:
        await examination.note(
            f"{table} has no column that says when an event happened, so its flow is not known."
        )
        return findings
    await examination.progress(f"following the events of {table}")
    timing = await attempt(
        examination, event_timing, f"The timing of {table}", table=table, column=column
    )
    if timing is None:
        return findings
    findings += judge_timing(table, column, timing)
    repeated = await attempt(examination, duplicate_events, f"Repeats in {table}", table=table)
    if repeated is not None:
        names = tuple(each.name for each in dataset.columns)
        findings += judge_repeats(table, names, timing, repeated)
    findings += await _lateness(examination, profiled, table, column)
    width = timing.median_interval * INTERVALS_PER_STRETCH
    rate = await attempt(
        examination, event_rate, f"The rate of {table}", table=table, column=column, width=width
    )
    if rate is not None:
        findings += judge_rate(table, column, rate)
    return findings


async def _lateness(
    examination: Examination, profiled: TableProfile | None, table: str, column: str
) -> Sequence[Finding]:
    """How late events arrive, if the table has both instants."""
    dated = [each.name for each in profiled.columns if each.kind == "date"] if profiled else []
    arrived = next((name for name in dated if ARRIVED.search(words(name))), None)
    happened = next((name for name in (column, *dated) if name != arrived), None)
    if arrived is None or happened is None:
        return []
    lateness = await attempt(
        examination,
        event_lateness,
        f"The delay of the events of {table}",
        table=table,
        happened=happened,
        arrived=arrived,
    )
    return [] if lateness is None else list(judge_lateness(table, happened, arrived, lateness))


PERFORMANCE_ANALYST: Final = Specialist(
    role=ROLE,
    title="Performance analyst",
    tools=(
        profile,
        file_layout,
        *QUERY_TOOLS,
        key_skew,
        periods,
        time_coverage,
        unusual_stretches,
        event_timing,
        duplicate_events,
        event_lateness,
        event_rate,
        *BROKER_TOOLS,
        query_data,
    ),
    examine=examine,
    questions={
        "batch": (
            "Does the layout of the files make queries slower or dearer than they need to be?",
            "By which columns would work be split unevenly?",
        ),
        "streaming": (
            "Do events arrive steadily, in order and once?",
            "Do load, latency or errors leave their usual range?",
        ),
    },
    prompt=(
        "You are a performance analyst. Say what the measurements mean for whoever reads, splits "
        "or keeps up with this data: cost, waiting time, capacity. Name figures and the layout, "
        "key or rate that causes them. Do not repeat what is within its usual range."
    ),
)
