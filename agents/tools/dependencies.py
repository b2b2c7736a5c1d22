"""Columns that determine another one in all rows but a few, and the few.

*Bounded*: what is counted in all rows is bounded in `determinants`; at most `MAX_VOTERS` columns
are asked about one row.
"""

from collections.abc import Sequence
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.column_names import is_identifier_name
from agents.tools.determinants import (
    MIN_USUAL_ROWS,
    MIN_USUAL_SHARE,
    Candidate,
    held_dependencies,
    is_present,
)
from agents.tools.fresh_name import fresh_name
from agents.tools.masking import masked
from agents.tools.profile import TableProfile, profile

MIN_DEFENDING_ROWS: Final = 2
"""Rows in which a determinant must have a value to defend it against others."""

MAX_VOTERS: Final = 7
"""Determinants that are asked about one column, most reliable first."""

MIN_EXPLAINED: Final = 5
MIN_EXPLAINED_SHARE: Final = 0.8
"""Rows with one value of another column, and their share, that must be exceptions for that value to
mean another rule. Ours."""

MAX_EXPLAINING: Final = 50
"""Values of a column that can explain exceptions."""

MAX_EXPLAINING_COLUMNS: Final = 12

MAX_EXAMPLES: Final = 5


class Determinant(Part):
    """A column whose values go with one value of another; `holds` in that share of its rows."""

    name: str
    holds: float


class Deviation(Part):
    """A value where another was to be `expected`, both masked, and in how many rows."""

    value: str
    expected: str
    rows: int


class Dependency(Part):
    """A column and what determines it, in all but `rows` of the `covered` ones.

    A row is an exception if more determinants expect another value than expect its own. `sql`
    selects the rows with the value that was to be expected.
    """

    name: str
    determinants: tuple[Determinant, ...]
    covered: int
    rows: int
    values: int
    examples: tuple[Deviation, ...]
    sql: str


@tool(permission="read_data", timeout=300.0)
async def dependencies(data: Datasets, table: str) -> tuple[Dependency, ...]:
    """Find columns that others determine in nearly every row, and the rows that break it."""
    profiled = await profile.function(data, table)
    held = await held_dependencies(data, profiled)
    by_dependent: dict[str, list[Candidate]] = {}
    for candidate in sorted(held, key=lambda each: (-each.holds, each.determinant)):
        by_dependent.setdefault(candidate.dependent, []).append(candidate)
    _leave_one_of_two(by_dependent, [column.name for column in profiled.columns])
    found = []
    for name, candidates in by_dependent.items():
        if not any(candidate.exceptions for candidate in candidates):
            continue
        dependency = await _exceptions(data, profiled, name, candidates[:MAX_VOTERS])
        if dependency is not None:
            found.append(dependency)
    return within_bounds(sorted(found, key=lambda each: (-each.rows, each.name)))


def _leave_one_of_two(by_dependent: dict[str, list[Candidate]], order: Sequence[str]) -> None:
    """Of two columns that only determine each other, drop the earlier as the dependent one.

    Which of the two is wrong cannot be known; it is told of the later one, since what identifies
    mostly stands first.
    """
    for name, candidates in list(by_dependent.items()):
        others = {candidate.determinant for candidate in candidates}
        for other in others if len(others) == 1 else ():
            back = {candidate.determinant for candidate in by_dependent.get(other, ())}
            if back == {name} and order.index(name) < order.index(other):
                del by_dependent[name]


