"""Judging the ends of columns: values that cannot be, and numbers that stand for none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final, Literal, TypeAlias

from agents.datasets.sql import identifier, literal
from agents.domain.finding import Evidence, Finding, Spread, Subject
from agents.domain.series.spread import scale
from agents.specialists.data_quality.missing import ROLE
from agents.specialists.wording import counted, figure
from agents.tools.column_names import is_coordinate_name, is_identifier_name, words
from agents.tools.extremes import ColumnExtremes, EndValue
from agents.tools.masking import masked
from agents.tools.parts_of_time import PartOfTime, part_of_time
from agents.tools.profile import TableProfile

Side: TypeAlias = Literal["lowest", "highest"]

MIN_ROWS: Final = 50
MIN_DISTINCT: Final = 10
"""Below either, a column's range is not known well enough."""

MIN_DISTINCT_INTEGERS: Final = 50
"""Distinct whole numbers below which they may be codes, whose order means nothing. Ours."""

ISOLATION: Final = 5.0
"""How many times as far from the median as all other values an isolated one lies at least. Ours."""

PROPORTION: Final = 2.0
"""The same of logarithms, where all values are positive: of a quantity that grows by factors, such
as the size of towns, the largest is far off by nature. Ours."""

BEYOND_DOUBT: Final = 20.0
"""How many times as far a value is that nothing but a mistake explains. Ours."""

SENTINEL_ISOLATION: Final = 3.0
"""The same, for a value that is written in nines. Ours."""

MAX_TAIL: Final = 4.0
"""How far the other values reach past the 1 % or 99 % quantile, as a multiple of its distance from
the median; past that the column has a long tail, and its end proves nothing. Ours."""

MAX_SHARE: Final = 0.001
"""Share of rows up to which isolated values are mistakes; more is another kind of value. Ours."""

MAX_ROWS: Final = 3
"""The same, in rows, for small tables."""

MAX_SMALL_SHARE: Final = 0.01
"""And their share of the rows there, unless it is one row."""

MAX_WRONG_SHARE: Final = 0.1
"""Share of rows past which values that a quantity cannot have show that it is another: years of two
digits, an age in months, a measure less its mean. Ours."""

MAX_CODED_SHARE: Final = 0.5
"""The same where it is one negative number, which may stand for a missing value. Ours."""

MIN_SENTINEL_ROWS: Final = 3

FLOATING: Final = ("FLOAT", "DOUBLE")

SENTINEL_NUMBERS: Final = frozenset(
    {-9.0, -99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0}
)

