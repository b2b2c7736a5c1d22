"""Which columns of a table determine which others, in all rows but a few.

*Bounded*: at most `MAX_DETERMINANTS` columns are tried against `MAX_DEPENDENTS` on a sample of
`SAMPLE_ROWS` rows; only what holds there is counted in all rows, in at most `MAX_COUNTED`
statements that group by two columns and spill to disk.

*Source*: approximate functional dependencies and their error g3: Kivinen & Mannila, "Approximate
inference of functional dependencies from relations" (1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.tools.profile import ColumnProfile, TableProfile

MIN_HOLDS: Final = 0.9
"""Share of the rows of repeated determinants that must agree."""

MIN_USUAL_ROWS: Final = 3
"""Rows in which a determinant must have its usual value for others to be exceptions."""

MIN_USUAL_SHARE: Final = 0.75
"""Share of the rows of a determinant's value from which on what they say is its usual value."""

MAX_UNSETTLED: Final = 0.02
"""Share of rows whose determinant has no usual value, past which it does not determine at all:
mistakes are few in each group, differences that mean something are many in some. Ours."""

MAX_UNSETTLED_UNLIKE: Final = 0.1
"""The same, as a share of the rows without the most frequent value of the dependent column, which
matters where that value stands nearly everywhere. Ours."""

MAX_EXCEPTIONS: Final = 0.6
"""Exceptions, as a share of those that always guessing the most frequent value would have. Ours."""

MIN_REPEATED: Final = 3
"""Rows in which one value has the same exception for it to be another rule and no slip."""

MAX_REPEATED: Final = 0.3
"""Share of exceptions that may be such. Ours."""

MAX_TOP_SHARE: Final = 0.98
"""Share of one value from which on a column is as good as constant and depends on nothing."""

MIN_REFINED: Final = 0.8
"""Times as likely two equal values of a dependent column are as of its determinant, at least."""

MIN_COVERED: Final = 0.2
"""Share of all rows that such determinants must have."""

MIN_COVERED_ROWS: Final = 30

MIN_GROUPS: Final = 5

MAX_DISTINCT: Final = 1_000_000
"""Values of a determinant, to bound memory."""

MAX_LENGTH: Final = 200
"""Characters of the longest value of a column that is compared."""

MAX_DETERMINANTS: Final = 24

MAX_DEPENDENTS: Final = 48

MAX_COUNTED: Final = 150
"""Dependencies that are counted in all rows."""

SAMPLE_ROWS: Final = 10_000

LARGE_GROUP: Final = 20
"""Rows of a sample for each value of a determinant from which on any rows will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A determinant and its dependent; `holds` in that share of the rows, with `exceptions`."""

    determinant: str
    dependent: str
    holds: float
    exceptions: int


async def held_dependencies(data: Datasets, profiled: TableProfile) -> Sequence[Candidate]:
    """The dependencies that hold with few exceptions or none: on a sample, then in all rows."""
    determinants = sorted(
        (column for column in profiled.columns if _may_determine(column, profiled.rows)),
        key=lambda column: column.repetition,
    )[:MAX_DETERMINANTS]
    dependents = [c for c in profiled.columns if _may_depend(c, profiled.rows)][:MAX_DEPENDENTS]
    held: list[Candidate] = []
    for determinant in determinants:
        others = [column for column in dependents if _is_coarser(column, determinant)]
        for other in await _promising(data, profiled, determinant, others):
            if len(held) < MAX_COUNTED:
                found = await _counted(data, profiled.table, determinant, other)
                if found is not None:
                    held.append(found)
    return held


