"""Rows that seem to describe the same thing, written differently.

Two rows are compared if they share a rare value. What they agree in counts the more the rarer it
is, what they disagree in counts against them; they are the same if that outweighs how unlikely it
is that any two rows are.

*Bounded*: tables of at most `MAX_ROWS` rows and `MAX_COLUMNS` columns, with values that at most
`MAX_BLOCK` rows share: the number of comparisons grows with the rows, not with their square.

*Source*: Fellegi & Sunter, "A theory for record linkage" (1969), with the frequency of values as
the weight of agreement; blocking on several columns as in Christen, "Data Matching" (2012).
"""

from collections.abc import Sequence
from itertools import combinations
from math import log2
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import is_identifier_name, personal_kind
from agents.tools.dependencies import whole_name
from agents.tools.fresh_name import fresh_name
from agents.tools.profile import ColumnProfile, TableProfile, profile

MAX_ROWS: Final = 500_000
MAX_COLUMNS: Final = 24
"""Compared, those that tell most first."""

MAX_BLOCK: Final = 30
"""Rows with one value past which sharing it is no reason to compare them."""

MIN_ROWS: Final = 50

IDENTIFYING: Final = 0.2
"""Distinct values per row from which on a column tells things apart rather than classes them."""

MIN_IDENTIFYING: Final = 2
"""Such columns that a table must have, one of them of words."""

STRUCTURAL: Final = 0.35
"""Distinct values per row up to which a column that determines another does so by its nature, and
not because things are there twice."""

MIN_DETERMINED: Final = 0.85
"""Share of rows in which a column must determine another for the two to say the same."""

TOGETHER: Final = 0.5
"""Correlation of two numbers from which on they are no independent signs of one thing. Ours."""

SAMPLE_ROWS: Final = 10_000
"""Rows on which that is measured."""

MIN_BITS: Final = 0.3
"""Information in the agreement of a column, below which it is not compared."""

SIMILAR_WEIGHT: Final = 0.6
"""What a similar value counts, as a share of an equal one. Ours."""

DISAGREEMENT: Final = -4.0
"""What a value counts that is neither, in bits: in one of 16 pairs of the same thing. Ours."""

MARGIN: Final = 6.0
"""Bits by which agreement must outweigh chance over all pairs of rows: odds of 64 to 1. Ours."""

MAX_DISAGREEING: Final = 0.5
"""Share of the columns compared in which two rows of the same thing may disagree. Ours."""

MAX_ALIKE: Final = 0.8
"""Share of groups whose rows agree in all that identifies a thing, from which on that is how the
table is made. Ours."""

MAX_LENGTH: Final = 120
"""Characters of the longest value of a column that is compared."""

HOPS: Final = 4
"""How far the links of rows that are alike are followed."""


class NearDuplicates(Part):
    """`rows` stand for `groups` of things, the largest in `largest` rows; equal rows do not count.

    `columns` were compared; none if the table has too few that identify things, or if what is
    `unexamined`, in a sentence, is all of it. `sql` selects the rows with `same_as`, the lowest
    `row_id` of their group.
    """

    columns: tuple[str, ...] = ()
    rows: int = 0
    groups: int = 0
    largest: int = 0
    sql: str = ""
    unexamined: str = ""


@tool(permission="read_data", timeout=300.0)
async def near_duplicates(data: Datasets, table: str) -> NearDuplicates:
    """Find rows that seem to describe the same thing in different spellings."""
    profiled = await profile.function(data, table)
    if profiled.rows > MAX_ROWS:
        return NearDuplicates(
            unexamined=f"It has {profiled.rows:,} rows, and at most {MAX_ROWS:,} are compared."
        )
    if profiled.rows < MIN_ROWS:
        return NearDuplicates()
    columns = await _compared(data, profiled)
    if not _identify_things(columns, profiled.rows):
        return NearDuplicates()
    sql = _sql(profiled, columns)
    rows, groups, largest, alike = await _grouped(data, profiled, columns, sql)
    if alike >= MAX_ALIKE * groups:
        return NearDuplicates()
    return NearDuplicates(
        columns=tuple(column.name for column in columns),
        rows=rows,
        groups=groups,
        largest=largest,
        sql=sql,
    )


