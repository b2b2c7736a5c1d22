"""Judging columns whose dates are written in several ways."""

from collections.abc import Sequence
from typing import Final

from agents.datasets.date_forms import form_of
from agents.datasets.sql import identifier, literals
from agents.domain.finding import Evidence, Finding, Subject
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, listed
from agents.tools.date_formats import DateFormats
from agents.tools.profile import TableProfile

MIN_ROWS: Final = 20
"""Rows below which several ways of writing are chance."""

NOTABLE_RATE: Final = 0.01
"""Share of rows from which on exceptions are more than slips. Ours."""

CONFIDENCE: Final = 0.95
ORDER_CONFIDENCE: Final = 0.8
"""How sure it is that a date such as 25/3 beside 3/25 is written in another order, and not wrong.
"""


def judge_date_formats(profile: TableProfile, measured: Sequence[DateFormats]) -> list[Finding]:
    """0 or 1 finding for each column of dates."""
    return [
        finding
        for column in measured
        if column.rows >= MIN_ROWS and (finding := _finding(profile, column)) is not None
    ]


def _finding(profile: TableProfile, column: DateFormats) -> Finding | None:
    """The dates that are not written in the most frequent way, if there are any."""
    ways = _ways(column)
    if len(ways) < 2:
        return None
    (_, usual), *odd = sorted(ways.items(), key=lambda way: (-_rows(column, way[1]), way[0]))
    rows = sum(_rows(column, forms) for _, forms in odd)
    examples = {form.form: form.example for form in column.forms}
    ranked = [usual, *(forms for _, forms in odd)]
    shown = [f"{examples[forms[0]]} ({_rows(column, forms):,})" for forms in ranked]
    open_to_both = sum(each.rows for each in column.forms if each.form.startswith("either"))
    is_order_mixed = open_to_both > 0 and any(
        other.startswith("month") and way.startswith("day") and other[5] == way[3]
        for other in ways
        for way in ways
    )
    doubt = ""
    if is_order_mixed:
        doubt = (
            f"; day and month change places, and of {counted(open_to_both, 'date')} it cannot be "
            "told which is which"
        )
    name = identifier(column.name)
    accused = [form for forms in ranked[1:] for form in forms]
    return Finding(
        role=ROLE,
        title=f"{column.name} writes its dates in {len(ways)} ways: {listed(shown)}{doubt}.",
        severity="medium" if rows >= NOTABLE_RATE * column.rows else "low",
        category="unit_mix",
        subject=Subject(table=profile.table, column=column.name),
        key="dates",
        evidence=(
            Evidence(
                metric=f"dates of {column.name} not written in the most frequent way",
                value=rows,
                threshold=0,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {form_of(name)} IN ({literals(sorted(accused))})"
                ),
            ),
        ),
        rows=rows,
        recommendation=f"Write {column.name} as year-month-day everywhere, and load it as a date.",
        impact="The column is text that sorts wrongly, and whoever guesses swaps day and month.",
        effort="low",
        confidence=ORDER_CONFIDENCE if is_order_mixed else CONFIDENCE,
        reason=(
            "some dates can be read in two ways"
            if is_order_mixed
            else "each date can be read in one way only"
        ),
    )


def _ways(column: DateFormats) -> dict[str, list[str]]:
    """The forms that belong together: what may be either order goes with the one that is there."""
    ways: dict[str, list[str]] = {
        form.form: [form.form] for form in column.forms if not form.form.startswith("either")
    }
    for form in column.forms:
        if form.form.startswith("either"):
            ending = form.form.removeprefix("either")
            sign = ending[0]
            same = [
                way
                for way in ways
                if way in (f"day{sign}month{ending[3:]}", f"month{sign}day{ending[3:]}")
            ]
            best = max(same, key=lambda way: _rows(column, ways[way]), default=form.form)
            ways.setdefault(best, []).append(form.form)
    return ways


def _rows(column: DateFormats, forms: Sequence[str]) -> int:
    return sum(form.rows for form in column.forms if form.form in forms)
