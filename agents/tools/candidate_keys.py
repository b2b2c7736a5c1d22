"""Columns that identify rows, or nearly do."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Final, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import is_identifier_name
from agents.tools.profile import ColumnProfile, TableProfile, profile
from agents.tools.repeated import repeated_rows
from agents.tools.side_by_side import side_by_side

MIN_UNIQUE: Final = 0.99
"""Share of rows that a key's values must tell apart for its duplicates to be exceptions."""

MAX_COLUMNS: Final = 4
"""In one combination."""

MAX_PARTS: Final = 12
"""Columns of which combinations are made."""

MAX_TRIED: Final = 300
"""Combinations that are tried on a sample, first those for which chance gives most duplicates."""

MAX_COUNTED: Final = 6
"""Combinations that are counted exactly, the most surprising first."""

SAMPLE_ROWS: Final = 3_000

MAX_LENGTH: Final = 64
"""Characters of the longest value of a column that can be part of a key."""

MAX_CHANCE: Final = 0.01
"""Duplicates of a key, as a share of those that independent columns would have by chance."""

MAX_CHANCE_NAMED: Final = 0.05
"""The same where every column is named as what identifies something. Ours."""

MIN_EXPECTED_SHARE: Final = 1 - MIN_UNIQUE
"""Pairs of equal rows that chance must give, per row, for their absence to say anything."""

MIN_EXPECTED: Final = 50.0
"""The same, in pairs, for small tables."""


Combination: TypeAlias = tuple[ColumnProfile, ...]


class NearKey(Part):
    """Columns that tell all rows but a few apart.

    `rows` share their values with another row, in `groups`; `expected` is how many pairs of equal
    rows there would be if the columns were independent, of a single column None. `is_named` says
    that all their names are those of what identifies something.
    """

    columns: tuple[str, ...]
    rows: int
    groups: int
    expected: float | None = None
    is_named: bool = True


class CandidateKeys(Part):
    """The columns that identify every row, alone or together, if any, and those that nearly do."""

    rows: int
    keys: tuple[tuple[str, ...], ...]
    near_keys: tuple[NearKey, ...]


@tool(permission="read_data", timeout=300.0)
async def candidate_keys(data: Datasets, table: str) -> CandidateKeys:
    """Find columns, alone and together, that identify rows with few or no exceptions."""
    profiled = await profile.function(data, table)
    keys: list[tuple[str, ...]] = [
        (c.name,) for c in profiled.columns if _is_unique(c, profiled.rows)
    ]
    near = []
    for column in profiled.columns:
        if _is_nearly_unique(column, profiled.rows):
            repeated = await repeated_rows(data, table, [column.name], with_nulls=False)
            near.append(NearKey(columns=(column.name,), rows=repeated.rows, groups=repeated.groups))
    if not near:
        exact, near = await _combined(data, table, profiled)
        keys += exact
    return CandidateKeys(rows=profiled.rows, keys=tuple(keys), near_keys=tuple(near))


async def _combined(
    data: Datasets, table: str, profiled: TableProfile
) -> tuple[list[tuple[str, ...]], list[NearKey]]:
    """Combinations that identify every row, and 0..1 that nearly does.

    That is the one whose duplicates fall the furthest short of what chance would give.
    """
    parts = [c for c in profiled.columns if _may_be_part(c, profiled.rows)]
    parts = sorted(parts, key=lambda column: column.repetition)[:MAX_PARTS]
    by_anchor: dict[Combination, list[Combination]] = defaultdict(list)
    for chosen in _plausible(parts, profiled.rows):
        by_anchor[chosen[:2]].append(chosen)
    estimated = await side_by_side(
        lambda item: _estimated(data, table, *item, profiled.rows), by_anchor.items()
    )
    promising = []
    for candidates, estimates in zip(by_anchor.values(), estimated, strict=True):
        for chosen, surplus in zip(candidates, estimates, strict=True):
            if _is_key_but_for(surplus, chosen, profiled.rows):
                expected = _expected(chosen, profiled.rows)
                promising.append((surplus / expected, -expected, chosen))
    exact: list[tuple[str, ...]] = []
    found: list[NearKey] = []
    counted = 0
    for _, _, chosen in sorted(promising, key=lambda item: item[:2]):
        names = [c.name for c in profiled.columns if c in chosen]
        if counted == MAX_COUNTED:
            break
        if any(set(key) <= set(names) for key in exact):
            continue
        counted += 1
        repeated = await repeated_rows(data, table, names, with_nulls=False)
        if not repeated.groups:
            exact.append(tuple(names))
            continue
        if _is_key_but_for(repeated.surplus, chosen, profiled.rows):
            expected = float(f"{_expected(chosen, profiled.rows):.4g}")
            found.append(
                NearKey(
                    columns=tuple(names),
                    rows=repeated.rows,
                    groups=repeated.groups,
                    expected=expected,
                    is_named=_is_named(chosen),
                )
            )
    found.sort(key=lambda key: (key.rows - key.groups) / (key.expected or 1.0))
    return exact, found[:1]


