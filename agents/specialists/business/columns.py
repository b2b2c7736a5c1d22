"""What the columns of a table are for: what is measured, when, and of what.

Only names and profiles are looked at. A number is a measure unless it tells things apart, places
them, dates them or encodes them; what is counted is added up, everything else is averaged.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agents.tools.column_names import is_identifier_name, personal_kind, words
from agents.tools.profile import ColumnProfile, TableProfile
from agents.tools.trend import Aggregate

MAX_MEASURES: Final = 3
MAX_SEGMENTS: Final = 4
MAX_ENTITIES: Final = 2
MIN_DISTINCT: Final = 10
"""Numbers with fewer different values are grades, flags or codes, unless they are money."""

SEGMENTS: Final = range(3, 61)
"""How many values a column has by which one breaks figures down."""

MIN_ENTITIES: Final = 20
MIN_ROWS_PER_ENTITY: Final = 3

LONGEST_SEGMENT: Final = 40
MAX_NULL_SHARE: Final = 0.5
MAX_REPETITION: Final = 0.9
"""Probability that two rows agree from which on a column says next to nothing."""

_MONEY: Final = re.compile(
    r"\b(revenues?|sales|turnover|amounts?|profits?|loss(es)?|costs?|expenses?|spend(ing)?|"
    r"paid|payments?|net income|budget|fees?|fares?|tax(es)?|discounts?|subtotal|proceeds)\b"
    r"|^((grand|order|invoice|bill|cart|basket|line) )?totals?$"
)
_PRICE: Final = re.compile(r"\b(prices?|salary|salaries|wages?|incomes?|margin|fare|cost per .*)\b")
"""What a person or a thing has, so that it is not added up."""

_AVERAGED: Final = re.compile(
    r"\b(delay|rate|ratio|score|rating|duration|latency|elapsed|temp|temperature|speed|"
    r"humidity|pressure|percent(age)?|pct|share|utili[sz]ation|load|value|level|average|"
    r"mean|avg|median|weight|height|width|length|size|area|distance|time|wait|yield)\b"
)
_RELATIVE: Final = re.compile(r"\bper\b")
_COUNTED: Final = re.compile(
    r"\b(quantity|qty|volume|count|number of|num of|[a-z]+s)\b(?<!ss)(?<!us)(?<!is)(?<!as)"
)
_NUMBERED: Final = re.compile(r"\b(quantity|qty|volume|count|number of|num of)\b")
"""Words that say by themselves that something is counted; a plural may name a stock as well."""

_NOMINAL: Final = re.compile(
    r"\b(lat|lon|lng|long|latitude|longitude|x|y|z|easting|northing|alt|altitude|elevation|tz|"
    r"time ?zone|offset|zip|postal|code|class|type|category|group|zone|flag|version|line|page|"
    r"channel|port|rank|order|priority|status|sequence|seq|row|index|serial|year|month|week|day|"
    r"weekday|hour|minute|second|quarter|dow|date|built|phone|score code|age|ages)\b"
)
MIN_SERIES_COLUMNS: Final = 2
"""What orders a series, and what it records."""

_YEARS: Final = range(1500, 2200)
_PARTS: Final = ("year", "month", "day")
_WHEN: Final = re.compile(r"\b(date|time|timestamp|at|on|day|when|created|ordered|occurred)\b")
_DATES_YEARS: Final = re.compile(r"(.* )?(year|yr|date|time|period|when)")
_OF_CLOCK: Final = re.compile(r"(.* )?(time|hour|clock)( of day)?")
_FRACTION: Final = re.compile(r"[+-]?[0-9]*[.,][0-9]+")
_MONTH: Final = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])")
_COUNTS_STEPS: Final = re.compile(
    r"time|t|step|tick|period|(time|step|tick|period) ?(index|idx|no|nr|number|id)"
)
_COUNTS_ROWS: Final = re.compile(
    r"index|idx|i|obs|observation|position|sequence|seq|no|nr|n|number|"
    r"(observation|obs|sample|sequence|row) ?(index|idx|no|nr|number|id)"
)
"""Numbers of rows, which are steps of a series only where the table is nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A column whose values are added up or averaged; `is_money` by its name."""

    name: str
    aggregate: Aggregate
    is_money: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUses:
    """What a table's columns are taken for; `time` is one column, or year, month and day.

    Without a time, `steps` may be a column that numbers the rows of a series. `segments` group the
    rows into a few kinds, `entities` into many things, such as customers.
    """

    measures: tuple[Measure, ...]
    time: tuple[str, ...]
    steps: str | None
    segments: tuple[str, ...]
    entities: tuple[str, ...]

    @property
    def is_of_events(self) -> bool:
        """Whether rows are something that happened or was paid, rather than things described."""
        return bool(self.time) or any(measure.is_money for measure in self.measures)

    @classmethod
    def of(cls, profile: TableProfile) -> "ColumnUses":
        """0..3 measures, the weightiest first; 0..4 segments, 0..2 entities, the coarsest first."""
        time = _time(profile)
        ranked = sorted(_measures(profile, time), key=lambda weighed: weighed[0])
        steps = None if time else _steps(profile)
        measures = tuple(measure for _, measure in ranked[:MAX_MEASURES])
        return cls(
            measures=measures or _only_number(profile, (*time, *filter(None, (steps,)))),
            time=time,
            steps=steps,
            segments=tuple(_segments(profile))[:MAX_SEGMENTS],
            entities=tuple(_entities(profile))[:MAX_ENTITIES],
        )


def _measures(profile: TableProfile, time: Sequence[str]) -> Iterator[tuple[int, Measure]]:
    """The measures with their weight, the lower the weightier.

    Where each instant has one row, a plural may be what there was at it, and is averaged; so are
    fractions, which nobody has counted.
    """
    is_series = _is_series(profile, time)
    for column in profile.columns:
        if column.kind != "number" or not _can_be_measured(profile, column):
            continue
        name = words(column.name)
        if _MONEY.search(name) and not _RELATIVE.search(name):
            yield 0, Measure(name=column.name, aggregate="total", is_money=True)
        elif _PRICE.search(name):
            yield 0, Measure(name=column.name, aggregate="mean", is_money=True)
        elif _AVERAGED.search(name) or _RELATIVE.search(name):
            yield 1, Measure(name=column.name, aggregate="mean")
        elif _COUNTED.search(name):
            is_counted = _NUMBERED.search(name) or (_is_whole(column) and not is_series)
            yield 1, Measure(name=column.name, aggregate="total" if is_counted else "mean")
        elif not _is_whole(column):
            yield 2, Measure(name=column.name, aggregate="mean")


def _is_series(profile: TableProfile, time: Sequence[str]) -> bool:
    return len(time) == 1 and _is_distinct(profile, profile.column(time[0]))


def _can_be_measured(profile: TableProfile, column: ColumnProfile) -> bool:
    name = words(column.name)
    is_money = _MONEY.search(name) is not None or _PRICE.search(name) is not None
    return (
        column.distinct >= (2 if is_money else MIN_DISTINCT)
        and column.nulls <= MAX_NULL_SHARE * profile.rows
        and not is_identifier_name(column.name)
        and personal_kind(column.name) is None
        and (
            is_money
            or not (
                _NOMINAL.search(name)
                or (_is_whole(column) and _is_key(profile, column))
                or _is_clock(column)
            )
        )
    )


def _is_whole(column: ColumnProfile) -> bool:
    shown = (column.minimum, column.maximum, *column.quantiles)
    return all(value is None or value.is_integer() for value in shown)


def _is_key(profile: TableProfile, column: ColumnProfile) -> bool:
    """Whether it numbers the rows."""
    span = (column.maximum or 0.0) - (column.minimum or 0.0) + 1
    return column.distinct == profile.rows - column.nulls and span <= 1.1 * profile.rows


def _is_clock(column: ColumnProfile) -> bool:
    """Whether it writes times of day as numbers, such as 1730."""
    is_named = _OF_CLOCK.fullmatch(words(column.name)) is not None
    shown = [value for value in (column.minimum, column.maximum, *column.quantiles) if value]
    return (
        _is_whole(column)
        and all(0 <= value <= 2400 and value % 100 < 60 for value in shown)
        and (column.maximum or 0.0) >= (1000 if is_named else 2000)
    )


def _time(profile: TableProfile) -> tuple[str, ...]:
    dated = [
        column
        for column in profile.columns
        if column.kind == "date" and column.nulls <= MAX_NULL_SHARE * profile.rows
    ]
    if dated:
        best = min(dated, key=lambda each: (_WHEN.search(words(each.name)) is None, each.nulls))
        return (best.name,)
    months = next((column for column in profile.columns if _is_months(profile, column)), None)
    if months is not None:
        return (months.name,)
    parts = {words(column.name): column for column in profile.columns if column.kind == "number"}
    year = parts.get("year")
    if year is not None and "month" in parts and _is_year(year):
        return tuple(parts[part].name for part in _PARTS if part in parts)
    return next(
        (
            (column.name,)
            for name, column in parts.items()
            if _DATES_YEARS.fullmatch(name) and _is_year(column) and _is_distinct(profile, column)
        ),
        (),
    )


def _steps(profile: TableProfile) -> str | None:
    return next(
        (
            column.name
            for column in profile.columns
            if column.kind == "number"
            and _numbers_steps(profile, words(column.name))
            and _is_whole(column)
            and _is_key(profile, column)
        ),
        None,
    )


def _numbers_steps(profile: TableProfile, name: str) -> bool:
    is_bare = len(profile.columns) == MIN_SERIES_COLUMNS
    return _COUNTS_STEPS.fullmatch(name) is not None or (
        is_bare and _COUNTS_ROWS.fullmatch(name) is not None
    )


def _only_number(profile: TableProfile, ordering: Sequence[str]) -> tuple[Measure, ...]:
    """What a series records, whatever its name: the one number beside what orders it."""
    numbers = [
        column
        for column in profile.columns
        if column.kind == "number" and column.name not in ordering
    ]
    if not ordering or len(numbers) != 1 or len(profile.columns) > len(ordering) + 1:
        return ()
    (column,) = numbers
    if (
        column.distinct < MIN_DISTINCT
        or column.nulls > MAX_NULL_SHARE * profile.rows
        or is_identifier_name(column.name)
        or personal_kind(column.name) is not None
        or (_is_whole(column) and _is_key(profile, column))
    ):
        return ()
    return (Measure(name=column.name, aggregate="mean"),)


def _is_months(profile: TableProfile, column: ColumnProfile) -> bool:
    """Whether it writes months as 2024-01."""
    return (
        column.kind == "text"
        and column.shortest == column.longest == 7
        and bool(column.top)
        and all(_MONTH.fullmatch(each.value) for each in column.top)
        and column.nulls <= MAX_NULL_SHARE * profile.rows
    )


def _is_distinct(profile: TableProfile, column: ColumnProfile) -> bool:
    return column.distinct >= profile.rows - column.nulls


def _is_year(column: ColumnProfile) -> bool:
    return (
        column.minimum is not None
        and column.maximum is not None
        and _is_whole(column)
        and int(column.minimum) in _YEARS
        and int(column.maximum) in _YEARS
    )


def _segments(profile: TableProfile) -> Sequence[str]:
    fit = [
        column
        for column in profile.columns
        if column.kind == "text"
        and column.distinct in SEGMENTS
        and (column.longest or 0) <= LONGEST_SEGMENT
        and column.repetition <= MAX_REPETITION
        and column.nulls <= MAX_NULL_SHARE * profile.rows
        and personal_kind(column.name) is None
        and not _is_of_figures(column)
    ]
    return [column.name for column in sorted(fit, key=lambda each: each.distinct)]


def _is_of_figures(column: ColumnProfile) -> bool:
    """Whether a text column holds measured numbers, of which some are no number."""
    return any(_FRACTION.fullmatch(each.value.strip()) for each in column.top)


def _entities(profile: TableProfile) -> Sequence[str]:
    fit = [
        column
        for column in profile.columns
        if column.kind in {"text", "number"}
        and is_identifier_name(column.name)
        and personal_kind(column.name) is None
        and MIN_ENTITIES <= column.distinct <= profile.rows / MIN_ROWS_PER_ENTITY
        and column.nulls <= MAX_NULL_SHARE * profile.rows
    ]
    return [column.name for column in sorted(fit, key=lambda each: each.distinct)]
