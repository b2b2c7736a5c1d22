"""Values of one column that may be the same thing written differently."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import md5
from typing import Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.masking import fully_masked
from agents.tools.profile import ColumnProfile, TableProfile, profile
from agents.tools.side_by_side import side_by_side
from agents.tools.spelling import LETTERS_PER_SLIP, folded, is_slip

Likeness: TypeAlias = Literal["case or spacing", "spelling", "longer form"]

MAX_DISTINCT: Final = 3_000
"""Distinct values past which a column is no list of categories."""

MAX_DISTINCT_SHARE: Final = 0.5
"""Distinct values per row past which it is none either."""

MIN_LENGTH: Final = 4
"""Letters of a value below which a difference of one says nothing."""

FREQUENT: Final = 5
"""Rows from which on a value may be the right spelling of another."""

RARER: Final = 10
"""How many times rarer than the right spelling a wrong one is at least."""

SYSTEMATIC: Final = 5
"""Misspellings in a column from which on less certain ones are believed, too."""

MIN_SHARED: Final = 3
"""Values of another column that both forms must share to be taken for one thing."""

MIN_DETERMINED: Final = 0.95
"""Share of rows in which that other column must determine this one."""

MAX_PAIRS: Final = 20
"""Shown of one column."""

MAX_VARIANTS: Final = 200
"""Of one column; the most frequent ones."""

MAX_VALUE_LENGTH: Final = 200
"""Characters past which a value is no category."""

MAX_LONGER_FORMS: Final = 50
"""Pairs of a column whose values in other columns are compared."""


class SimilarPair(Part):
    """`variant`, in fewer rows, may mean `value`; both are masked if the column is personal.

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
    """Such pairs in one column, each variant once, the most frequent `pairs` of `variants`.

    `rows` have a variant; `condition` is the SQL that selects them.
    """

    name: str
    distinct: int
    variants: int
    rows: int
    condition: str
    pairs: tuple[SimilarPair, ...]


@tool(permission="read_data", timeout=300.0)
async def similar_values(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[SimilarValues, ...]:
    """Find values that differ from a more frequent one of their column only in how it is written.

    Names of persons are left out: many differ by a letter.
    """
    profiled = await profile.function(data, table)
    categories = [
        column
        for column in profiled.columns
        if column.name in (columns or (column.name,)) and _is_category(column, profiled.rows)
    ]
    found = await side_by_side(lambda column: _found_in(data, profiled, column), categories)
    return tuple(values for values in found if values is not None)


async def _found_in(
    data: Datasets, profiled: TableProfile, column: ColumnProfile
) -> SimilarValues | None:
    counts = await _counts(data, profiled.table, column.name)
    pairs: dict[str, SimilarPair] = {}
    for pair in (
        *_same_letters(counts),
        *await _misspelt(data, profiled.table, column.name, counts),
        *await _longer_forms(data, profiled, column, counts),
    ):
        pairs.setdefault(pair.variant, pair)
    # What a variant is corrected to must not itself be a variant.
    kept = [pair for pair in pairs.values() if pair.value not in pairs]
    kept.sort(key=lambda pair: (-pair.variant_rows, pair.variant))
    return _similar(column, kept[:MAX_VARIANTS]) if kept else None


def _similar(column: ColumnProfile, pairs: Sequence[SimilarPair]) -> SimilarValues:
    name = identifier(column.name)
    variants = [pair.variant for pair in pairs]
    condition = f"{name} IN ({literals(variants)})"
    shown = pairs[:MAX_PAIRS]
    if personal_kind(column.name) is not None:
        digests = sorted(
            md5(value.encode(), usedforsecurity=False).hexdigest() for value in variants
        )
        condition = f"md5({name}) IN ({literals(digests)})"
        shown = [
            pair.model_copy(
                update={
                    "variant": fully_masked(pair.variant),
                    "value": fully_masked(pair.value),
                }
            )
            for pair in shown
        ]
    return SimilarValues(
        name=column.name,
        distinct=column.distinct,
        variants=len(pairs),
        rows=sum(pair.variant_rows for pair in pairs),
        condition=condition,
        pairs=tuple(shown),
    )


def _is_category(column: ColumnProfile, rows: int) -> bool:
    return (
        column.kind == "text"
        and personal_kind(column.name) != "person name"
        and 2 <= column.distinct <= MAX_DISTINCT
        and column.distinct <= MAX_DISTINCT_SHARE * (rows - column.nulls)
    )


async def _counts(data: Datasets, table: str, column: str) -> Mapping[str, int]:
    name = identifier(column)
    rows = await data.query(
        f"SELECT {name}, count(*) FROM {identifier(table)} "
        f"WHERE lower(trim({name})) NOT IN ({literals(sorted(MISSING_CODES))}) "
        f"AND length({name}) <= {MAX_VALUE_LENGTH} GROUP BY 1 ORDER BY 2 DESC, 1",
        limit=MAX_DISTINCT,
    )
    return dict(rows)


def _same_letters(counts: Mapping[str, int]) -> Iterable[SimilarPair]:
    """Values that are equal but for case, spacing and punctuation; counts are descending."""
    first: dict[str, str] = {}
    for value, rows in counts.items():
        letters = folded(value)
        known = first.setdefault(letters, value)
        if known != value and letters:
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
    if not counts or max(counts.values()) < max(FREQUENT, RARER * min(counts.values())):
        return []
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
        SELECT variant, arg_min(value, (edits, -n, value)) FROM pairs
        WHERE edits <= greatest(1, length(variant) // {LETTERS_PER_SLIP})
        GROUP BY 1 ORDER BY 1
        """,
        limit=MAX_DISTINCT,
    )
    known = [(variant, value) for variant, value in rows if variant in counts and value in counts]
    plain = sum(is_slip(variant, value) for variant, value in known)
    return [
        SimilarPair(
            variant=variant,
            variant_rows=counts[variant],
            value=value,
            value_rows=counts[value],
            likeness="spelling",
        )
        for variant, value in known
        if is_slip(variant, value, systematic=plain >= SYSTEMATIC)
    ]


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
    for short, long in candidates[:MAX_LONGER_FORMS]:
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
