"""Nulls: how many, in which columns, and which columns are null in the same rows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool

MAX_GROUPED_COLUMNS: Final = 120
"""Columns with nulls past which those with the fewest are not compared with others."""

MIN_AGREEMENT: Final = 0.5
"""How much of what two columns could differ in whether they are null, given how often each is, they
agree in at least (Cohen's kappa): columns that are null nearly everywhere are so together by
chance. Ours."""

MAX_COMBINATIONS: Final = 20_000
MAX_PATTERNS: Final = 12
"""Of a group, most frequent first."""

_BITS: Final = 60
"""Columns whose nulls are packed into one integer."""


class MissingColumn(Part):
    """A column with nulls; `codes` are the texts that stood for them in the file."""

    name: str
    rows: int
    codes: tuple[str, ...] = ()


class MissingPattern(Part):
    """In how many rows exactly these columns of a group are null, and no others of it."""

    columns: tuple[str, ...]
    rows: int


class MissingGroup(Part):
    """Columns that are null in nearly the same rows, and all the ways in which they are."""

    columns: tuple[str, ...]
    patterns: tuple[MissingPattern, ...]


class MissingValues(Part):
    """The nulls of a table, columns in its order."""

    rows: int
    columns: tuple[MissingColumn, ...]
    groups: tuple[MissingGroup, ...]


@tool(permission="read_data", timeout=300.0)
async def missing_values(data: Datasets, table: str, min_overlap: float = 0.8) -> MissingValues:
    """Count nulls per column, and find columns that are null in the same rows.

    Two columns belong together if the rows in which both are null are at least `min_overlap` of
    those in which either is.
    """
    pinned = data.table(table)
    counts = ", ".join(f"count(*) - count({identifier(c.name)})" for c in pinned.columns)
    ((*nulls,),) = await data.query(f"SELECT {counts} FROM {identifier(table)}")
    codes: dict[str, list[str]] = {}
    for name, value in await data.query(
        f'SELECT "column", value FROM reading.{identifier(table)} '
        "WHERE problem = 'missing code' ORDER BY rows DESC, value"
    ):
        codes.setdefault(name, []).append(value)
    columns = tuple(
        MissingColumn(name=column.name, rows=count, codes=tuple(codes.get(column.name, ())))
        for column, count in zip(pinned.columns, nulls, strict=True)
        if count
    )
    partial = [column for column in columns if column.rows < pinned.rows]
    partial = sorted(partial, key=lambda column: -column.rows)[:MAX_GROUPED_COLUMNS]
    names = [column.name for column in columns if column in partial]
    groups: tuple[MissingGroup, ...] = ()
    if len(names) > 1:
        found = await _combinations(data, table, names)
        groups = _groups(names, found, pinned.rows, min_overlap)
    return MissingValues(rows=pinned.rows, columns=columns, groups=groups)


async def _combinations(
    data: Datasets, table: str, names: Sequence[str]
) -> Counter[frozenset[int]]:
    """How many rows are null in exactly which of the columns, by their place in `names`."""
    packed = [
        " | ".join(
            f"(CAST({identifier(name)} IS NULL AS BIGINT) << {bit})"
            for bit, name in enumerate(names[start : start + _BITS])
        )
        for start in range(0, len(names), _BITS)
    ]
    rows = await data.query(
        f"SELECT {', '.join(packed)}, count(*) AS n FROM {identifier(table)} "
        "GROUP BY ALL ORDER BY ALL",
        limit=MAX_COMBINATIONS,
    )
    found: Counter[frozenset[int]] = Counter()
    for *words, count in rows:
        bits = sum(word << (_BITS * place) for place, word in enumerate(words))
        found[frozenset(n for n in range(len(names)) if bits >> n & 1)] += count
    return found


def _groups(
    names: Sequence[str],
    combinations_found: Counter[frozenset[int]],
    rows: int,
    min_overlap: float,
) -> tuple[MissingGroup, ...]:
    alone: Counter[int] = Counter()
    both: Counter[tuple[int, int]] = Counter()
    for missing, count in combinations_found.items():
        for column in missing:
            alone[column] += count
        for pair in combinations(sorted(missing), 2):
            both[pair] += count
    related = [
        (first, second)
        for (first, second), count in both.items()
        if count >= min_overlap * (alone[first] + alone[second] - count)
        and _agreement(rows, alone[first], alone[second], count) >= MIN_AGREEMENT
    ]
    groups = []
    for members in _components(len(names), related):
        patterns: Counter[frozenset[int]] = Counter()
        for missing, count in combinations_found.items():
            if missing & members:
                patterns[missing & members] += count
        ranked = sorted(patterns.items(), key=lambda item: (-item[1], sorted(item[0])))
        groups.append(
            MissingGroup(
                columns=tuple(names[n] for n in sorted(members)),
                patterns=tuple(
                    MissingPattern(columns=tuple(names[n] for n in sorted(missing)), rows=count)
                    for missing, count in ranked[:MAX_PATTERNS]
                ),
            )
        )
    return tuple(groups)


def _agreement(rows: int, first: int, second: int, both: int) -> float:
    """Cohen's kappa of being null, of two columns with nulls in some rows but not in all."""
    agreed = 1 - (first + second - 2 * both) / rows
    by_chance = (first * second + (rows - first) * (rows - second)) / rows**2
    return (agreed - by_chance) / (1 - by_chance)


def _components(count: int, pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """The sets of two or more that the pairs connect, ordered by their smallest member."""
    leader = list(range(count))

    def find(member: int) -> int:
        while leader[member] != member:
            member = leader[member]
        return member

    for first, second in pairs:
        low, high = sorted((find(first), find(second)))
        leader[high] = low
    sets: dict[int, set[int]] = {}
    for member in range(count):
        sets.setdefault(find(member), set()).add(member)
    return [frozenset(members) for members in sets.values() if len(members) > 1]
