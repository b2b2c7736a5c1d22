"""Columns that refer to a key of another given table, and the values that it does not have.

*Bounded*: at most `MAX_REFERRING` columns are compared with at most `MAX_KEYS` keys each, those
whose names go with theirs before others, by their distinct values; only columns that refer to a key
are compared row by row. What is left out is said.

*Source*: inclusion dependencies; Rostin et al., "A machine learning approach to foreign key
discovery" (2009), of whose features the coverage, the column names and the key's uniqueness are
used here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.domain.synthesis.wording import listed, raised
from agents.tool import tool
from agents.tools.bounded import Portion
from agents.tools.column_names import words
from agents.tools.masking import masked
from agents.tools.profile import ColumnProfile, chosen, profile

MIN_UNIQUE: Final = 0.99
"""Share of rows that a key's values must tell apart."""

MIN_INCLUDED: Final = 0.9
"""Share of distinct values that a key must have for a column to refer to it by its values alone."""

MIN_INCLUDED_IF_NAMED: Final = 0.5
"""The same where the names say so, too."""

MIN_DISTINCT: Final = 3
MIN_DISTINCT_UNNAMED: Final = 10
"""Distinct values below which their being in a key may be chance."""

MAX_REFERRING: Final = 60
MAX_KEYS: Final = 40
MAX_EXAMPLES: Final = 4


class OrphanedReference(Part):
    """A column of which `rows` name one of `values` that `key` of `other` does not have.

    `included` is the share of its distinct values that the key has; `is_named` if the names of the
    columns go together. `condition` is the SQL that selects the rows.
    """

    column: str
    other: str
    key: str
    rows: int
    values: int
    included: float
    is_named: bool
    examples: tuple[str, ...]
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    table: str
    column: ColumnProfile


