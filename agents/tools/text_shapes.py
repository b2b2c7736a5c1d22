"""The shapes of texts: numbers or dates among them, units after numbers, masks, a common start."""

from collections.abc import Sequence
from typing import Any, Final

from agents.dataset import Datasets
from agents.datasets.date_forms import is_any_date
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.datasets.text_types import DECIMAL_PATTERN, is_number_or_code
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.masking import masked, shortened
from agents.tools.profile import ColumnProfile, profile
from agents.tools.side_by_side import side_by_side

MAX_VALUES: Final = 50_000
"""Distinct values past which a sample chosen by hash is looked at."""

AT_A_TIME: Final = 20
"""Columns looked at in one statement: to compile its patterns takes longer than most columns do."""

MAX_SHAPES: Final = 12
"""Masks or units of one column, most frequent first."""

MAX_STARTS: Final = 3

MAX_LENGTH: Final = 48
"""Characters of values that can follow a mask; longer ones are prose."""

CODES: Final = literals(sorted(MISSING_CODES))

_UNIT: Final = r"(?:[%°€$£]|[\p{L}°][\p{L}°²³ ./%-]{0,19})"
UNIT_PATTERN: Final = rf"\s*{DECIMAL_PATTERN}\s*{_UNIT}(?:\s*[0-9]+\s*{_UNIT})?"
"""A number and what follows it, once or twice, as in `1 h 20 min`."""


def unit_of(value: str) -> str:
    """What follows the numbers in the expression `value`, as SQL."""
    bare = f"regexp_replace({value}, '{DECIMAL_PATTERN}|[0-9]+', ' ', 'g')"
    return f"trim(regexp_replace({bare}, '\\s+', ' ', 'g'))"


class Shape(Part):
    """How many distinct values, and how many rows, look like `text`; one of them, masked."""

    text: str
    values: int
    rows: int
    example: str


class TextShapes(Part):
    """What the values of a text column look like, those that stand for missing ones left out.

    In masks, `A` is an upper-case letter, `a` a lower-case one, `9` a digit; in `runs` each stands
    for one or more. `units` are what follows a number. `starts` are what values with the same first
    letter have in common at their beginning. `numbers` includes codes of digits only. If
    `is_sampled`, the figures are of a sample of the distinct values.
    """

    name: str
    values: int
    rows: int
    numbers: int
    dates: int
    spaced: int
    masks: tuple[Shape, ...]
    runs: tuple[Shape, ...]
    units: tuple[Shape, ...]
    starts: tuple[Shape, ...]
    is_sampled: bool


@tool(permission="read_data", timeout=300.0)
async def text_shapes(
    data: Datasets, table: str, min_alike: float = 0.8, columns: tuple[str, ...] = ()
) -> tuple[TextShapes, ...]:
    """Tell what values of text columns look like: masks, units, numbers, a common start.

    Left out are columns in which fewer than `min_alike` of the values look alike, or all do.
    """
    profiled = await profile.function(data, table)
    texts = [
        column
        for column in profiled.columns
        if column.name in (columns or (column.name,))
        and column.kind == "text"
        and column.distinct
        and (column.shortest or 0) <= MAX_LENGTH
    ]
    found = await side_by_side(lambda group: _measured(data, table, group), _groups(texts))
    return tuple(shapes for group in found for shapes in group if _is_telling(shapes, min_alike))


def _groups(columns: Sequence[ColumnProfile]) -> list[list[ColumnProfile]]:
    """The columns that one statement looks at, together about `MAX_VALUES` values, in order."""
    groups: list[list[ColumnProfile]] = []
    room = 0
    for column in columns:
        values = min(column.distinct, MAX_VALUES)
        if values > room or len(groups[-1]) == AT_A_TIME:
            groups.append([])
            room = MAX_VALUES
        groups[-1].append(column)
        room -= values
    return groups


async def _measured(
    data: Datasets, table: str, columns: Sequence[ColumnProfile]
) -> Sequence[TextShapes]:
    """The shapes of each column that holds more than codes for missing values."""
    rows = await data.query(_sql(table, columns))
    return [_of_row(columns[place], *row) for place, *row in rows]


def _of_row(
    column: ColumnProfile,
    values: int,
    rows: int,
    numbers: int | None,
    dates: int | None,
    spaced: int,
    masks: Sequence[Any] | None,
    runs: Sequence[Any] | None,
    units: Sequence[Any] | None,
    starts: Sequence[Any],
) -> TextShapes:
    return TextShapes(
        name=column.name,
        values=values,
        rows=rows,
        numbers=numbers or 0,
        dates=dates or 0,
        spaced=spaced,
        masks=_shapes(column.name, masks),
        runs=_shapes(column.name, runs),
        units=_shapes(column.name, units),
        starts=_starts(column.name, starts),
        is_sampled=column.distinct > MAX_VALUES,
    )


def _is_telling(shapes: TextShapes, min_alike: float) -> bool:
    """Whether most values look alike in some way, and some do not."""
    with_unit = sum(unit.rows for unit in shapes.units) + shapes.numbers
    if shapes.units and with_unit >= min_alike * shapes.rows:
        return True
    several = sum(run.rows for run in shapes.runs if run.rows >= 0.01 * shapes.rows)
    usual = shapes.masks[0].rows if shapes.masks else 0
    most = shapes.runs[0].rows if shapes.runs else 0
    alike = (shapes.numbers, shapes.dates, usual, several, most)
    return any(min_alike <= rows / shapes.rows < 1 for rows in alike) or (
        min_alike <= shapes.starts[0].values / shapes.values < 1
    )


