"""Personal data, told by values and by the names of columns together."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import (
    PersonalKind,
    is_coordinate_name,
    is_organisation_name,
    personal_kind,
)
from agents.tools.inside_text import ANY_INSIDE, INSIDE, rows_with
from agents.tools.masking import fully_masked
from agents.tools.off_loop import off_loop
from agents.tools.personal_values import recognised, share_of
from agents.tools.profile import ColumnProfile, chosen, profile
from agents.tools.proper_names import is_organisation

SAMPLE_VALUES: Final = 500
"""Distinct values of a column that are looked at, chosen by hash."""

MANY_VALUES: Final = 100_000
"""Distinct values past which only those with small hashes are told apart, to bound memory."""

SPARE: Final = 20
"""How many times as many as are looked at those are: equal ones and codes do not count."""

MAX_SEARCHED: Final = 1_000
"""Characters from the start of a value in which its form is sought: nothing that is a personal
value as a whole is longer, and what stands further inside a text, SQL finds."""

MIN_DIGITS: Final = 1e6
"""Numbers below it are too short to be personal, unless the column's name says so."""

LONG_TEXT: Final = 20
"""Characters from which on a text may have personal data inside."""

MAX_INSIDE: Final = 20_000
"""Texts of one form in a column that are checked; if most pass, all further ones count."""

_WHOLE: Final = 0.5
"""Share of values of one form from which on the column holds no texts but such values."""

_FRACTION: Final = 3
"""Decimals of a degree that locate a house; fewer locate a district."""


class PersonalColumn(Part):
    """What speaks for personal data in a column of `rows` values.

    `hint` is what its name says; `forms` is what share of a sample of its distinct values has
    which form; `inside` is in how many rows of longer text something of which kind stands.
    `organisations` is the share that names an organisation, and `is_organisation` whether the
    column's name may mean one. `is_coordinate` says that it holds precise degrees.
    """

    name: str
    rows: int
    distinct: int
    sampled: int
    hint: PersonalKind | None
    forms: dict[str, float]
    inside: dict[PersonalKind, int] = Field(default_factory=dict)
    organisations: float = 0.0
    is_organisation: bool = False
    is_coordinate: bool = False
    example: str


@tool(permission="read_data", timeout=300.0)
async def personal_data(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[PersonalColumn, ...]:
    """Measure in each column what share of its values has the form of personal data."""
    profiled = await profile.function(data, table)
    found = []
    for column in chosen(profiled, columns):
        hint = personal_kind(column.name)
        is_coordinate = await _is_coordinate(data, table, column)
        may_be_personal = hint != "password" and _may_be_personal(column, hint)
        if not may_be_personal and not is_coordinate:
            continue
        values = await _sample(data, table, column) if may_be_personal else []
        if _are_measured(column, values):
            continue
        forms = await off_loop(recognised, values, hint)
        longest = (column.longest or 0) if column.kind == "text" else 0
        is_whole = max(forms.values(), default=0.0) >= _WHOLE and longest <= MAX_SEARCHED
        inside = {}
        if longest >= LONG_TEXT and not is_whole:
            inside = await _inside(data, table, column.name)
        organisations = round(await off_loop(share_of, values, is_organisation), 4)
        if hint is not None or forms or inside or organisations or is_coordinate:
            found.append(
                PersonalColumn(
                    name=column.name,
                    rows=profiled.rows - column.nulls,
                    distinct=column.distinct,
                    sampled=len(values),
                    hint=hint,
                    forms=forms,
                    inside=inside,
                    organisations=organisations,
                    is_organisation=is_organisation_name(column.name),
                    is_coordinate=is_coordinate,
                    example=fully_masked(values[0]) if values else "",
                )
            )
    return tuple(found)


async def _sample(data: Datasets, table: str, column: ColumnProfile) -> Sequence[str]:
    """The different values with the smallest hashes."""
    if column.distinct > MANY_VALUES:
        highest = 2**64 * SPARE * SAMPLE_VALUES // column.distinct
        values = await _of_small_hash(data, table, column.name, f"AND hash(v) <= {highest}")
        if len(values) == SAMPLE_VALUES:
            return values
    return await _of_small_hash(data, table, column.name)


async def _of_small_hash(data: Datasets, table: str, column: str, bound: str = "") -> Sequence[str]:
    rows = await data.query(
        f"""
        SELECT left(v, {MAX_SEARCHED}) FROM (
            SELECT DISTINCT v
            FROM (SELECT trim(CAST({identifier(column)} AS VARCHAR)) AS v FROM {identifier(table)})
            WHERE v IS NOT NULL {bound}
        )
        WHERE lower(v) NOT IN ({literals(sorted(MISSING_CODES))})
        ORDER BY hash(v), v LIMIT {SAMPLE_VALUES}
        """
    )
    return [value for (value,) in rows]


async def _inside(data: Datasets, table: str, column: str) -> dict[PersonalKind, int]:
    name, view = identifier(column), identifier(table)
    ((suspects,),) = await data.query(
        f"SELECT count(*) FROM {view} WHERE regexp_matches({name}, {literal(ANY_INSIDE)})"
    )
    if not suspects:
        return {}
    found: dict[PersonalKind, int] = {}
    for kind, inside in INSIDE.items():
        pattern = literal(inside.pattern)
        tokens = await data.query(
            f"SELECT row_id, unnest(regexp_extract_all({name}, {pattern})) FROM {view} "
            f"WHERE regexp_matches({name}, {pattern}) ORDER BY row_id LIMIT {MAX_INSIDE}"
        )
        rows = await off_loop(rows_with, kind, [(row, token) for row, token in tokens])
        if rows and len(tokens) == MAX_INSIDE:
            ((rows,),) = await data.query(
                f"SELECT count(*) FROM {view} WHERE regexp_matches({name}, {pattern})"
            )
        if rows:
            found[kind] = rows
    return found


async def _is_coordinate(data: Datasets, table: str, column: ColumnProfile) -> bool:
    """Whether half of the values are degrees precise enough to locate a house."""
    if column.kind != "number" or not is_coordinate_name(column.name) or column.minimum is None:
        return False
    if column.minimum < -180 or (column.maximum or 0) > 180:
        return False
    name = identifier(column.name)
    ((share,),) = await data.query(
        f"SELECT avg(CAST({name} <> round({name}, {_FRACTION - 1}) AS INTEGER)) "
        f"FROM {identifier(table)}"
    )
    return bool((share or 0.0) >= _WHOLE)


def _are_measured(column: ColumnProfile, values: Sequence[str]) -> bool:
    """Whether numbers that are personal by name have fractions, which identifiers never have."""
    fractions = sum(not value.endswith(".0") for value in values)
    return column.type in ("FLOAT", "DOUBLE") and fractions > _WHOLE * max(1, len(values))


def _may_be_personal(column: ColumnProfile, hint: PersonalKind | None) -> bool:
    if not column.distinct:
        return False
    if hint is not None or column.kind == "text":
        return column.kind != "boolean"
    return (
        column.kind == "number"
        and column.type not in ("FLOAT", "DOUBLE")
        and (column.maximum or 0) >= MIN_DIGITS
    )