@tool(permission="read_data", timeout=300.0)
async def orphans(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> Portion[OrphanedReference]:
    """Find columns that refer to a key of another table, and their rows without a partner there."""
    if len(data.tables) < 2:
        return Portion()
    profiled = await profile.function(data, table)
    keys = []
    for other, pinned in data.tables.items():
        if other != table and not pinned.is_observation:
            described = await profile.function(data, other)
            keys += [
                _Key(table=other, column=column)
                for column in described.columns
                if _is_key(column, described.rows)
            ]
    referring = [each for each in chosen(profiled, columns) if _may_refer(each, profiled.rows)]
    found, cut = [], []
    for column in referring[:MAX_REFERRING]:
        fitting = _fitting(column, keys)
        if len(fitting) > MAX_KEYS:
            cut.append(column.name)
        reference = await _best(data, table, column, fitting[:MAX_KEYS])
        if reference is not None and reference.rows:
            found.append(reference)
    return Portion(found=tuple(found), unexamined=_unexamined(cut, referring[MAX_REFERRING:]))


def _fitting(column: ColumnProfile, keys: Sequence[_Key]) -> Sequence[_Key]:
    """The keys that the column may refer to, those that are named like it first."""
    named = [key for key in keys if key.column.kind == column.kind and _is_named(column, key)]
    if not _says_enough(column):
        return named
    return named + [
        key for key in keys if key.column.kind == column.kind and not _is_named(column, key)
    ]


def _is_named(column: ColumnProfile, key: _Key) -> bool:
    return names_go_together(column.name, key.column.name, key.table)


def _unexamined(cut: Sequence[str], skipped: Sequence[ColumnProfile]) -> str:
    parts = []
    if cut:
        parts.append(
            f"of the more than {MAX_KEYS} keys that {listed(cut)} could refer to, {MAX_KEYS} were "
            "compared"
        )
    if skipped:
        names = listed(column.name for column in skipped)
        parts.append(f"of the columns that could refer to another table, {names} were left out")
    return raised(f"{' and '.join(parts)}.") if parts else ""


async def _best(
    data: Datasets, table: str, column: ColumnProfile, keys: Sequence[_Key]
) -> OrphanedReference | None:
    """The key that the column refers to, named alike before others, then the most inclusive."""
    fitting = []
    for key in keys:
        is_named = _is_named(column, key)
        ((included, distinct),) = await data.query(
            f"SELECT count(k.v), count(*) FROM (SELECT DISTINCT {identifier(column.name)} AS v "
            f"FROM {identifier(table)} WHERE {_present(column)}) AS c LEFT JOIN "
            f"(SELECT DISTINCT {identifier(key.column.name)} AS v FROM {identifier(key.table)}) "
            "AS k ON k.v = c.v"
        )
        share = included / distinct if distinct else 0.0
        if share >= (MIN_INCLUDED_IF_NAMED if is_named else MIN_INCLUDED):
            fitting.append((is_named, share, key))
    if not fitting:
        return None
    is_named, share, key = max(fitting, key=lambda item: item[:2])
    return await _reference(data, table, column, key, share, is_named=is_named)


async def _reference(
    data: Datasets,
    table: str,
    column: ColumnProfile,
    key: _Key,
    included: float,
    *,
    is_named: bool,
) -> OrphanedReference:
    name, other = identifier(column.name), identifier(key.column.name)
    condition = (
        f"{_present(column)} AND {name} NOT IN "
        f"(SELECT {other} FROM {identifier(key.table)} WHERE {other} IS NOT NULL)"
    )
    ((rows, values, examples),) = await data.query(
        f"""
        WITH orphaned AS (
            SELECT CAST({name} AS VARCHAR) AS v, count(*) AS n FROM {identifier(table)}
            WHERE {condition} GROUP BY 1
        )
        SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*),
            (SELECT list([v, CAST(n AS VARCHAR)] ORDER BY n DESC, v)
                FROM (FROM orphaned ORDER BY n DESC, v LIMIT {MAX_EXAMPLES}))
        FROM orphaned
        """
    )
    return OrphanedReference(
        column=column.name,
        other=key.table,
        key=key.column.name,
        rows=rows,
        values=values,
        included=round(included, 6),
        is_named=is_named,
        examples=tuple(
            f"{masked(value, column=column.name)} ({int(count):,})"
            for value, count in examples or ()
        ),
        condition=condition,
    )


def names_go_together(column: str, key: str, table: str) -> bool:
    """Whether `column` is called as something that refers to `key` of `table` would be.

    >>> names_go_together("customerId", "id", "customers"), names_go_together("no", "id", "orders")
    (True, False)
    """
    spoken, target = words(column), words(key)
    thing = re.sub(r"(?<=[a-z])(ies|es|s)$", "", words(table))
    if spoken == target:
        return target not in ("id", "key", "code", "no", "name", "number")
    return bool(thing) and (
        spoken.startswith(thing) and spoken.endswith((target, " id", " key", " code", " no"))
    )


def _says_enough(column: ColumnProfile) -> bool:
    """Whether values alone can show what they refer to: words or codes, not just numbers."""
    return column.kind == "text" and column.distinct >= MIN_DISTINCT_UNNAMED


def _is_key(column: ColumnProfile, rows: int) -> bool:
    return (
        _may_link(column)
        and column.nulls <= (1 - MIN_UNIQUE) * rows
        and column.distinct >= max(MIN_DISTINCT, MIN_UNIQUE * (rows - column.nulls))
    )


def _may_refer(column: ColumnProfile, rows: int) -> bool:
    """Whether it can refer to another table; what is different in every row is a key itself."""
    return _may_link(column) and MIN_DISTINCT <= column.distinct < rows - column.nulls


def _may_link(column: ColumnProfile) -> bool:
    return column.kind == "text" or (
        column.kind == "number" and column.type not in ("FLOAT", "DOUBLE")
    )


def _present(column: ColumnProfile) -> str:
    name = identifier(column.name)
    if column.kind != "text":
        return f"{name} IS NOT NULL"
    codes = literals(sorted(MISSING_CODES))
    return f"{name} IS NOT NULL AND lower(trim({name})) NOT IN ({codes})"