def _sql(table: str, columns: Sequence[ColumnProfile]) -> str:
    """One row for each column that has values left, in order, by its place among `columns`."""
    # The window holds up the conditions that stand after it: they would be moved before the union,
    # into the plan of each column, and their patterns compiled there.
    counted = " UNION ALL ".join(
        _counted(table, column, place) for place, column in enumerate(columns)
    )
    return f"""
        WITH counted AS MATERIALIZED (
            SELECT place, v, n
            FROM (FROM ({counted}) QUALIFY row_number() OVER () > 0)
            WHERE lower(trim(v)) NOT IN ({CODES})
        ),
        masks AS (
            SELECT place, regexp_replace(regexp_replace(regexp_replace(
                v, '[0-9]', '9', 'g'), '\\p{{Lu}}', 'A', 'g'), '\\p{{Ll}}', 'a', 'g') AS text, n, v
            FROM counted WHERE length(v) <= {MAX_LENGTH}
        ),
        runs AS (
            SELECT place, regexp_replace(regexp_replace(regexp_replace(
                text, 'A+', 'A', 'g'), 'a+', 'a', 'g'), '9+', '9', 'g') AS text, n, v
            FROM masks
        ),
        units AS (
            SELECT place, {unit_of("v")} AS text, n, v
            FROM counted WHERE regexp_full_match(v, '{UNIT_PATTERN}')
        ),
        starts AS (
            SELECT place, v[1] AS c, count(*) AS k, sum(n) AS m, min(v) AS first, max(v) AS last
            FROM counted GROUP BY ALL
        ),
        sums AS (
            SELECT place, count(*) AS values, CAST(sum(n) AS BIGINT) AS rows,
                CAST(sum(n) FILTER ({is_number_or_code("v")}) AS BIGINT) AS numbers,
                CAST(sum(n) FILTER ({is_any_date("v")}) AS BIGINT) AS dates,
                count(*) FILTER (contains(trim(v), ' ')) AS spaced
            FROM counted GROUP BY place
        ),
        {_ranked("masks")}, {_ranked("runs")}, {_ranked("units")},
        ranked_starts AS (
            SELECT place,
                list([first, last, CAST(k AS VARCHAR), CAST(m AS VARCHAR)]
                    ORDER BY k DESC, c) AS shapes
            FROM (FROM starts
                QUALIFY row_number() OVER (PARTITION BY place ORDER BY k DESC, c) <= {MAX_STARTS})
            GROUP BY place
        )
        SELECT sums.*, ranked_masks.shapes, ranked_runs.shapes, ranked_units.shapes,
            ranked_starts.shapes
        FROM sums LEFT JOIN ranked_masks USING (place) LEFT JOIN ranked_runs USING (place)
            LEFT JOIN ranked_units USING (place) LEFT JOIN ranked_starts USING (place)
        ORDER BY place
        """


def _counted(table: str, column: ColumnProfile, place: int) -> str:
    """The values of one column with their rows, or of a sample of them."""
    name, every = identifier(column.name), -(-column.distinct // MAX_VALUES)
    # Grouped first, since few rows are looked at then; but no sample needs all groups in memory.
    sampled = f"WHERE hash({name}) % {every} = 0" if every > 1 else ""
    return (
        f"SELECT {place} AS place, {name} AS v, count(*) AS n FROM {identifier(table)} "
        f"{sampled} GROUP BY 2"
    )


def _ranked(relation: str) -> str:
    """A relation with the most frequent texts of each column."""
    return f"""ranked_{relation} AS (
            SELECT place,
                list([text, CAST(k AS VARCHAR), CAST(m AS VARCHAR), e]
                    ORDER BY m DESC, k DESC, text) AS shapes
            FROM (SELECT place, text, count(*) AS k, sum(n) AS m, min(v) AS e FROM {relation}
                GROUP BY place, text QUALIFY row_number() OVER (
                    PARTITION BY place ORDER BY m DESC, k DESC, text) <= {MAX_SHAPES})
            GROUP BY place
        )"""


def _shapes(column: str, found: Sequence[Any] | None) -> tuple[Shape, ...]:
    return tuple(
        Shape(
            text=text,
            values=int(values),
            rows=int(rows),
            example=_example(column, example, text),
        )
        for text, values, rows, example in found or ()
    )


def _starts(column: str, found: Sequence[Any] | None) -> tuple[Shape, ...]:
    return tuple(
        Shape(
            text=_shared(first, last)[:MAX_LENGTH],
            values=int(values),
            rows=int(rows),
            example=_example(column, first, _shared(first, last)),
        )
        for first, last, values, rows in found or ()
    )


def _example(column: str, value: str, shape: str) -> str:
    """The value, or only its shape where the column is personal."""
    if personal_kind(column) is not None:
        return shortened(shape)
    return masked(value)


def _shared(first: str, last: str) -> str:
    """What two texts have in common at their beginning."""
    length = 0
    while first[: length + 1] == last[: length + 1] and length < len(first):
        length += 1
    return first[:length]
