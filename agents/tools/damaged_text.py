"""Texts that a wrong encoding, a spreadsheet or a web page has damaged on their way.

*Bounded*: one pass over each text column, with searches for fixed texts before any pattern; the
values of columns of numbers are looked at only where the name says that they are postal codes.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import words
from agents.tools.fresh_name import fresh_name
from agents.tools.masking import masked
from agents.tools.profile import ColumnProfile, chosen, profile
from agents.tools.side_by_side import side_by_side

Damage: TypeAlias = Literal[
    "mojibake", "replaced", "exponent", "month", "overflow", "markup", "short"
]
"""`mojibake`: UTF-8 read as a single-byte encoding; `replaced`: characters lost for good;
`exponent` and `month`: codes that a spreadsheet took for a number or a date; `overflow`: what it
shows where a column is too narrow or a formula fails; `markup`: HTML entities; `short`: digits
whose leading zeros are gone."""

AT_A_TIME: Final = 25
"""Columns looked at in one statement."""

FEW_ROWS: Final = 20_000
"""Rows up to which that is faster than to look at the distinct values of each column."""

MIN_REPEATED: Final = 4
"""Rows for each value from which on it is not."""

MAX_CODE_SHARE: Final = 0.1
"""Share of values up to which what a spreadsheet makes of codes is damage, and not the rule."""

MIN_FULL_LENGTH: Final = 0.5
"""Share of codes of digits that must have the full length for shorter ones to lack zeros."""

MIN_WITH_ZERO: Final = 0.005
"""Share of them that must begin with a zero, to show that zeros belong to the code."""

_MOJIBAKE: Final = "(Ã[\u0080-\u00bf\u0152-\u02dc\u2013-\u2122]|Â[\u00a0-\u00bf]|â€[\u0080-\uffff])"
"""What the bytes of accented letters and typographic signs become, also in Windows-1252."""

_MONTHS: Final = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_ENTITY: Final = "&(amp|lt|gt|quot|apos|nbsp|#[0-9]{2,5});"

_ZIP: Final = re.compile(r"(.* )?zip( ?code)?( 5)?")
_ZIP_DIGITS: Final = 5


class DamagedColumn(Part):
    """A column in which `rows` are damaged in one way, with the SQL `condition` that selects them.

    `usual` is the length that codes of digits should have.
    """

    name: str
    damage: Damage
    rows: int
    values: int
    examples: tuple[str, ...]
    condition: str
    usual: int | None = None


@tool(permission="read_data", timeout=300.0)
async def damaged_text(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[DamagedColumn, ...]:
    """Find texts damaged by a wrong encoding, a spreadsheet, or a web page."""
    profiled = await profile.function(data, table)
    examined = chosen(profiled, columns)
    texts = [c for c in examined if c.kind == "text" and c.nulls < profiled.rows]
    repeated = [c for c in texts if c.distinct * MIN_REPEATED <= profiled.rows]
    single = [c for c in texts if c not in repeated]
    groups = [[column] for column in repeated]
    groups += [single[at : at + AT_A_TIME] for at in range(0, len(single), AT_A_TIME)]
    if profiled.rows <= FEW_ROWS:
        groups = [texts[at : at + AT_A_TIME] for at in range(0, len(texts), AT_A_TIME)]
    counted = await side_by_side(partial(_counts, data, table), groups)
    found = []
    for group, measured in zip(groups, counted, strict=True):
        for column, counts in zip(group, measured, strict=True):
            present = profiled.rows - column.nulls
            for (damage, condition), rows in zip(
                _conditions(column.name).items(), counts[:-1], strict=True
            ):
                is_of_codes = damage in ("exponent", "month")
                if rows and not (is_of_codes and rows > MAX_CODE_SHARE * present):
                    found.append(await _damaged(data, table, column, damage, condition))
            if counts[-1] >= MIN_FULL_LENGTH * present:
                found += await _short_texts(data, table, column, present)
    for column in examined:
        if column.kind == "number" and _ZIP.fullmatch(words(column.name)):
            found += await _short_numbers(data, table, column, profiled.rows - column.nulls)
    return tuple(found)


def _conditions(column: str) -> dict[Damage, str]:
    name = identifier(column)
    return {
        "mojibake": (
            f"(contains({name}, 'Ã') OR contains({name}, 'Â') OR contains({name}, 'â€')) "
            f"AND regexp_matches({name}, '{_MOJIBAKE}')"
        ),
        "replaced": f"contains({name}, '\ufffd') OR contains({name}, 'ï¿½')",
        "exponent": (
            f"contains({name}, 'E+') AND regexp_full_match({name}, '[0-9]([.,][0-9]+)?E[+][0-9]+')"
        ),
        "month": (
            f"contains({name}, '-') AND length({name}) <= 6 AND regexp_full_match(lower({name}), "
            f"'[0-9]{{1,2}}-{_MONTHS}|{_MONTHS}-[0-9]{{1,2}}')"
        ),
        "overflow": f"regexp_full_match({name}, '#{{4,}}|#NAME[?]|#NUM!')",
        "markup": f"contains({name}, '&') AND regexp_matches({name}, '{_ENTITY}')",
    }


async def _counts(
    data: Datasets, table: str, columns: Sequence[ColumnProfile]
) -> Sequence[Sequence[int]]:
    """For each column the rows that meet each condition, and those that hold only digits."""
    rows = identifier(fresh_name("rows", (column.name for column in columns)))
    counted = ", ".join(
        f"[{', '.join(f'coalesce(sum({rows}) FILTER ({each}), 0)' for each in conditions)}]"
        for column in columns
        for conditions in [
            [
                *_conditions(column.name).values(),
                f"regexp_full_match({identifier(column.name)}, '[0-9]{{1,20}}')",
            ]
        ]
    )
    names = identifiers(column.name for column in columns)
    source = f"(SELECT {names}, 1 FROM {identifier(table)})"
    if len(columns) == 1:
        source = f"(SELECT {names}, count(*) FROM {identifier(table)} GROUP BY 1)"
    (counts,) = await data.query(f"SELECT {counted} FROM {source} AS t({names}, {rows})")
    return counts


async def _short_numbers(
    data: Datasets, table: str, column: ColumnProfile, present: int
) -> list[DamagedColumn]:
    """0 or 1: postal codes read as numbers, of which some have lost their leading zero."""
    name = identifier(column.name)
    if column.type in ("FLOAT", "DOUBLE"):
        return []
    condition = f"{name} BETWEEN 501 AND 9999"
    ((full, short),) = await data.query(
        f"SELECT count(*) FILTER ({name} BETWEEN 10000 AND 99999), count(*) FILTER ({condition}) "
        f"FROM {identifier(table)}"
    )
    if not short or full + short < present or full < MIN_FULL_LENGTH * present:
        return []
    return [await _damaged(data, table, column, "short", condition, usual=_ZIP_DIGITS)]


async def _short_texts(
    data: Datasets, table: str, column: ColumnProfile, present: int
) -> list[DamagedColumn]:
    """0 or 1: codes of digits, of which some are shorter by the zero that others begin with."""
    name = identifier(column.name)
    rows = await data.query(
        f"SELECT length({name}), count(*), count(*) FILTER (starts_with({name}, '0')) "
        f"FROM {identifier(table)} WHERE regexp_full_match({name}, '[0-9]+') "
        "GROUP BY 1 ORDER BY 2 DESC, 1",
        limit=20,
    )
    length, full, with_zero = rows[0]
    shorter = sum(count for other, count, _ in rows if other == length - 1)
    if (
        not shorter
        or full < MIN_FULL_LENGTH * present
        or with_zero < max(1, MIN_WITH_ZERO * full)
        or shorter > MAX_CODE_SHARE * present
        or any(other < length and zeros for other, _, zeros in rows)
    ):
        return []
    condition = f"length({name}) = {length - 1} AND regexp_full_match({name}, '[1-9][0-9]*')"
    return [await _damaged(data, table, column, "short", condition, usual=length)]


async def _damaged(
    data: Datasets,
    table: str,
    column: ColumnProfile,
    damage: Damage,
    condition: str,
    *,
    usual: int | None = None,
) -> DamagedColumn:
    name = identifier(column.name)
    ((rows, values, examples),) = await data.query(
        f"WITH damaged AS (SELECT CAST({name} AS VARCHAR) AS v, count(*) AS n "
        f"FROM {identifier(table)} WHERE {condition} GROUP BY 1) "
        "SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*), "
        "(SELECT list(v ORDER BY n DESC, v) FROM (FROM damaged ORDER BY n DESC, v LIMIT 3)) "
        "FROM damaged"
    )
    return DamagedColumn(
        name=column.name,
        damage=damage,
        rows=rows,
        values=values,
        examples=tuple(masked(value, column=column.name) for value in examples or ()),
        condition=condition,
        usual=usual,
    )
