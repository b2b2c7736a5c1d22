"""Values of one column that may be the same thing written differently."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.profile import ColumnProfile, TableProfile, profile

Likeness: TypeAlias = Literal["case or spacing", "spelling", "longer form"]

MAX_DISTINCT: Final = 3_000
"""Distinct values past which a column is no list of categories."""

MAX_DISTINCT_SHARE: Final = 0.5
"""Distinct values per row past which it is none either."""

MIN_LENGTH: Final = 4
"""Letters of a value below which a difference of one says nothing."""

FREQUENT: Final = 5
"""Rows from which on a value may be the right spelling of another."""

RARER: Final = 5
"""How many times rarer than the right spelling a wrong one is at least."""

LETTERS_PER_EDIT: Final = 5
"""Letters of a text or word for each edit that is allowed in it."""

MIN_SHARED: Final = 3
"""Values of another column that both forms must share to be taken for one thing."""

MIN_DETERMINED: Final = 0.95
"""Share of rows in which that other column must determine this one."""

MAX_PAIRS: Final = 200
"""Of one column."""

_DIGITS: Final = re.compile(r"\d+")


class SimilarPair(Part):
    """`variant`, in fewer rows, may mean `value`.

    For a longer form, `witness` is the column whose values both forms share, `shared` how many.
    """

    variant: str
    variant_rows: int
    value: str
    value_rows: int
    likeness: Likeness
    witness: str | None = None
    shared: int = 0


class SimilarValues(Part):
    """Such pairs in one column, each variant once; `rows` are those with a variant."""

    name: str
    distinct: int
    rows: int
    pairs: tuple[SimilarPair, ...]


@tool(permission="read_data", timeout=300.0)
async def similar_values(data: Datasets, table: str) -> tuple[SimilarValues, ...]:
    """Find values that differ from a more frequent one of their column only in how it is written."""
    profiled = await profile.function(data, table)
    found = []
    for column in profiled.columns:
        if not _is_category(column, profiled.rows):
            continue
        counts = await _counts(data, table, column.name)
        pairs: dict[str, SimilarPair] = {}
        for pair in (
            *_same_letters(counts),
            *await _misspelt(data, table, column.name, counts),
            *await _longer_forms(data, profiled, column, counts),
        ):
            pairs.setdefault(pair.variant, pair)
        # What a variant is corrected to must not itself be a variant.
        kept = [pair for pair in pairs.values() if pair.value not in pairs]
        if kept:
            kept.sort(key=lambda pair: (-pair.variant_rows, pair.variant))
            found.append(
                SimilarValues(
                    name=column.name,
                    distinct=column.distinct,
                    rows=sum(pair.variant_rows for pair in kept),
                    pairs=tuple(kept[:MAX_PAIRS]),
                )
            )
    return tuple(found)


def _is_category(column: ColumnProfile, rows: int) -> bool:
    return (
        column.kind == "text"
        and 2 <= column.distinct <= MAX_DISTINCT
        and column.distinct <= MAX_DISTINCT_SHARE * (rows - column.nulls)
    )


async def _counts(data: Datasets, table: str, column: str) -> Mapping[str, int]:
    name = identifier(column)
    rows = await data.query(
        f"SELECT {name}, count(*) FROM {identifier(table)} "
        f"WHERE lower(trim({name})) NOT IN ({literals(sorted(MISSING_CODES))}) "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        limit=MAX_DISTINCT,
    )
    return dict(rows)


def _same_letters(counts: Mapping[str, int]) -> Iterable[SimilarPair]:
    """Values that are equal but for case, spacing and punctuation; counts are descending."""
    first: dict[str, str] = {}
    for value, rows in counts.items():
        folded = re.sub(r"[\s._,;:'\"-]+", " ", value.casefold()).strip()
        known = first.setdefault(folded, value)
        if known != value and folded:
            yield SimilarPair(
                variant=value,
                variant_rows=rows,
                value=known,
                value_rows=counts[known],
                likeness="case or spacing",
            )


async def _misspelt(
    data: Datasets, table: str, column: str, counts: Mapping[str, int]
) -> Iterable[SimilarPair]:
    """Rare values within a few edits of a frequent one, the nearest and then most frequent."""
    name = identifier(column)
    rows = await data.query(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT {name} AS v, count(*) AS n FROM {identifier(table)}
            WHERE length({name}) >= {MIN_LENGTH}
                AND lower(trim({name})) NOT IN ({literals(sorted(MISSING_CODES))})
                AND regexp_matches({name}, '\\p{{L}}')
            GROUP BY 1
        ),
        pairs AS (
            SELECT r.v AS variant, f.v AS value, f.n AS n,
                damerau_levenshtein(r.v, f.v) AS edits
            FROM counted r JOIN counted f ON f.n >= {FREQUENT} AND f.n >= {RARER} * r.n
                AND abs(length(r.v) - length(f.v)) <= 2
        )
        SELECT variant, arg_min(value, (edits, -n, value)), min(edits) FROM pairs
        WHERE edits <= greatest(1, length(variant) // {LETTERS_PER_EDIT})
        GROUP BY 1 ORDER BY 1
        """,
        limit=MAX_DISTINCT,
    )
    return [
        SimilarPair(
            variant=variant,
            variant_rows=counts[variant],
            value=value,
            value_rows=counts[value],
            likeness="spelling",
        )
        for variant, value, edits in rows
        if variant in counts and value in counts and _is_misspelling(variant, value, edits)
    ]


