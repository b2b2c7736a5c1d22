"""Columns that determine another one in all rows but a few, and the few.

*Bounded*: what is counted in all rows is bounded in `determinants`; at most `MAX_VOTERS` columns
are asked about one row.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import is_identifier_name
from agents.tools.determinants import (
    MIN_USUAL_ROWS,
    ONE_SOURCE,
    Candidate,
    held_dependencies,
    is_present,
)
from agents.tools.fresh_name import fresh_name
from agents.tools.masking import masked
from agents.tools.profile import TableProfile, profile
from agents.tools.side_by_side import side_by_side

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

CLASS_ROWS: Final = 20
"""Rows for each number from which on it classes things rather than tells them apart. Ours."""

ALIKE: Final = 1.25
"""How much likelier two values of one column may be equal than of another that it is as fine as."""

MAX_WITNESSES: Final = 3
"""Columns that are asked which of two is right that contradict each other."""


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
    """A column and what determines it, each or jointly, in all but `rows` of the `covered` ones.

    A row is an exception if more determinants expect another value than expect its own. Of the
    exceptions, `odd_rows` have a value that stands nowhere else. `sql` selects them with the value
    that was to be expected.
    """

    name: str
    determinants: tuple[Determinant, ...]
    is_joint: bool = False
    covered: int
    rows: int
    values: int
    odd_rows: int = 0
    examples: tuple[Deviation, ...]
    sql: str


@tool(permission="read_data", timeout=300.0)
async def dependencies(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[Dependency, ...]:
    """Find columns that others determine in nearly every row, and the rows that break it.

    Only `columns` are looked at as determined, if any are named.
    """
    profiled = await profile.function(data, table)
    held = await held_dependencies(data, profiled)
    by_dependent: dict[str, list[Candidate]] = {}
    for candidate in sorted(held, key=lambda each: (-each.holds, each.determinant)):
        by_dependent.setdefault(candidate.dependent, []).append(candidate)
    witnesses = {name: _witnesses(profiled, name, by_dependent) for name in by_dependent}
    _leave_one_of_two(by_dependent, witnesses, [column.name for column in profiled.columns])
    broken = [
        (name, candidates[:MAX_VOTERS], witnesses[name])
        for name, candidates in by_dependent.items()
        if name in (columns or (name,)) and any(each.exceptions for each in candidates)
    ]
    measured = await side_by_side(lambda item: _exceptions(data, profiled, *item), broken)
    found = [dependency for dependency in measured if dependency is not None]
    return tuple(sorted(found, key=lambda each: (-each.rows, each.name)))


def _determinants(by_dependent: Mapping[str, Sequence[Candidate]], name: str) -> set[str]:
    return {candidate.determinant for candidate in by_dependent.get(name, ())}


def _witnesses(
    profiled: TableProfile, name: str, by_dependent: Mapping[str, Sequence[Candidate]]
) -> Sequence[str]:
    """Columns that this one determines, and so does one that could be determined by it as well.

    Where the two contradict each other, the one that agrees with a witness is right.
    """
    own = _determinants(by_dependent, name)
    repetition = profiled.column(name).repetition
    rivals = {each for each in own if repetition <= ALIKE * profiled.column(each).repetition}
    return [
        other
        for other in by_dependent
        if other not in own
        and name in (said := _determinants(by_dependent, other))
        and rivals & said
    ][:MAX_WITNESSES]


def _leave_one_of_two(
    by_dependent: dict[str, list[Candidate]],
    witnesses: Mapping[str, Sequence[str]],
    order: Sequence[str],
) -> None:
    """Of two columns that only determine each other, drop the earlier as the dependent one.

    Which of the two is wrong cannot be known without a witness; it is told of the later one, since
    what identifies mostly stands first.
    """
    for name in list(by_dependent):
        others = _determinants(by_dependent, name)
        for other in others if len(others) == 1 and not witnesses[name] else ():
            back = _determinants(by_dependent, other)
            if back == {name} and order.index(name) < order.index(other):
                del by_dependent[name]


async def _exceptions(
    data: Datasets,
    profiled: TableProfile,
    name: str,
    candidates: Sequence[Candidate],
    witnesses: Sequence[str],
) -> Dependency | None:
    """The rows whose value most determinants say should be another, counted in the whole table."""
    sql = exceptions_sql(profiled, name, candidates, witnesses)
    explained = await _explained(data, profiled, name, sql)
    if explained:
        sql = exceptions_sql(profiled, name, candidates, witnesses, unless=explained)
    return await dependency_of(
        data,
        profiled,
        name,
        [Determinant(name=each.determinant, holds=each.holds) for each in candidates],
        sql,
    )


async def dependency_of(
    data: Datasets,
    profiled: TableProfile,
    name: str,
    determinants: Sequence[Determinant],
    sql: str,
    *,
    is_joint: bool = False,
) -> Dependency | None:
    """The dependency whose exceptions `sql` selects; None if there are none."""
    expected = identifier(expected_name(profiled))
    ((rows, values, odd, examples),) = await data.query(
        f"""
        WITH wrong AS (
            SELECT CAST({identifier(name)} AS VARCHAR) AS v, CAST({expected} AS VARCHAR) AS e,
                count(*) AS n
            FROM ({sql}) GROUP BY ALL
        ),
        whole AS (
            SELECT CAST({identifier(name)} AS VARCHAR) AS v, count(*) AS n
            FROM {whole_name(profiled)} GROUP BY 1
        ),
        odd AS (
            SELECT sum(w.n) AS n FROM (SELECT v, sum(n) AS n FROM wrong GROUP BY v) AS w
            JOIN whole ON whole.v = w.v AND whole.n = w.n
        )
        SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*),
            CAST(coalesce((SELECT n FROM odd), 0) AS BIGINT),
            (SELECT list([v, e, CAST(n AS VARCHAR)] ORDER BY n DESC, v, e)
                FROM (FROM wrong ORDER BY n DESC, v, e LIMIT {MAX_EXAMPLES}))
        FROM wrong
        """
    )
    if not rows:
        return None
    return Dependency(
        name=name,
        determinants=tuple(determinants),
        is_joint=is_joint,
        covered=profiled.rows - profiled.column(name).nulls,
        rows=rows,
        values=values,
        odd_rows=odd,
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
            f"SELECT CAST(t.{column} AS VARCHAR) FROM {whole_name(profiled)} AS t "
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
    candidates: Sequence[Candidate],
    witnesses: Sequence[str] = (),
    *,
    unless: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    """The rows whose value of `name` is not what most of the determinants expect, with that.

    A witness that has the value which this one makes expect speaks for it. Rows in which a column
    has one of the values in `unless` are left out.
    """
    column, view = identifier(name), whole_name(profiled)
    expected = identifier(expected_name(profiled))
    # Different things may share a name, so that alone does not say which number they have.
    is_number = is_identifier_name(name) and (
        CLASS_ROWS * profiled.column(name).distinct > profiled.rows
    )
    least = 2 if is_number else 1
    parts, joins, votes = [], [], []
    for number, each in enumerate(candidates):
        parts.append(
            f"u{number} AS ({_usual(profiled, each.determinant, name, each.tolerance.usual)})"
        )
        joins.append(f"LEFT JOIN u{number} ON u{number}.k = t.{identifier(each.determinant)}")
        votes.append(
            f"CASE WHEN u{number}.e = t.{column} THEN -1 "
            f"WHEN u{number}.m >= {MIN_USUAL_ROWS} THEN 1 ELSE 0 END"
        )
    firsts = ", ".join(
        f"CASE WHEN u{number}.e <> t.{column} AND u{number}.m >= {MIN_USUAL_ROWS} "
        f"THEN u{number}.e END"
        for number in range(len(candidates))
    )
    agreeing = []
    for number, witness in enumerate(witnesses):
        parts.append(f"w{number} AS ({_usual(profiled, name, witness, ONE_SOURCE.usual)})")
        joins.append(f"LEFT JOIN w{number} ON w{number}.k = t.{column}")
        agreeing.append(
            f"coalesce(w{number}.m >= {MIN_USUAL_ROWS} AND w{number}.e = t.{identifier(witness)}, "
            "false)"
        )
    if agreeing:
        votes.append(f"CASE WHEN {' OR '.join(agreeing)} THEN -1 ELSE 0 END")
    left_out = "".join(
        f" AND coalesce(CAST(t.{other} AS VARCHAR) NOT IN ({literals(values)}), true)"
        for other, values in unless
    )
    return (
        f"WITH {', '.join(parts)} SELECT t.row_id, t.{column}, coalesce({firsts}) AS {expected} "
        f"FROM {view} AS t {' '.join(joins)} WHERE t.{column} IS NOT NULL "
        f"AND {' + '.join(votes)} >= {least}{left_out} ORDER BY t.row_id"
    )


def _usual(profiled: TableProfile, key: str, value: str, share: float) -> str:
    """For each `k` of the column `key` the usual `e` of the column `value`, and in `m` rows."""
    k, v = profiled.column(key), profiled.column(value)
    return (
        f"SELECT k, arg_max(v, (n, v)) AS e, max(n) AS m "
        f"FROM (SELECT {identifier(key)} AS k, {identifier(value)} AS v, count(*) AS n "
        f"FROM {whole_name(profiled)} WHERE {is_present(k)} AND {is_present(v)} "
        f"GROUP BY ALL) GROUP BY k "
        f"HAVING max(n) >= {MIN_DEFENDING_ROWS} AND max(n) >= {share} * sum(n)"
    )


def whole_name(profiled: TableProfile) -> str:
    """The table in a statement that may have parts of the same name."""
    return f"main.{identifier(profiled.table)}"


def expected_name(profiled: TableProfile) -> str:
    """What the column is called that says which value was to be expected."""
    return fresh_name("expected", (column.name for column in profiled.columns))