SENTINEL_DATES: Final = (
    "0001-01-01",
    "1753-01-01",
    "1899-12-30",
    "1900-01-01",
    "1901-01-01",
    "1970-01-01",
    "2099-12-31",
    "2999-12-31",
    "9999-12-31",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Possible:
    """What a quantity can be; ends included. A convention needs `least_rows` to be held against."""

    low: float | None
    high: float | None
    why: str
    least_rows: int = 0


POSSIBLE: Final[dict[str, Possible]] = {
    "age": Possible(low=0, high=130, why="an age"),
    "latitude": Possible(low=-90, high=90, why="a latitude"),
    "lat": Possible(low=-90, high=90, why="a latitude"),
    "longitude": Possible(low=-180, high=180, why="a longitude"),
    "lon": Possible(low=-180, high=180, why="a longitude"),
    "lng": Possible(low=-180, high=180, why="a longitude"),
    "month": Possible(low=1, high=12, why="a month"),
    "hour": Possible(low=0, high=24, why="an hour"),
    "year": Possible(low=1000, high=2100, why="a year", least_rows=MIN_ROWS),
    "weight": Possible(low=0, high=None, why="a weight"),
    "height": Possible(low=0, high=None, why="a height"),
    "distance": Possible(low=0, high=None, why="a distance"),
    "duration": Possible(low=0, high=None, why="a duration"),
    "population": Possible(low=0, high=None, why="a population"),
    "humidity": Possible(low=0, high=105, why="a humidity"),
}
"""By the whole name of a column, in words."""

QUALIFIED: Final = ("age", "latitude", "longitude", "humidity", "population")
"""Names that mean the same after other words, as in `patient_age`."""

PARTS_OF_TIME: Final[dict[PartOfTime, Possible]] = {
    "year": POSSIBLE["year"],
    "month": POSSIBLE["month"],
    "time of day": Possible(low=0, high=2400, why="a time of day"),
}


def judge_extremes(profile: TableProfile, measured: Sequence[ColumnExtremes]) -> list[Finding]:
    """Findings about values no quantity of that name has, and about values far from all others."""
    findings: list[Finding] = []
    for column in measured:
        impossible = _out_of_range(profile, column)
        if impossible is not None:
            findings.append(impossible)
            continue
        is_measure = column.kind == "date" or profile.column(column.name).type in FLOATING
        if is_coordinate_name(column.name):
            continue  # a place far from all others is one
        if not is_measure and _tells_rows_apart(profile, column):
            continue
        fewest = MIN_DISTINCT if is_measure else MIN_DISTINCT_INTEGERS
        if column.rows < MIN_ROWS or column.distinct < fewest:
            continue
        findings += [
            finding
            for side in ("lowest", "highest")
            if (finding := _isolated(profile, column, side)) is not None
        ]
    return findings


def _tells_rows_apart(profile: TableProfile, column: ColumnExtremes) -> bool:
    """Whether whole numbers are identifiers, whose size means nothing."""
    is_first = profile.columns[0].name == column.name
    return is_identifier_name(column.name) or (is_first and column.distinct == profile.rows)


def _possible(profile: TableProfile, column: ColumnExtremes) -> Possible | None:
    """What the column can be by its name, or because nearly all of it is part of a time."""
    if column.kind != "number":
        return None
    spoken = words(column.name)
    last = spoken.rsplit(" ", 1)[-1]
    part = part_of_time(profile.column(column.name))
    return (
        POSSIBLE.get(spoken)
        or (POSSIBLE[last] if last in QUALIFIED else None)
        or (PARTS_OF_TIME[part] if part is not None else None)
    )


def _out_of_range(profile: TableProfile, column: ColumnExtremes) -> Finding | None:
    possible = _possible(profile, column)
    if possible is None or column.rows < possible.least_rows:
        return None
    name = identifier(column.name)
    wrong, conditions = [], []
    if possible.low is not None:
        conditions.append(f"{name} < {literal(possible.low)}")
        wrong += [end for end in column.lowest if end.value < possible.low]
    if possible.high is not None:
        conditions.append(f"{name} > {literal(possible.high)}")
        wrong += [end for end in column.highest if end.value > possible.high]
    rows = sum({end.value: end.rows for end in wrong}.values())
    if not wrong or _is_another_quantity(column, possible, wrong, rows):
        return None
    shown = figure(wrong[0].value)
    return Finding(
        role=ROLE,
        title=(
            f"{column.name} is {shown} in {_in_rows(rows, wrong)}, which cannot be {possible.why}."
        ),
        severity="high",
        category="impossible_value",
        subject=Subject(table=profile.table, column=column.name),
        evidence=(
            Evidence(
                metric=f"{column.name} out of its possible range",
                value=wrong[0].value,
                threshold=possible.low if wrong[0].value < (possible.low or 0) else possible.high,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {' OR '.join(conditions)}"
                ),
            ),
        ),
        rows=rows,
        recommendation="Correct these values at the source or set them to null, and add a check.",
        impact=f"Averages, sums and extremes of {column.name} are wrong.",
        effort="low",
        reason=f"the name says what it is, and {possible.why} has limits",
    )


def _is_another_quantity(
    column: ColumnExtremes, possible: Possible, wrong: Sequence[EndValue], rows: int
) -> bool:
    """Whether values out of range are too many for mistakes.

    Where all that are shown of an end are wrong, there may be more, and the quantile decides.
    """
    values = {end.value for end in wrong}
    most = MAX_CODED_SHARE if len(values) == 1 and max(values) < 0 else MAX_WRONG_SHARE
    low, high = possible.low, possible.high
    return (
        rows > most * column.rows
        or (low is not None and max(column.lowest[-1].value, column.p01) < low)
        or (high is not None and min(column.highest[-1].value, column.p99) > high)
    )


def _isolated(profile: TableProfile, column: ColumnExtremes, side: Side) -> Finding | None:
    ends = column.lowest if side == "lowest" else column.highest
    quantile = column.p01 if side == "lowest" else column.p99
    for count in range(1, len(ends)):
        apart, rest = ends[:count], ends[count]
        nearest = abs(apart[-1].value - column.median)
        reach = abs(rest.value - column.median)
        rows = sum(end.rows for end in apart)
        is_sentinel = count == 1 and _is_sentinel(apart[0], rest)
        factor = SENTINEL_ISOLATION if is_sentinel else ISOLATION
        if reach == 0 or nearest < factor * reach:
            continue
        if reach > MAX_TAIL * abs(quantile - column.median) and not is_sentinel:
            continue
        if is_sentinel:
            return _sentinel(profile, column, apart[0])
        few = max(1, min(MAX_ROWS, MAX_SMALL_SHARE * column.rows), MAX_SHARE * column.rows)
        if rows <= few and _is_out_of_proportion(column, apart[-1], rest):
            return _far_off(profile, column, side, apart, rest)
    return None


