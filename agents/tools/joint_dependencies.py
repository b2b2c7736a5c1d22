"""Pairs of columns that determine a third one only together, and the rows that break it.

*Bounded*: the pairs among `MAX_PARTS` columns of few values are tried on a sample of `SAMPLE_ROWS`
rows against `MAX_DEPENDENTS` columns; at most `MAX_COUNTED` are counted in all rows, and those
`MAX_FOUND` with the fewest exceptions told. What is left out is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from agents.dataset import Datasets, Row
from agents.datasets.sql import identifier, identifiers
from agents.domain.synthesis.wording import listed
from agents.tool import tool
from agents.tools.bounded import Portion
from agents.tools.dependencies import (
    Dependency,
    Determinant,
    dependency_of,
    expected_name,
    whole_name,
)
from agents.tools.determinants import (
    MIN_COVERED,
    MIN_REPEATED,
    MIN_REPEATED_SHARE,
    MIN_USUAL_ROWS,
    ONE_SOURCE,
    is_present,
    may_depend,
    may_determine_jointly,
)
from agents.tools.profile import ColumnProfile, TableProfile, profile
from agents.tools.side_by_side import side_by_side

MAX_PARTS: Final = 7
"""Columns of which pairs are made, those with fewest values first."""

MAX_DEPENDENTS: Final = 24
MAX_COUNTED: Final = 12
MAX_FOUND: Final = 5

SAMPLE_ROWS: Final = 10_000

MIN_GROUP: Final = 8
"""Rows for each pair of values, below which their agreement may be chance. Ours."""

MAX_GROUPS: Final = 2_000
MIN_GROUPS: Final = 4
"""Pairs of values."""

MAX_OF_ONE: Final = 0.25
"""Exceptions of the two, as a share of those of the better one alone: both must matter. Ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    first: str
    second: str
    dependent: str


@tool(permission="read_data", timeout=300.0)
async def joint_dependencies(data: Datasets, table: str) -> Portion[Dependency]:
    """Find columns that two others determine together in nearly every row, and the exceptions."""
    profiled = await profile.function(data, table)
    parts = sorted(
        (column for column in profiled.columns if may_determine_jointly(column, profiled.rows)),
        key=lambda column: column.distinct,
    )
    dependents = [column for column in profiled.columns if may_depend(column, profiled.rows)]
    pairs = _pairs(parts[:MAX_PARTS], profiled.rows)
    promising = await side_by_side(
        lambda pair: _promising(data, profiled, *pair, dependents[:MAX_DEPENDENTS]), pairs
    )
    rules = [rule for rules in promising for rule in rules]
    measured = await side_by_side(
        lambda rule: _exceptions(data, profiled, rule), rules[:MAX_COUNTED]
    )
    by_dependent: dict[str, Dependency] = {}
    for found in sorted(
        (dependency for dependency in measured if dependency is not None),
        key=lambda dependency: dependency.rows,
    ):
        by_dependent.setdefault(found.name, found)
    told = tuple(by_dependent.values())
    left_out = (
        ("pairs of columns", len(pairs), len(_pairs(parts, profiled.rows))),
        ("columns that they may determine", MAX_DEPENDENTS, len(dependents) if pairs else 0),
        ("rules that a sample suggests", MAX_COUNTED, len(rules)),
        ("broken rules to be told", MAX_FOUND, len(told)),
    )
    return Portion(found=told[:MAX_FOUND], unexamined=_unexamined(left_out))


def _pairs(
    parts: Sequence[ColumnProfile], rows: int
) -> Sequence[tuple[ColumnProfile, ColumnProfile]]:
    """The pairs with enough values for a rule, and enough rows for each."""
    return [
        (first, second)
        for first, second in combinations(parts, 2)
        if MIN_GROUPS <= first.distinct * second.distinct <= min(MAX_GROUPS, rows / MIN_GROUP)
    ]


def _unexamined(bounds: Sequence[tuple[str, int, int]]) -> str:
    """Such as "Only 21 of 45 pairs of columns were looked at …", from what, 21 and 45."""
    cut = [f"{most:,} of {there:,} {what}" for what, most, there in bounds if there > most]
    return f"Only {listed(cut)} were looked at, the likeliest first." if cut else ""


