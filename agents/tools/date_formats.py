"""The ways in which the dates of a text column are written.

*Bounded*: one grouping of each text column that a sample shows to hold dates.
"""

from collections.abc import Sequence
from typing import Final

from agents.dataset import Datasets
from agents.datasets.date_forms import form_of, is_any_date
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked
from agents.tools.profile import ColumnProfile, TableProfile, chosen, profile

MIN_DATES: Final = 0.8
"""Share of values that must be dates in one form or another."""

SAMPLE_ROWS: Final = 2_000

AT_A_TIME: Final = 100
"""Columns looked at in one statement, so that its pattern is compiled once for all of them."""

LENGTHS: Final = range(6, 40)
"""Characters that a date can have."""


class DateForm(Part):
    """`rows` whose dates are written in that form of `date_forms`, and one of them, masked."""

    form: str
    rows: int
    example: str


class DateFormats(Part):
    """The forms of one column, most frequent first; `others` of its `rows` are no dates."""

    name: str
    rows: int
    others: int
    forms: tuple[DateForm, ...]


@tool(permission="read_data", timeout=300.0)
async def date_formats(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[DateFormats, ...]:
    """Tell in which ways the dates of text columns are written, where there are several."""
    profiled = await profile.function(data, table)
    texts = [column for column in chosen(profiled, columns) if _may_be_dates(column)]
    shares = [
        share
        for at in range(0, len(texts), AT_A_TIME)
        for share in await _shares_of_dates(data, profiled, texts[at : at + AT_A_TIME])
    ]
    found = []
    for column, share in zip(texts, shares, strict=True):
        if share < MIN_DATES:
            continue
        name = identifier(column.name)
        rows = await data.query(
            f"SELECT {form_of('v')} AS form, CAST(sum(n) AS BIGINT), arg_max(v, (n, v)) FROM "
            f"(SELECT {name} AS v, count(*) AS n FROM {identifier(table)} "
            f"WHERE {_is_present(name)} GROUP BY 1) GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        forms = [
            DateForm(form=form, rows=count, example=masked(example, column=column.name))
            for form, count, example in rows
            if form is not None
        ]
        total = sum(count for _, count, _ in rows)
        dated = sum(form.rows for form in forms)
        if len(forms) > 1 and dated >= MIN_DATES * total:
            found.append(
                DateFormats(name=column.name, rows=total, others=total - dated, forms=tuple(forms))
            )
    return tuple(found)


async def _shares_of_dates(
    data: Datasets, profiled: TableProfile, texts: Sequence[ColumnProfile]
) -> Sequence[float]:
    """For each column the share of dates in a sample of the rows."""
    names = ", ".join(identifier(column.name) for column in texts)
    sampled = await data.query(
        f"SELECT place, sum(n) FILTER ({is_any_date('v')}) / sum(n) FROM ("
        f"SELECT place, v, count(*) AS n FROM ("
        f"SELECT unnest([{names}]) AS v, unnest(range({len(texts)})) AS place "
        f"FROM {identifier(profiled.table)} "
        f"WHERE hash(row_id) % {-(-profiled.rows // SAMPLE_ROWS)} = 0) "
        f"WHERE {_is_present('v')} GROUP BY ALL) GROUP BY place"
    )
    shares: dict[int, float | None] = dict(sampled)
    return [shares.get(place) or 0.0 for place in range(len(texts))]


def _may_be_dates(column: ColumnProfile) -> bool:
    return (
        column.kind == "text"
        and column.distinct > 1
        and column.longest is not None
        and column.longest >= LENGTHS.start
        and (column.shortest or 0) < LENGTHS.stop
    )


def _is_present(name: str) -> str:
    return f"lower(trim({name})) NOT IN ({literals(sorted(MISSING_CODES))})"
