"""The shapes of texts: numbers or dates among them, units after numbers, masks, a common start."""

from collections.abc import Sequence
from typing import Any, Final

from agents.dataset import Datasets
from agents.datasets.missing_codes import MISSING_CODES
from agents.datasets.sql import identifier, literals
from agents.datasets.text_types import DECIMAL_PATTERN, is_date, is_number_or_code, is_timestamp
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.column_names import personal_kind
from agents.tools.masking import masked, shortened
from agents.tools.profile import profile

MAX_VALUES: Final = 50_000
"""Distinct values past which a sample chosen by hash is looked at."""

MAX_SHAPES: Final = 12
"""Masks or units of one column, most frequent first."""

MAX_STARTS: Final = 3

MAX_LENGTH: Final = 48
"""Characters of values that can follow a mask; longer ones are prose."""

CODES: Final = literals(sorted(MISSING_CODES))

UNIT_PATTERN: Final = rf"\s*{DECIMAL_PATTERN}\s*([%°€$£]|[a-zA-Zµ°][a-zA-Zµ°²³ ./%-]{{0,19}})"
"""A number and what follows it."""


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
async def text_shapes(data: Datasets, table: str, min_alike: float = 0.8) -> tuple[TextShapes, ...]:
    """Tell what values of text columns look like: masks, units, numbers, a common start.

    Left out are columns in which fewer than `min_alike` of the values look alike, or all do.
    """
    profiled = await profile.function(data, table)
    found = []
    for column in profiled.columns:
        if column.kind != "text" or not column.distinct or (column.shortest or 0) > MAX_LENGTH:
            continue
        every = -(-column.distinct // MAX_VALUES)
        ((values, rows, numbers, dates, spaced, masks, runs, units, starts),) = await data.query(
            _sql(table, column.name, every)
        )
        if not values:
            continue
        shapes = TextShapes(
            name=column.name,
            values=values,
            rows=rows,
            numbers=numbers or 0,
            dates=dates or 0,
            spaced=spaced or 0,
            masks=_shapes(column.name, masks),
            runs=_shapes(column.name, runs),
            units=_shapes(column.name, units),
            starts=_starts(column.name, starts),
            is_sampled=every > 1,
        )
        if _is_telling(shapes, min_alike):
            found.append(shapes)
    return within_bounds(found)


def _is_telling(shapes: TextShapes, min_alike: float) -> bool:
    """Whether most values look alike in some way, and some do not."""
    with_unit = sum(unit.rows for unit in shapes.units) + shapes.numbers
    if shapes.units and with_unit >= min_alike * shapes.rows:
        return True
    several = sum(run.rows for run in shapes.runs if run.rows >= 0.01 * shapes.rows)
    usual = shapes.masks[0].rows if shapes.masks else 0
    alike = (shapes.numbers, shapes.dates, usual, several)
    return any(min_alike <= rows / shapes.rows < 1 for rows in alike) or (
        min_alike <= shapes.starts[0].values / shapes.values < 1
    )


def _sql(table: str, column: str, every: int) -> str:
    name = identifier(column)
    return f"""
        WITH counted AS MATERIALIZED (
            SELECT {name} AS v, CAST(count(*) AS BIGINT) AS n FROM {identifier(table)}
            WHERE lower(trim({name})) NOT IN ({CODES}) AND hash({name}) % {every} = 0 GROUP BY 1
        ),
        masks AS (
            SELECT regexp_replace(regexp_replace(regexp_replace(
                v, '[0-9]', '9', 'g'), '\\p{{Lu}}', 'A', 'g'), '\\p{{Ll}}', 'a', 'g') AS text, n, v
            FROM counted WHERE length(v) <= {MAX_LENGTH}
        ),
        runs AS (
            SELECT regexp_replace(regexp_replace(regexp_replace(
                text, 'A+', 'A', 'g'), 'a+', 'a', 'g'), '9+', '9', 'g') AS text, n, v
            FROM masks
        ),
        units AS (
            SELECT rtrim(regexp_extract(v, '^{UNIT_PATTERN}$', 1)) AS text, n, v
            FROM counted WHERE regexp_full_match(v, '{UNIT_PATTERN}')
        )
        SELECT count(*), CAST(sum(n) AS BIGINT),
            CAST(sum(n) FILTER ({is_number_or_code("v")}) AS BIGINT),
            CAST(sum(n) FILTER ({is_date("v")} OR {is_timestamp("v")}) AS BIGINT),
            count(*) FILTER (contains(trim(v), ' ')),
            {_ranked("masks")}, {_ranked("runs")}, {_ranked("units")},
            (SELECT list([first, last, CAST(k AS VARCHAR), CAST(m AS VARCHAR)] ORDER BY k DESC, c)
                FROM (SELECT v[1] AS c, count(*) AS k, sum(n) AS m, min(v) AS first, max(v) AS last
                    FROM counted GROUP BY 1 ORDER BY k DESC, c LIMIT {MAX_STARTS}))
        FROM counted
        """


def _ranked(relation: str) -> str:
    return (
        "(SELECT list([text, CAST(k AS VARCHAR), CAST(m AS VARCHAR), e] "
        "ORDER BY m DESC, k DESC, text) "
        f"FROM (SELECT text, count(*) AS k, sum(n) AS m, min(v) AS e FROM {relation} GROUP BY 1 "
        f"ORDER BY m DESC, k DESC, text LIMIT {MAX_SHAPES}))"
    )


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
