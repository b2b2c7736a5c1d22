"""Examining what brokers and Prometheus say of themselves."""

from collections.abc import Sequence
from typing import Final

from agents.datasets.location import split_table
from agents.domain.finding import Finding
from agents.domain.task import PinnedDataset
from agents.specialist import Examination
from agents.specialists.attempt import attempt
from agents.specialists.performance.anomaly import judge_stretches
from agents.specialists.performance.nodes import judge_nodes, judge_targets, judge_unroutable
from agents.specialists.performance.queues import BACKLOG, is_unclear, judge_queues
from agents.specialists.performance.stream import judge_timing
from agents.specialists.wording import counted, figure, listed
from agents.tools.broker_nodes import broker_nodes
from agents.tools.broker_queues import BrokerQueues, broker_queues
from agents.tools.broker_relations import shows
from agents.tools.broker_unroutable import broker_unroutable
from agents.tools.event_timing import event_timing
from agents.tools.scrape_targets import Scrapes, scrape_targets
from agents.tools.unusual_stretches import unusual_stretches

BROKER_TOOLS: Final = (broker_queues, broker_nodes, broker_unroutable, scrape_targets)

COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")
"""How the names of metrics end that only ever grow."""


async def examine_broker(examination: Examination, dataset: PinnedDataset) -> Sequence[Finding]:
    """0..n findings about one table or the series of one query."""
    table = dataset.name
    findings: list[Finding] = []
    if shows(dataset, "queues"):
        await examination.progress(f"looking at the queues in {table}")
        found = await attempt(examination, broker_queues, f"The queues in {table}", table=table)
        if found is not None:
            findings += judge_queues(dataset, found.queues)
            await _note_what_is_unclear(examination, table, found)
    if shows(dataset, "nodes"):
        nodes = await attempt(examination, broker_nodes, f"The nodes in {table}", table=table)
        findings += judge_nodes(dataset, nodes or ())
    if shows(dataset, "vhosts"):
        channels = _table_beside(examination, dataset, "channels")
        unroutable = await attempt(
            examination,
            broker_unroutable,
            f"What {table} had no queue for",
            table=table,
            channels=channels,
        )
        findings += judge_unroutable(dataset, unroutable or (), channels)
    if dataset.format == "prometheus":
        scrapes = await attempt(examination, scrape_targets, f"The targets in {table}", table=table)
        if scrapes is not None:
            findings += judge_targets(dataset, scrapes)
            findings += await _course(examination, dataset, scrapes)
    return findings


def _table_beside(examination: Examination, dataset: PinnedDataset, what: str) -> str:
    """The name of another table of the same broker, if it is examined too."""
    base, _ = split_table(dataset.location)
    beside = (base, what)
    return next(
        (
            each.name
            for each in examination.task.datasets
            if each.format == "rabbitmq" and split_table(each.location) == beside
        ),
        "",
    )


async def _note_what_is_unclear(examination: Examination, table: str, found: BrokerQueues) -> None:
    if unclear := [each.name for each in found.queues if is_unclear(each)]:
        await examination.note(
            f"{listed(unclear)} in {table} held over {figure(BACKLOG)} messages, but was not "
            "watched for a minute, so that may be a burst: give a query over a range, or switch "
            "the broker's statistics on."
        )
    if found.untold:
        await examination.note(
            f"The broker did not tell the length of {counted(found.untold, 'queue')} in {table}: "
            "its statistics are off, or it has only just started."
        )


async def note_what_is_missing(examination: Examination) -> None:
    """Say of which brokers only a part could be seen."""
    tables: dict[str, set[str]] = {}
    for dataset in examination.task.datasets:
        if dataset.format == "rabbitmq":
            base, table = split_table(dataset.location)
            tables.setdefault(base, set()).add(table)
    for base, seen in tables.items():
        if len(seen) > 1 and "nodes" not in seen:
            await examination.note(
                f"The user may not see the nodes of {base}, so alarms could not be examined: give "
                "it the tag monitoring."
            )


async def _course(
    examination: Examination, dataset: PinnedDataset, scrapes: Scrapes
) -> Sequence[Finding]:
    """What a series did that it had never done, if it is the only one."""
    table, metric = dataset.name, scrapes.only or ""
    if not scrapes.other_series:
        return []
    if scrapes.series > 1:
        await examination.note(
            f"The course of {counted(scrapes.other_series, 'series', 'series')} in {table} was not "
            "examined: ask for one at a time with ?query=…&range=…."
        )
        return []
    if metric.endswith(COUNTERS):
        await examination.note(
            f"{metric} is named like a counter, which only grows, so its course was not examined: "
            f"ask for its rate, as rate({metric}[5m])."
        )
        return []
    findings: list[Finding] = []
    topic = f"The course of {table}"
    timing = await attempt(examination, event_timing, topic, table=table, column="time")
    if timing is not None:
        findings += judge_timing(table, "time", timing)
    found = await attempt(
        examination, unusual_stretches, topic, table=table, column="time", measure="value"
    )
    if found is not None:
        if found.unexamined:
            await examination.note(f"{topic} was not wholly examined: {found.unexamined}")
        findings += judge_stretches(table, "time", "value", found)
    return findings