async def _exceptions(
    data: Datasets, profiled: TableProfile, name: str, candidates: Sequence[Candidate]
) -> Dependency | None:
    """The rows whose value most determinants say should be another, counted in the whole table."""
    names = [each.determinant for each in candidates]
    sql = exceptions_sql(profiled, name, names)
    explained = await _explained(data, profiled, name, sql)
    if explained:
        sql = exceptions_sql(profiled, name, names, unless=explained)
    expected = identifier(_expected_name(profiled))
    ((rows, values, examples),) = await data.query(
        f"""
        WITH wrong AS (
            SELECT CAST({identifier(name)} AS VARCHAR) AS v, CAST({expected} AS VARCHAR) AS e,
                count(*) AS n
            FROM ({sql}) GROUP BY ALL
        )
        SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*),
            (SELECT list([v, e, CAST(n AS VARCHAR)] ORDER BY n DESC, v, e)
                FROM (FROM wrong ORDER BY n DESC, v, e LIMIT {MAX_EXAMPLES}))
        FROM wrong
        """
    )
    if not rows:
        return None
    return Dependency(
        name=name,
        determinants=tuple(
            Determinant(name=each.determinant, holds=each.holds) for each in candidates
        ),
        covered=profiled.rows - profiled.column(name).nulls,
        rows=rows,
        values=values,
        examples=tuple(
            Deviation(
                value=masked(value, column=name),
                expected=masked(other, column=name),
                rows=int(count),
            )
            for value, other, count in examples
        ),
        sql=sql,
    )


async def _explained(
    data: Datasets, profiled: TableProfile, name: str, sql: str
) -> Sequence[tuple[str, Sequence[str]]]:
    """Columns with values whose rows are nearly all exceptions: there, another rule holds."""
    few = [
        column.name
        for column in profiled.columns
        if column.name != name and 2 <= column.distinct <= MAX_EXPLAINING
    ]
    explained = []
    for other in few[:MAX_EXPLAINING_COLUMNS]:
        column = identifier(other)
        rows = await data.query(
            f"SELECT CAST(t.{column} AS VARCHAR) FROM {identifier(profiled.table)} AS t "
            f"LEFT JOIN (SELECT row_id FROM ({sql})) AS w ON w.row_id = t.row_id "
            f"WHERE t.{column} IS NOT NULL GROUP BY 1 HAVING count(w.row_id) >= {MIN_EXPLAINED} "
            f"AND count(w.row_id) >= {MIN_EXPLAINED_SHARE} * count(*) ORDER BY 1"
        )
        if rows:
            explained.append((column, [value for (value,) in rows]))
    return explained


def exceptions_sql(
    profiled: TableProfile,
    name: str,
    determinants: Sequence[str],
    *,
    unless: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """The rows whose value of `name` is not what most of the determinants expect, with that.

    Rows in which a column has one of the values in `unless` are left out.
    """
    column, view = identifier(name), identifier(profiled.table)
    expected = identifier(_expected_name(profiled))
    # Different things may share a name, so that alone does not say which number they have.
    least = 2 if is_identifier_name(name) else 1
    parts, joins, votes = [], [], []
    for number, determinant in enumerate(determinants):
        key = identifier(determinant)
        parts.append(
            f"u{number} AS (SELECT k, arg_max(v, (n, v)) AS e, max(n) AS m "
            f"FROM (SELECT {key} AS k, {column} AS v, count(*) AS n FROM {view} "
            f"WHERE {is_present(profiled.column(determinant))} "
            f"AND {is_present(profiled.column(name))} GROUP BY ALL) GROUP BY k "
            f"HAVING max(n) >= {MIN_DEFENDING_ROWS} AND max(n) >= {MIN_USUAL_SHARE} * sum(n))"
        )
        joins.append(f"LEFT JOIN u{number} ON u{number}.k = t.{key}")
        votes.append(
            f"CASE WHEN u{number}.e = t.{column} THEN -1 "
            f"WHEN u{number}.m >= {MIN_USUAL_ROWS} THEN 1 ELSE 0 END"
        )
    firsts = ", ".join(
        f"CASE WHEN u{number}.e <> t.{column} AND u{number}.m >= {MIN_USUAL_ROWS} "
        f"THEN u{number}.e END"
        for number in range(len(determinants))
    )
    left_out = "".join(
        f" AND coalesce(CAST(t.{other} AS VARCHAR) NOT IN ({literals(values)}), true)"
        for other, values in unless
    )
    return (
        f"WITH {', '.join(parts)} SELECT t.row_id, t.{column}, coalesce({firsts}) AS {expected} "
        f"FROM {view} AS t {' '.join(joins)} WHERE t.{column} IS NOT NULL "
        f"AND {' + '.join(votes)} >= {least}{left_out} ORDER BY t.row_id"
    )


def _expected_name(profiled: TableProfile) -> str:
    return fresh_name("expected", (column.name for column in profiled.columns))