async def _compared(data: Datasets, profiled: TableProfile) -> Sequence[ColumnProfile]:
    """The columns that say something about what a row is, each in a way of its own."""
    telling = sorted(
        (column for column in profiled.columns if _is_telling(column, profiled.rows)),
        key=lambda column: (column.repetition, column.name),
    )[:MAX_COLUMNS]
    measures = await _measures(data, profiled, telling)
    telling = [column for column in telling if column not in measures]
    if not _identify_things(telling, profiled.rows):
        return []
    kept: list[ColumnProfile] = []
    for column in telling:
        finer = [other for other in kept if other.distinct <= STRUCTURAL * profiled.rows]
        if not await _is_determined(data, profiled.table, column, finer):
            kept.append(column)
    return [column for column in profiled.columns if column in kept]


async def _is_determined(
    data: Datasets, table: str, column: ColumnProfile, by: Sequence[ColumnProfile]
) -> bool:
    """Whether one of the others goes with one value of the column in nearly every row."""
    name = identifier(column.name)
    for other in by:
        key = identifier(other.name)
        ((rows, usual),) = await data.query(
            f"SELECT sum(n), sum(m) FROM (SELECT sum(n) AS n, max(n) AS m FROM (SELECT {key} AS k, "
            f"count(*) AS n FROM {identifier(table)} WHERE {key} IS NOT NULL AND {name} IS NOT NULL"
            f" GROUP BY {key}, {name}) GROUP BY k HAVING sum(n) > 1)"
        )
        if rows and usual >= MIN_DETERMINED * rows:
            return True
    return False


def _is_telling(column: ColumnProfile, rows: int) -> bool:
    present = rows - column.nulls
    if 2 * present < rows or column.distinct < 2 or _bits(column) < MIN_BITS:
        return False
    if column.kind == "text":
        longest = column.longest or 0
        # What is different in every row tells rows apart, and not things, unless it is prose.
        return longest <= MAX_LENGTH and column.distinct < present
    return column.kind in ("number", "date") and column.distinct < present