def _is_out_of_proportion(column: ColumnExtremes, end: EndValue, rest: EndValue) -> bool:
    """Whether a high value is far off by factors, too, of a quantity that is never negative."""
    if column.kind == "date" or end.value < column.median:
        return True
    if column.lowest[0].value < 0 or column.median <= 0:
        return True
    middle = log(column.median)
    return log(end.value) - middle >= PROPORTION * (log(rest.value) - middle)


def _is_sentinel(end: EndValue, rest: EndValue) -> bool:
    if end.rows < MIN_SENTINEL_ROWS:
        return False
    if end.text.startswith(SENTINEL_DATES):
        return True
    return end.value in SENTINEL_NUMBERS and (end.value > 0 or rest.value >= 0)


def _sentinel(profile: TableProfile, column: ColumnExtremes, end: EndValue) -> Finding:
    name = identifier(column.name)
    shown = end.text if column.kind == "date" else figure(end.value)
    condition = f"{name} = {literal(end.text)}"
    if column.kind == "number":
        condition = f"{name} = {literal(end.value)}"
    return Finding(
        role=ROLE,
        title=(
            f"{column.name} is {shown} in {counted(end.rows, 'row')}, far from all other values: "
            "it seems to stand for a missing value."
        ),
        severity="medium",
        category="hidden_missing",
        subject=Subject(table=profile.table, column=column.name),
        key=shown,
        evidence=(
            Evidence(
                metric=f"rows with {shown} in {column.name}",
                value=end.rows,
                threshold=MIN_SENTINEL_ROWS,
                sql=f"SELECT row_id, {name} FROM {identifier(profile.table)} WHERE {condition}",
            ),
        ),
        rows=end.rows,
        recommendation=f"Read {shown} as null, or have the source leave the field empty.",
        impact=f"Averages and extremes of {column.name} are wrong while it counts as a value.",
        effort="low",
        confidence=0.9,
        reason="such numbers and dates are used as codes, and nothing else is near",
    )


def _far_off(
    profile: TableProfile,
    column: ColumnExtremes,
    side: Side,
    apart: Sequence[EndValue],
    rest: EndValue,
) -> Finding:
    name = identifier(column.name)
    rows = sum(end.rows for end in apart)
    border = apart[-1]
    far, near = (abs(end.value - column.median) for end in (border, rest))
    is_beyond_doubt = far >= BEYOND_DOUBT * near
    sign = "<=" if side == "lowest" else ">="
    limit = literal(border.text) if column.kind == "date" else literal(border.value)
    shown, other = (
        masked(end.text, column=column.name) if column.kind == "date" else figure(end.value)
        for end in (apart[0], rest)
    )
    lower = "above" if side == "lowest" else "below"
    return Finding(
        role=ROLE,
        title=(
            f"{column.name} is {shown} in {_in_rows(rows, apart)}; every other value is {other} "
            f"or {lower}."
        ),
        severity="high" if is_beyond_doubt else "medium",
        category="impossible_value" if is_beyond_doubt else "outlier",
        subject=Subject(table=profile.table, column=column.name),
        key=side,
        evidence=(
            Evidence(
                metric=f"{side} value of {column.name}",
                value=shown if column.kind == "date" else apart[0].value,
                threshold=other if column.kind == "date" else rest.value,
                sql=(
                    f"SELECT row_id, {name} FROM {identifier(profile.table)} "
                    f"WHERE {name} {sign} {limit}"
                ),
                spread=_spread(column, side, apart),
            ),
        ),
        rows=rows,
        recommendation=(
            "Correct the value at the source or set it to null, and add a range check."
            if is_beyond_doubt
            else "Check the value against its source, and say for each use whether it counts."
        ),
        impact=f"It dominates averages, sums and extremes of {column.name}.",
        effort="low",
        confidence=0.9 if is_beyond_doubt else 0.7,
        reason=f"it is at least {ISOLATION:.0f} times as far from the middle as anything else",
    )


def _spread(column: ColumnExtremes, side: Side, apart: Sequence[EndValue]) -> Spread | None:
    """Where the numbers lie that most rows have, and those at one end."""
    if column.kind != "number":
        return None
    count = len(apart)
    low = column.lowest[count if side == "lowest" else 0].value
    high = column.highest[count if side == "highest" else 0].value
    quantiles = (("1 % of rows", column.p01), ("median", column.median), ("99 %", column.p99))
    return scale(
        [
            ("lowest of the others", low),
            *((label, value) for label, value in quantiles if low < value < high),
            ("highest of the others", high),
        ],
        [(counted(end.rows, "row"), end.value) for end in apart],
    )


def _in_rows(rows: int, ends: Sequence[EndValue]) -> str:
    others = len({end.value for end in ends}) - 1
    among = f" or {counted(others, 'other value')}" if others else ""
    return f"{counted(rows, 'row')}{among}"