async def _promising(
    data: Datasets,
    profiled: TableProfile,
    first: ColumnProfile,
    second: ColumnProfile,
    dependents: Sequence[ColumnProfile],
) -> Sequence[_Rule]:
    """What both seem to determine and neither does alone, going by a sample of any rows."""
    others = [column for column in dependents if column.name not in (first.name, second.name)]
    if not others:
        return []
    least = MIN_COVERED * profiled.rows / -(-profiled.rows // SAMPLE_ROWS)
    held = {
        others[place]: wrong
        for place, groups, covered, wrong, unsettled in await _errors(
            data, profiled, (first, second), "a, b", others
        )
        if groups >= MIN_GROUPS
        and covered >= max(least, MIN_GROUP * groups)
        and wrong > 0
        and wrong <= (1 - ONE_SOURCE.holds) * covered
        and unsettled <= ONE_SOURCE.unsettled * covered
    }
    # Few pairs come so far; only of those it matters what each column says alone.
    for alone in ("a", "b"):
        columns = list(held)
        if columns:
            by_one = await _errors(data, profiled, (first, second), alone, columns)
            for place, _, _, wrong, _ in by_one:
                if held[columns[place]] > MAX_OF_ONE * wrong:
                    del held[columns[place]]
    return [_Rule(first=first.name, second=second.name, dependent=column.name) for column in held]


async def _errors(
    data: Datasets,
    profiled: TableProfile,
    pair: tuple[ColumnProfile, ColumnProfile],
    keys: str,
    others: Sequence[ColumnProfile],
) -> Sequence[Row]:
    """What of each other column does not agree with the usual value of each group, in a sample.

    The groups are those of `keys`: `a`, `b` or both, of the pair. For each place in `others`: the
    groups, their rows, those that do not agree, and those in groups without a usual value.
    """
    first, second = pair
    hashes = ", ".join(
        f"CASE WHEN {value} IS NOT NULL THEN hash({value}) END"
        for value in (identifier(column.name) for column in others)
    )
    every = -(-profiled.rows // SAMPLE_ROWS)
    return await data.query(
        f"""
        WITH sample AS (
            SELECT {identifier(first.name)} AS a, {identifier(second.name)} AS b,
                [{hashes}] AS hashes
            FROM {identifier(profiled.table)}
            WHERE hash(row_id) % {every} = 0 AND {is_present(first)} AND {is_present(second)}
        ),
        long AS (
            SELECT a, b, unnest(hashes) AS v, unnest(range({len(others)})) AS place FROM sample
        ),
        counted AS (
            SELECT {keys}, place, v, count(*) AS n FROM long WHERE v IS NOT NULL GROUP BY ALL
        ),
        grouped AS (
            SELECT place, sum(n) AS n, max(n) AS m FROM counted GROUP BY {keys}, place
            HAVING sum(n) >= {MIN_USUAL_ROWS}
        )
        SELECT place, count(*), sum(n), sum(n - m),
            coalesce(sum(n) FILTER (m < {ONE_SOURCE.usual} * n), 0)
        FROM grouped GROUP BY place ORDER BY place
        """
    )


async def _exceptions(data: Datasets, profiled: TableProfile, rule: _Rule) -> Dependency | None:
    """The rows whose value is not the usual one for both, counted in the whole table.

    None if too many of them are alike: that is another rule, and no slip.
    """
    keys = identifiers((rule.first, rule.second))
    value, view = identifier(rule.dependent), whole_name(profiled)
    present = " AND ".join(
        is_present(profiled.column(name)) for name in (rule.first, rule.second, rule.dependent)
    )
    expected = identifier(expected_name(profiled))
    sql = (
        f"WITH usual AS (SELECT {keys}, arg_max(v, (n, v)) AS e FROM (SELECT {keys}, {value} AS v, "
        f"count(*) AS n FROM {view} WHERE {present} GROUP BY ALL) GROUP BY {keys} "
        f"HAVING max(n) >= {MIN_USUAL_ROWS} AND max(n) >= {ONE_SOURCE.usual} * sum(n)) "
        f"SELECT t.row_id, t.{value}, usual.e AS {expected} FROM {view} AS t "
        f"JOIN usual USING ({keys}) WHERE t.{value} <> usual.e ORDER BY t.row_id"
    )
    found = await dependency_of(data, profiled, rule.dependent, [], sql, is_joint=True)
    if found is None or found.rows > (1 - ONE_SOURCE.holds) * found.covered:
        return None
    ((repeated,),) = await data.query(
        "SELECT coalesce(sum(n), 0) FROM (SELECT count(w.row_id) AS n, "
        f"sum(count(*)) OVER (PARTITION BY {keys}) AS whole FROM {view} AS t LEFT JOIN "
        f"(SELECT row_id FROM ({sql})) AS w USING (row_id) WHERE {present} "
        f"GROUP BY {keys}, {value}) "
        f"WHERE n >= {MIN_REPEATED} AND (n >= {MIN_REPEATED_SHARE} * whole OR n = {found.rows})"
    )
    if repeated > ONE_SOURCE.repeated * found.rows:
        return None
    holds = round(1 - found.rows / found.covered, 6)
    return found.model_copy(
        update={
            "determinants": tuple(
                Determinant(name=name, holds=holds) for name in (rule.first, rule.second)
            )
        }
    )