async def _promising(
    data: Datasets,
    profiled: TableProfile,
    determinant: ColumnProfile,
    others: Sequence[ColumnProfile],
) -> Sequence[ColumnProfile]:
    """Which of the others it seems to determine, going by a sample.

    The sample keeps groups whole, unless they are so large that they show in any rows.
    """
    if not others:
        return []
    hashes = ", ".join(
        f"CASE WHEN {value} IS NOT NULL THEN hash({value}) END"
        for value in (identifier(column.name) for column in others)
    )
    name = identifier(determinant.name)
    every = -(-profiled.rows // SAMPLE_ROWS)
    sampled = "row_id" if determinant.distinct * LARGE_GROUP <= SAMPLE_ROWS else name
    measured = await data.query(
        f"""
        WITH sample AS (
            SELECT {name} AS k, [{hashes}] AS hashes FROM {identifier(profiled.table)}
            WHERE hash({sampled}) % {every} = 0 AND {is_present(determinant)}
        ),
        long AS (
            SELECT k, unnest(hashes) AS v, unnest(range({len(others)})) AS place FROM sample
        ),
        counted AS (
            SELECT k, place, v, count(*) AS n FROM long WHERE v IS NOT NULL GROUP BY ALL
        ),
        grouped AS (
            SELECT place, sum(n) AS n, max(n) AS m, max(n) >= {MIN_USUAL_SHARE} * sum(n) AS settled
            FROM counted GROUP BY k, place HAVING sum(n) >= {MIN_USUAL_ROWS}
        )
        SELECT place, count(*) FILTER (settled), sum(n), sum(m), sum(n) FILTER (NOT settled)
        FROM grouped GROUP BY place ORDER BY place
        """
    )
    least = max(MIN_COVERED_ROWS, MIN_COVERED * profiled.rows)
    return [
        others[place]
        for place, groups, covered, usual, unsettled in measured
        if groups >= MIN_GROUPS
        and covered * every >= least
        and usual >= MIN_HOLDS * covered
        and (unsettled or 0) <= MAX_UNSETTLED * covered
    ]


async def _counted(
    data: Datasets, table: str, determinant: ColumnProfile, dependent: ColumnProfile
) -> Candidate | None:
    """The dependency with what all rows say of it, unless its exceptions are no mistakes."""
    ((covered, exceptions, repeated, unlike, unsettled),) = await data.query(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT {identifier(determinant.name)} AS k, {identifier(dependent.name)} AS v,
                count(*) AS n
            FROM {identifier(table)}
            WHERE {is_present(determinant)} AND {is_present(dependent)} GROUP BY ALL
        ),
        usual AS MATERIALIZED (
            SELECT k, arg_max(v, (n, v)) AS e, max(n) >= {MIN_USUAL_SHARE} * sum(n) AS is_settled
            FROM counted GROUP BY k HAVING max(n) >= {MIN_USUAL_ROWS}
        ),
        joined AS MATERIALIZED (SELECT counted.*, e, is_settled FROM counted JOIN usual USING (k)),
        top AS (SELECT arg_max(v, (n, v)) AS v FROM (SELECT v, sum(n) AS n FROM joined GROUP BY v))
        SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (v <> e), 0),
            coalesce(sum(n) FILTER (v <> e AND n >= {MIN_REPEATED}), 0),
            coalesce(sum(n) FILTER (v <> (SELECT v FROM top)), 0),
            coalesce(sum(n) FILTER (NOT is_settled), 0)
        FROM joined
        """
    )
    if (
        not covered
        or exceptions > (1 - MIN_HOLDS) * covered
        or repeated > MAX_REPEATED * exceptions
        or exceptions > MAX_EXCEPTIONS * unlike
        or unsettled > min(MAX_UNSETTLED * covered, MAX_UNSETTLED_UNLIKE * unlike)
    ):
        return None
    return Candidate(
        determinant=determinant.name,
        dependent=dependent.name,
        holds=round(float(1 - exceptions / covered), 6),
        exceptions=int(exceptions),
    )


def is_present(column: ColumnProfile) -> str:
    """The SQL condition that a value is there, rather than null or a code for it."""
    name = identifier(column.name)
    if column.kind != "text":
        return f"{name} IS NOT NULL"
    return f"{name} IS NOT NULL AND lower(trim({name})) NOT IN ({literals(sorted(MISSING_CODES))})"


def _may_determine(column: ColumnProfile, rows: int) -> bool:
    return (
        _is_comparable(column)
        and MIN_GROUPS <= column.distinct <= min(MAX_DISTINCT, rows / 2)
        and column.nulls <= rows / 2
    )


def _may_depend(column: ColumnProfile, rows: int) -> bool:
    present = rows - column.nulls
    return (
        _is_comparable(column)
        and column.distinct >= 2
        and 2 * present >= rows
        and column.top[0].rows <= MAX_TOP_SHARE * present
    )


def _is_coarser(column: ColumnProfile, determinant: ColumnProfile) -> bool:
    """Whether the determinant tells rows apart at least as well, but for a few mistakes."""
    return (
        column.name != determinant.name
        and column.repetition >= MIN_REFINED * determinant.repetition
    )


def _is_comparable(column: ColumnProfile) -> bool:
    """Whether equal values mean the same thing: no measure, no prose."""
    if column.kind == "text":
        return (column.longest or 0) <= MAX_LENGTH
    return column.type not in ("FLOAT", "DOUBLE")