def _plausible(parts: Sequence[ColumnProfile], rows: int) -> list[Combination]:
    """Combinations that chance would leave with some duplicates, but far from all rows.

    The columns of each are in the order of how well they tell rows apart.
    """
    least = max(MIN_EXPECTED, MIN_EXPECTED_SHARE * rows)
    plausible = [
        (expected, chosen)
        for size in range(2, MAX_COLUMNS + 1)
        for chosen in combinations(parts, size)
        if least <= (expected := _expected(chosen, rows)) <= rows
    ]
    plausible.sort(key=lambda item: -item[0])
    return [chosen for _, chosen in plausible[:MAX_TRIED]]


def _is_key_but_for(surplus: int, chosen: Combination, rows: int) -> bool:
    """Whether so many rows too many are exceptions, rather than what chance leaves."""
    chance = MAX_CHANCE_NAMED if _is_named(chosen) else MAX_CHANCE
    return surplus <= min(chance * _expected(chosen, rows), (1 - MIN_UNIQUE) * rows)


def _is_named(chosen: Combination) -> bool:
    return all(is_identifier_name(column.name) for column in chosen)


def _expected(chosen: Combination, rows: int) -> float:
    return rows * (rows - 1) / 2 * prod(column.repetition for column in chosen)


async def _estimated(
    data: Datasets,
    table: str,
    anchor: Combination,
    candidates: Sequence[Combination],
    rows: int,
) -> list[int]:
    """Surplus rows of each combination, from all rows of a sample of what the anchor holds."""
    every = max(1, rows // SAMPLE_ROWS)
    sampled = f"hash({identifiers(column.name for column in anchor)}) % {every} = 0"
    # Lists of 3,000 hashes take far less memory than as many counts of distinct values.
    counts = ", ".join(
        f"count(*) - len(list_distinct(list(hash({identifiers(c.name for c in chosen)}))))"
        for chosen in candidates
    )
    ((sample, *surplus),) = await data.query(
        f"SELECT count(*), {counts} FROM {identifier(table)} WHERE {sampled}"
    )
    if 2 * sample * every < rows:
        return [rows] * len(candidates)  # the sample missed what there is most of
    return [number * every for number in surplus]


def _is_unique(column: ColumnProfile, rows: int) -> bool:
    return column.distinct == rows and _may_identify(column)


def _is_nearly_unique(column: ColumnProfile, rows: int) -> bool:
    present = rows - column.nulls
    return (
        MIN_UNIQUE * present <= column.distinct < present
        and _may_identify(column)
        and is_identifier_name(column.name)
    )


def _may_identify(column: ColumnProfile) -> bool:
    """Whether values of that type can be identifiers at all."""
    if column.kind == "text":
        return (column.longest or 0) <= MAX_LENGTH
    return column.kind == "number" and column.type not in ("FLOAT", "DOUBLE")


def _may_be_part(column: ColumnProfile, rows: int) -> bool:
    """A part of a key: a code, a number of something, a date; never a measure, hardly ever null."""
    if column.nulls > 0.001 * rows or column.distinct < 2 or column.distinct > 0.99 * rows:
        return False
    return column.kind == "date" or _may_identify(column)
