"""Personal data, told by values and by the names of columns together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literal, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.column_names import PersonalKind, personal_kind
from agents.tools.masking import fully_masked
from agents.tools.personal_values import recognised
from agents.tools.profile import ColumnProfile, profile

SAMPLE_VALUES: Final = 500
"""Distinct values of a column that are looked at, chosen by hash."""

MIN_DIGITS: Final = 1e6
"""Numbers below it are too short to be personal, unless the column's name says so."""

LONG_TEXT: Final = 20
"""Characters from which on a text may have an e-mail address inside."""

INSIDE_EMAIL: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]{2,}"

_off_loop: Final = ThreadPoolExecutor(1, thread_name_prefix="convener-personal")


class PersonalColumn(Part):
    """What speaks for personal data in a column of `rows` values.

    `hint` is what its name says; `forms` is what share of a sample of its distinct values has
    which form; `emails_inside` is rows of longer text with an e-mail address.
    """

    name: str
    rows: int
    distinct: int
    sampled: int
    hint: PersonalKind | None
    forms: dict[str, float]
    emails_inside: int
    example: str


@tool(permission="read_data", timeout=300.0)
async def personal_data(data: Datasets, table: str) -> tuple[PersonalColumn, ...]:
    """Measure in each column what share of its values has the form of personal data."""
    profiled = await profile.function(data, table)
    found = []
    for column in profiled.columns:
        hint = personal_kind(column.name)
        if hint == "password" or not _may_be_personal(column, hint):
            continue
        name = identifier(column.name)
        rows = await data.query(
            f"""
            SELECT v FROM (
                SELECT DISTINCT trim(CAST({name} AS VARCHAR)) AS v FROM {identifier(table)}
                WHERE {name} IS NOT NULL
            )
            WHERE lower(v) NOT IN ({literals(sorted(MISSING_CODES))})
            ORDER BY hash(v), v LIMIT {SAMPLE_VALUES}
            """
        )
        values = [value for (value,) in rows]
        loop = asyncio.get_running_loop()
        forms = await loop.run_in_executor(_off_loop, partial(recognised, values, hint))
        inside = 0
        if column.kind == "text" and (column.longest or 0) >= LONG_TEXT and "email" not in forms:
            ((inside,),) = await data.query(
                f"SELECT count(*) FROM {identifier(table)} "
                f"WHERE regexp_matches({name}, {literal(INSIDE_EMAIL)})"
            )
        if hint is not None or forms or inside:
            found.append(
                PersonalColumn(
                    name=column.name,
                    rows=profiled.rows - column.nulls,
                    distinct=column.distinct,
                    sampled=len(values),
                    hint=hint,
                    forms=forms,
                    emails_inside=inside,
                    example=fully_masked(values[0]) if values else "",
                )
            )
    return within_bounds(found)


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