async def _measures(
    data: Datasets, profiled: TableProfile, columns: Sequence[ColumnProfile]
) -> Sequence[ColumnProfile]:
    """The numbers that go together, as power and weight do: what agrees in one agrees in others.

    Numbers that are identifiers by their name are none.
    """
    numbers = [column for column in columns if column.kind == "number"]
    pairs = list(combinations(numbers, 2))
    if not pairs:
        return []
    every = -(-profiled.rows // SAMPLE_ROWS)
    values = {column.name: f"CAST({identifier(column.name)} AS DOUBLE)" for column in numbers}
    correlations = [
        f"abs(corr({a}, {b}) FILTER (isfinite({a}) AND isfinite({b})))"
        for a, b in ((values[one.name], values[other.name]) for one, other in pairs)
    ]
    together = ", ".join(
        f"coalesce(isfinite({each}) AND {each} >= {TOGETHER}, false)" for each in correlations
    )
    (found,) = await data.query(
        f"SELECT {together} FROM {identifier(profiled.table)} WHERE hash(row_id) % {every} = 0"
    )
    related = {each.name for pair, goes in zip(pairs, found, strict=True) if goes for each in pair}
    return [column for column in numbers if column.name in related and not _names_things(column)]


def _names_things(column: ColumnProfile) -> bool:
    return is_identifier_name(column.name) or personal_kind(column.name) is not None


async def _grouped(
    data: Datasets, profiled: TableProfile, columns: Sequence[ColumnProfile], sql: str
) -> tuple[int, int, int, int]:
    """Rows, groups, the rows of the largest, and groups that agree in all that identifies a thing.

    Where most groups agree in that, a thing has several rows as an order has lines, and nothing is
    written twice.
    """
    same_as = identifier(_same_as(profiled))
    forms = ", ".join(
        f"lower(trim(CAST({identifier(column.name)} AS VARCHAR)))"
        for column in columns
        if _is_identifying(column, profiled.rows)
    )
    ((rows, groups, largest, alike),) = await data.query(
        "SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*), coalesce(max(n), 0), "
        "count(*) FILTER (forms = 1) FROM (SELECT count(*) AS n, "
        f"count(DISTINCT [{forms}]) AS forms FROM ({sql}) GROUP BY {same_as})"
    )
    return rows, groups, largest, alike


def _identify_things(columns: Sequence[ColumnProfile], rows: int) -> bool:
    identifying = [column for column in columns if _is_identifying(column, rows)]
    return len(identifying) >= MIN_IDENTIFYING and any(c.kind == "text" for c in identifying)


def _is_identifying(column: ColumnProfile, rows: int) -> bool:
    """Whether it tells things apart; a measure does not, however many values it has."""
    return column.type not in ("FLOAT", "DOUBLE") and column.distinct >= IDENTIFYING * (
        rows - column.nulls
    )


def _bits(column: ColumnProfile) -> float:
    return -log2(max(column.repetition, 1e-9))


def _sql(profiled: TableProfile, columns: Sequence[ColumnProfile]) -> str:
    view, rows = whole_name(profiled), profiled.rows
    values = ", ".join(
        f"nullif(lower(trim(CAST({identifier(column.name)} AS VARCHAR))), '') AS c{number}"
        for number, column in enumerate(columns)
    )
    whole = identifiers(column.name for column in profiled.columns)
    blocking = [n for n, column in enumerate(columns) if _is_identifying(column, rows)]
    long = " UNION ALL ".join(
        f"SELECT row_id, {number} AS place, c{number} AS v FROM compared "
        f"WHERE c{number} IS NOT NULL"
        for number in blocking
    )
    compared = [_comparison(number, column) for number, column in enumerate(columns)]
    least = round(log2(rows * (rows - 1) / 2) + MARGIN, 3)
    hops = ", ".join(
        f"hop{number} AS MATERIALIZED (SELECT here.row_id, least(any_value(here.least), "
        f"min(there.least)) AS least FROM hop{number - 1} AS here "
        "JOIN links ON links.i = here.row_id "
        f"JOIN hop{number - 1} AS there ON there.row_id = links.j GROUP BY here.row_id)"
        for number in range(1, HOPS + 1)
    )
    return (
        f"WITH compared AS MATERIALIZED (SELECT row_id, hash({whole}) AS whole, {values} "
        f"FROM {view}), long AS MATERIALIZED ({long}), "
        "rare AS (SELECT place, v FROM long GROUP BY ALL "
        f"HAVING count(*) BETWEEN 2 AND {MAX_BLOCK}), "
        "shared AS MATERIALIZED (SELECT long.* FROM long JOIN rare USING (place, v)), "
        "pairs AS (SELECT DISTINCT a.row_id AS i, b.row_id AS j FROM shared AS a "
        "JOIN shared AS b USING (place, v) WHERE a.row_id < b.row_id), "
        f"scored AS (SELECT i, j, [{', '.join(compared)}] AS bits FROM pairs "
        "JOIN compared AS a ON a.row_id = i JOIN compared AS b ON b.row_id = j "
        "WHERE a.whole <> b.whole), "
        "alike AS MATERIALIZED (SELECT i, j FROM scored "
        f"WHERE list_sum(bits) >= {least} AND len(list_filter(bits, lambda x: x < 0)) "
        f"<= {MAX_DISAGREEING} * len(list_filter(bits, lambda x: x <> 0))), "
        "links AS MATERIALIZED (SELECT i, j FROM alike UNION ALL SELECT j, i FROM alike), "
        "hop0 AS MATERIALIZED (SELECT DISTINCT i AS row_id, i AS least FROM links), "
        f"{hops} SELECT t.row_id, hop{HOPS}.least AS {identifier(_same_as(profiled))}, "
        f"{identifiers(column.name for column in columns)} FROM {view} AS t "
        f"JOIN hop{HOPS} ON hop{HOPS}.row_id = t.row_id ORDER BY 2, 1"
    )


def _comparison(number: int, column: ColumnProfile) -> str:
    """What the values of two rows say about whether they are the same thing, in bits."""
    bits = _bits(column)
    a, b = f"a.c{number}", f"b.c{number}"
    edits = f"damerau_levenshtein({a}, {b})"
    similar = f"{edits} <= greatest(1, length({a}) // 5)"
    if column.kind == "text":
        # Among words, a number is a thing of its own: two houses of a street are not one.
        numbers = [f"regexp_extract_all({value}, '[0-9]+')" for value in (a, b)]
        similar = (
            f"({similar} OR jaro_winkler_similarity({a}, {b}) >= 0.9) "
            f"AND (NOT contains({a}, ' ') OR {numbers[0]} = {numbers[1]})"
        )
    return (
        f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN 0 WHEN {a} = {b} THEN {bits:.3f} "
        f"WHEN {similar} THEN {bits * SIMILAR_WEIGHT:.3f} ELSE {DISAGREEMENT} END"
    )


def _same_as(profiled: TableProfile) -> str:
    return fresh_name("same_as", (column.name for column in profiled.columns))
