"""Examining what readers would ask of Parquet files: a range of time, one value, groups, a join."""

from collections.abc import Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.task import PinnedDataset
from agents.specialist import Examination
from agents.specialists.attempt import attempt, attempt_profile
from agents.specialists.performance.layout import WORTHWHILE
from agents.specialists.performance.query_costs import (
    MIN_GROUPS,
    MIN_JOINED,
    judge_filters,
    judge_grouping,
    judge_join,
)
from agents.specialists.performance.skew import LONGEST_KEY
from agents.tools.column_names import is_identifier_name
from agents.tools.file_layout import RowGroups
from agents.tools.filter_cost import Filter, filter_cost
from agents.tools.grouping_cost import grouping_cost
from agents.tools.join_cost import join_cost
from agents.tools.orphans import MIN_UNIQUE, names_go_together
from agents.tools.profile import ColumnProfile, TableProfile

QUERY_TOOLS: Final = (filter_cost, grouping_cost, join_cost)

MAX_REPETITION: Final = 0.05
"""Probability that two rows have the same value, up to which a filter on a category is narrow."""

MAX_CATEGORIES: Final = 1_000

TELLS_APART: Final = 0.9
"""Distinct values per row from which on a column is looked up, and not grouped by."""

MANY_KEYS: Final = 1_000_000
"""Values below which the groups of any engine fit into memory."""

MAX_JOINS: Final = 3


async def examine_queries(
    examination: Examination, dataset: PinnedDataset, groups: RowGroups
) -> Sequence[Finding]:
    """0..n findings about one table that is kept in so many row groups."""
    topic, table = f"What queries on {dataset.name} cost", dataset.name
    if groups.groups < MIN_GROUPS:
        return []
    profiled = await attempt_profile(examination, topic, table)
    if profiled is None:
        return []
    findings: list[Finding] = []
    costs = []
    for column, filter in _filters(profiled, groups):
        cost = await attempt(
            examination, filter_cost, topic, table=table, column=column, filter=filter
        )
        if cost is None:
            return []
        costs.append((column, cost))
    findings += judge_filters(table, costs)
    for column in _grouped_by(profiled):
        grouping = await attempt(examination, grouping_cost, topic, table=table, column=column)
        if grouping is not None:
            findings += judge_grouping(table, column, grouping)
    return [*findings, *await _joins(examination, profiled)]


async def _joins(examination: Examination, profiled: TableProfile) -> Sequence[Finding]:
    """The joins with the keys of other tables that columns are called after."""
    table, findings, left = profiled.table, list[Finding](), MAX_JOINS
    if profiled.rows < MIN_JOINED:
        return []
    for dataset in examination.task.records:
        if dataset.name == table or dataset.format != "parquet":
            continue
        topic = f"The join of {table} with {dataset.name}"
        other = await attempt_profile(examination, topic, dataset.name)
        for column, key in [] if other is None else _references(profiled, other):
            if not left:
                await examination.note(
                    f"Of the joins of {table}, only {MAX_JOINS} were carried out."
                )
                return findings
            left -= 1
            cost = await attempt(
                examination,
                join_cost,
                topic,
                table=table,
                column=column,
                other=dataset.name,
                key=key,
            )
            if cost is not None:
                rows = max(profiled.rows, dataset.rows)
                findings += judge_join(table, column, dataset.name, key, rows, cost)
    return findings


def _filters(profiled: TableProfile, groups: RowGroups) -> Sequence[tuple[str, Filter]]:
    """The narrow filters of a reader, that on time first; without time only of large files.

    Columns without statistics are left out: that they have none is told with the layout.
    """
    known = [each for each in profiled.columns if each.name not in groups.without_statistics]
    dated = [each.name for each in known if each.kind == "date" and each.distinct > 1]
    if not dated and groups.stored_bytes < WORTHWHILE:
        return []
    filters: list[tuple[str, Filter]] = [(name, "range") for name in dated[:1]]
    present = [each for each in known if _may_be_asked_for(each)]
    looked_up = [
        each for each in present if each.distinct >= TELLS_APART * (profiled.rows - each.nulls)
    ]
    looked_up.sort(key=lambda each: not is_identifier_name(each.name))
    classes = [
        each
        for each in present
        if 1 < each.distinct <= MAX_CATEGORIES and each.repetition <= MAX_REPETITION
    ]
    classes.sort(key=lambda each: each.repetition)
    return [*filters, *((each.name, "value") for each in (*looked_up[:1], *classes[:1]))]


def _grouped_by(profiled: TableProfile) -> Sequence[str]:
    """0 or 1 columns: the one with the most groups that are no single rows."""
    keys = [
        each
        for each in profiled.columns
        if _may_be_asked_for(each)
        and MANY_KEYS <= each.distinct < TELLS_APART * (profiled.rows - each.nulls)
    ]
    return [each.name for each in sorted(keys, key=lambda each: -each.distinct)[:1]]


def _references(profiled: TableProfile, other: TableProfile) -> Sequence[tuple[str, str]]:
    return [
        (column.name, key.name)
        for key in other.columns
        if key.distinct >= MIN_UNIQUE * (other.rows - key.nulls) and _may_be_asked_for(key)
        for column in profiled.columns
        if column.kind == key.kind and names_go_together(column.name, key.name, other.table)
    ]


def _may_be_asked_for(column: ColumnProfile) -> bool:
    """Whether it holds codes or whole numbers, and not prose or measures."""
    if column.kind == "text":
        return (column.longest or 0) <= LONGEST_KEY
    return column.kind == "number" and column.type not in ("FLOAT", "DOUBLE")
