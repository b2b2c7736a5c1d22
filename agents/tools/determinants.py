"""Which columns of a table determine which others, in all rows but a few.

*Bounded*: at most `MAX_DETERMINANTS` columns are tried against `MAX_DEPENDENTS` on a sample of
`SAMPLE_ROWS` rows; only what holds there is counted in all rows, in at most `MAX_COUNTED`
statements that group by two columns and spill to disk.

*Source*: approximate functional dependencies and their error g3: Kivinen & Mannila, "Approximate
inference of functional dependencies from relations" (1995).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.tools.column_names import words
from agents.tools.profile import ColumnProfile, TableProfile
from agents.tools.side_by_side import side_by_side

MIN_USUAL_ROWS: Final = 3
"""Rows in which a determinant must have its usual value for others to be exceptions."""

MAX_EXCEPTIONS: Final = 0.6
"""Exceptions, as a share of those that always guessing the most frequent value would have. Ours."""

MIN_REPEATED: Final = 3
MIN_REPEATED_SHARE: Final = 0.05
"""Rows in which one value has the same exception for it to be another rule and no slip, if that is
usual elsewhere or in such a share of the rows of the value. Ours."""

FEW_VALUES: Final = 20
"""Rows for each value from which on fractions are values to choose from, such as rates. Ours."""

MAX_TOP_SHARE: Final = 0.98
"""Share of one value from which on a column is as good as constant and depends on nothing."""

MIN_COVERED: Final = 0.2
"""Share of all rows that such determinants must have."""

MIN_COVERED_ROWS: Final = 30

MIN_GROUPS: Final = 5

MIN_UNLIKE_GROUPS: Final = 3
"""Values of a determinant with another usual value than the most frequent of all, where exceptions
are values that are usual elsewhere: of fewer, chance makes some. Ours."""

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


_SOURCE: Final = re.compile(
    r"(.* )?(source|src|provider|feed|website|site|publisher|crawler|quelle|fuente)( (name|id))?"
)
MIN_TOLD: Final = 0.98
"""Share of rows that a thing and a source must tell apart for each source to tell of it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a determinant's rows may disagree.

    In a share of `holds` of the rows of repeated determinants they must agree. What a share of
    `usual` of the rows of one of its values say is what is usual for it. Rows whose determinant has
    no usual value are at most a share of `unsettled` of all, and of `unsettled_unlike` of those
    without the most frequent value of the dependent column, which matters where that value stands
    nearly everywhere. Of the exceptions, a share of `repeated` may be another rule. Two values of
    the dependent column are at least `refined` times as likely to be equal as two of the
    determinant.
    """

    holds: float
    usual: float
    unsettled: float
    unsettled_unlike: float
    repeated: float
    refined: float


ONE_SOURCE: Final = Tolerance(
    holds=0.9, usual=0.75, unsettled=0.02, unsettled_unlike=0.1, repeated=0.3, refined=0.8
)
"""Mistakes are few in each group, differences that mean something are many in some. Ours."""

SEVERAL_SOURCES: Final = Tolerance(
    holds=0.5, usual=0.5, unsettled=0.6, unsettled_unlike=0.6, repeated=1.0, refined=0.3
)
"""Sources that tell of the same things differ much, copy from each other, and agree mostly. Ours.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A determinant and its dependent; `holds` in that share of the rows, with `exceptions`."""

    determinant: str
    dependent: str
    holds: float
    exceptions: int
    tolerance: Tolerance = ONE_SOURCE


async def held_dependencies(data: Datasets, profiled: TableProfile) -> Sequence[Candidate]:
    """The dependencies that hold with few exceptions or none: on a sample, then in all rows."""
    determinants = sorted(
        (column for column in profiled.columns if _may_determine(column, profiled.rows)),
        key=lambda column: column.repetition,
    )[:MAX_DETERMINANTS]
    dependents = [c for c in profiled.columns if may_depend(c, profiled.rows)][:MAX_DEPENDENTS]
    tolerances = [await _tolerance(data, profiled, determinant) for determinant in determinants]
    promising = await side_by_side(
        lambda item: _promising(data, profiled, *item, dependents),
        zip(determinants, tolerances, strict=True),
    )
    held: list[Candidate] = []
    for determinant, tolerance, others in zip(determinants, tolerances, promising, strict=True):
        counted = await side_by_side(
            partial(_counted, data, profiled.table, determinant, tolerance),
            others[: MAX_COUNTED - len(held)],
        )
        held += [candidate for candidate in counted if candidate is not None]
    return held


async def _tolerance(
    data: Datasets, profiled: TableProfile, determinant: ColumnProfile
) -> Tolerance:
    """Several sources, if a column of that name and the determinant together identify the rows."""
    for source in profiled.columns:
        if (
            source.name == determinant.name
            or not _SOURCE.fullmatch(words(source.name))
            or source.distinct * determinant.distinct < profiled.rows
            or source.distinct * MIN_REPEATED > profiled.rows
        ):
            continue
        names = f"{identifier(source.name)}, {identifier(determinant.name)}"
        ((told,),) = await data.query(
            f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM {identifier(profiled.table)})"
        )
        if told >= MIN_TOLD * profiled.rows:
            return SEVERAL_SOURCES
    return ONE_SOURCE


async def _promising(
    data: Datasets,
    profiled: TableProfile,
    determinant: ColumnProfile,
    tolerance: Tolerance,
    dependents: Sequence[ColumnProfile],
) -> Sequence[ColumnProfile]:
    """Which of the dependents it seems to determine, going by a sample.

    The sample keeps groups whole, unless they are so large that they show in any rows.
    """
    others = [c for c in dependents if _is_coarser(c, determinant, tolerance.refined)]
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
            SELECT place, sum(n) AS n, max(n) AS m, max(n) >= {tolerance.usual} * sum(n) AS settled
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
        and usual >= tolerance.holds * covered
        and (unsettled or 0) <= tolerance.unsettled * covered
    ]


async def _counted(
    data: Datasets,
    table: str,
    determinant: ColumnProfile,
    tolerance: Tolerance,
    dependent: ColumnProfile,
) -> Candidate | None:
    """The dependency with what all rows say of it, unless its exceptions are no mistakes."""
    ((covered, exceptions, repeated, unlike, unsettled, unlike_groups, usual),) = await data.query(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT {identifier(determinant.name)} AS k, {identifier(dependent.name)} AS v,
                count(*) AS n
            FROM {identifier(table)}
            WHERE {is_present(determinant)} AND {is_present(dependent)} GROUP BY ALL
        ),
        usual AS MATERIALIZED (
            SELECT k, arg_max(v, (n, v)) AS e, sum(n) AS whole,
                max(n) >= {tolerance.usual} * sum(n) AS is_settled
            FROM counted GROUP BY k HAVING max(n) >= {MIN_USUAL_ROWS}
        ),
        joined AS MATERIALIZED (
            SELECT counted.*, e, whole, is_settled FROM counted JOIN usual USING (k)
        ),
        top AS (SELECT arg_max(v, (n, v)) AS v FROM (SELECT v, sum(n) AS n FROM joined GROUP BY v))
        SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (v <> e), 0),
            coalesce(sum(n) FILTER (
                v <> e AND n >= {MIN_REPEATED}
                AND (n >= {MIN_REPEATED_SHARE} * whole OR v IN (SELECT e FROM usual))), 0),
            coalesce(sum(n) FILTER (v <> (SELECT v FROM top)), 0),
            coalesce(sum(n) FILTER (NOT is_settled), 0),
            (SELECT count(*) FROM usual WHERE is_settled AND e <> (SELECT v FROM top)),
            coalesce(sum(n) FILTER (v <> e AND v IN (SELECT e FROM usual)), 0)
        FROM joined
        """
    )
    if (
        not covered
        or (unlike_groups < MIN_UNLIKE_GROUPS and 2 * usual > exceptions)
        or exceptions > (1 - tolerance.holds) * covered
        or repeated > tolerance.repeated * exceptions
        or exceptions > MAX_EXCEPTIONS * unlike
        or unsettled > min(tolerance.unsettled * covered, tolerance.unsettled_unlike * unlike)
    ):
        return None
    return Candidate(
        determinant=determinant.name,
        dependent=dependent.name,
        holds=round(float(1 - exceptions / covered), 6),
        exceptions=int(exceptions),
        tolerance=tolerance,
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


def may_depend(column: ColumnProfile, rows: int) -> bool:
    """Whether its values can be what others determine: comparable, and not nearly constant."""
    present = rows - column.nulls
    return (
        (_is_comparable(column) or _is_chosen(column, present))
        and column.distinct >= 2
        and 2 * present >= rows
        and column.top[0].rows <= MAX_TOP_SHARE * present
    )


def may_determine_jointly(column: ColumnProfile, rows: int) -> bool:
    """Whether its values are so few that they say something only together with others."""
    return (
        _is_comparable(column)
        and column.distinct >= 2
        and column.distinct * FEW_VALUES <= rows
        and 2 * column.nulls <= rows
    )


def _is_coarser(column: ColumnProfile, determinant: ColumnProfile, refined: float) -> bool:
    """Whether the determinant tells rows apart at least as well, but for a few mistakes."""
    return column.name != determinant.name and column.repetition >= refined * determinant.repetition


def _is_chosen(column: ColumnProfile, present: int) -> bool:
    """Whether fractions are a few values to choose from rather than measured."""
    return column.kind == "number" and column.distinct * FEW_VALUES <= present


def _is_comparable(column: ColumnProfile) -> bool:
    """Whether equal values mean the same thing: no measure, no prose."""
    if column.kind == "text":
        return (column.longest or 0) <= MAX_LENGTH
    return column.type not in ("FLOAT", "DOUBLE")