def _is_misspelling(variant: str, value: str, edits: int) -> bool:
    """Whether the edits are slips of letters: numbers agree, and no word is another altogether."""
    if _DIGITS.findall(variant) != _DIGITS.findall(value):
        return False
    ours, theirs = variant.split(), value.split()
    if len(ours) != len(theirs):
        return edits == 1
    changed = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    return all(_slips(a, b) <= max(1, len(b) // LETTERS_PER_EDIT) for a, b in changed)


def _slips(first: str, second: str) -> int:
    """Places at which two words differ, or the edits between words of different length."""
    if len(first) == len(second):
        return sum(a != b for a, b in zip(first, second, strict=True))
    return _edits(first, second)


def _edits(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for number, a in enumerate(first, start=1):
        before, row[0] = row[0], number
        for place, b in enumerate(second, start=1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (a != b)),
            )
    return row[-1]


async def _longer_forms(
    data: Datasets,
    profiled: TableProfile,
    column: ColumnProfile,
    counts: Mapping[str, int],
) -> Iterable[SimilarPair]:
    """Values that begin with all the words of another, and share its values in another column."""
    values = [value for value, rows in counts.items() if rows >= FREQUENT]
    candidates = [
        (short, long)
        for short in values
        for long in values
        if len(short) >= MIN_LENGTH and long.startswith(short + " ")
    ]
    found = []
    for short, long in candidates[:MAX_PAIRS]:
        witness = await _witness(data, profiled, column, short, long)
        if witness is not None:
            rarer, other = sorted((short, long), key=counts.__getitem__)
            found.append(
                SimilarPair(
                    variant=rarer,
                    variant_rows=counts[rarer],
                    value=other,
                    value_rows=counts[other],
                    likeness="longer form",
                    witness=witness[0],
                    shared=witness[1],
                )
            )
    return found


async def _witness(
    data: Datasets, profiled: TableProfile, column: ColumnProfile, short: str, long: str
) -> tuple[str, int] | None:
    """A column that otherwise determines this one, and how many of its values have both forms."""
    name = identifier(column.name)
    for other in profiled.columns:
        if other.kind != "text" or other.name == column.name:
            continue
        if not column.distinct < other.distinct <= MAX_DISTINCT_SHARE * profiled.rows:
            continue
        witness = identifier(other.name)
        ((shared, determined),) = await data.query(
            f"""
            WITH counted AS (
                SELECT {witness} AS w,
                    CASE WHEN {name} = {literal(long)} THEN {literal(short)} ELSE {name} END AS v,
                    count(*) AS n, count(DISTINCT {name}) AS forms
                FROM {identifier(profiled.table)}
                WHERE {witness} IS NOT NULL AND {name} IS NOT NULL GROUP BY ALL
            )
            SELECT sum(forms = 2), (SELECT sum(m) FROM (SELECT max(n) AS m FROM counted GROUP BY w))
                / sum(n) FROM counted
            """
        )
        if shared >= MIN_SHARED and determined >= MIN_DETERMINED:
            return other.name, int(shared)
    return None


def rows_with(pairs: Sequence[SimilarPair]) -> int:
    """How many rows have one of the variants."""
    return sum(pair.variant_rows for pair in pairs)
