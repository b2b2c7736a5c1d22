"""The profile of a table: what each column holds, exactly counted.

*Guarantees*: the same rows give the same profile, byte for byte, whatever the number of threads:
only exact aggregates are used, and floats keep nine significant digits.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, TypeAlias
from weakref import WeakKeyDictionary

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.task import Column
from agents.tool import tool
from agents.tools.column_names import personal_kind
from agents.tools.masking import MAX_SEARCHED, masked
from agents.tools.side_by_side import side_by_side

Kind: TypeAlias = Literal["number", "text", "date", "time", "boolean"]

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

MAX_TOP_VALUES: Final = 8
FEW_COLUMNS: Final = 60
"""Columns past which only the most frequent value of each is shown, to bound the result's size."""

_DATE_TYPES: Final = ("DATE", "TIMESTAMP")
_NOT_NUMBERS: Final = ("VARCHAR", "BOOLEAN", "TIME", *_DATE_TYPES)


class ValueCount(Part):
    """A value, masked where it is personal, and in how many rows it stands."""

    value: str
    rows: int


class ColumnProfile(Part):
    """What one column holds.

    `distinct` does not count nulls; `single` values stand in one row only. `repetition` is the
    probability that two rows drawn at random have the same value, from 0 to 1. Of numbers there are
    figures, of dates `earliest` and `latest` in ISO form, of text the lengths in characters; a
    column that is personal by name has only lengths. `quantiles` stand for the shares in
    `QUANTILES`.
    """

    name: str
    type: str
    kind: Kind
    nulls: int
    distinct: int
    single: int
    repetition: float
    top: tuple[ValueCount, ...]
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    earliest: str | None = None
    latest: str | None = None
    shortest: int | None = None
    longest: int | None = None


class TableProfile(Part):
    """The columns of a table, in its order."""

    table: str
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile:
        """The profile of one column."""
        return next(column for column in self.columns if column.name == name)


@tool(permission="read_data", timeout=600.0)
async def profile(data: Datasets, table: str, columns: tuple[str, ...] = ()) -> TableProfile:
    """Profile every column of a table: nulls, distinct and frequent values, range, quantiles."""
    known = _known.setdefault(data, {})
    if table not in known:
        known[table] = await _profiled(data, table)
    return known[table].model_copy(update={"columns": tuple(chosen(known[table], columns))})


async def _profiled(data: Datasets, table: str) -> TableProfile:
    pinned = data.table(table)
    shown = MAX_TOP_VALUES if len(pinned.columns) <= FEW_COLUMNS else 1
    columns = await side_by_side(lambda column: _column(data, table, column, shown), pinned.columns)
    return TableProfile(table=table, rows=pinned.rows, columns=tuple(columns))


_known: Final[WeakKeyDictionary[Datasets, dict[str, TableProfile]]] = WeakKeyDictionary()
"""Profiles by table, for as long as the datasets are open: nearly every tool begins with one."""


def chosen(profiled: TableProfile, names: Collection[str]) -> Sequence[ColumnProfile]:
    """The columns of these names, or all if there are none."""
    return [column for column in profiled.columns if not names or column.name in names]


def kind_of(column: Column) -> Kind:
    """What kind of values a column of that type holds."""
    if column.type in _DATE_TYPES:
        return "date"
    if column.type not in _NOT_NUMBERS:
        return "number"
    return {"VARCHAR": "text", "BOOLEAN": "boolean"}.get(column.type, "time")  # type: ignore[return-value]


async def _column(data: Datasets, table: str, column: Column, shown: int) -> ColumnProfile:
    kind = kind_of(column)
    figures = {"number": _NUMBERS, "text": _LENGTHS, "date": _DATES}.get(kind, "NULL")
    value = identifier(column.name)
    is_personal = personal_kind(column.name) is not None
    ((nulls, distinct, single, repetition, top, measured),) = await data.query(
        f"""
        WITH counted AS MATERIALIZED (
            SELECT {value} AS v, count(*) AS n FROM {identifier(table)} GROUP BY ALL
        ),
        present AS (SELECT * FROM counted WHERE v IS NOT NULL)
        SELECT
            coalesce((SELECT n FROM counted WHERE v IS NULL), 0),
            count(*),
            count(*) FILTER (n = 1),
            sum(CAST(n AS DOUBLE) * n) / greatest(sum(n), 1) ** 2,
            (SELECT list([left(CAST(v AS VARCHAR), {MAX_SEARCHED + 1}), CAST(n AS VARCHAR)]
                    ORDER BY n DESC, v)
                FROM (FROM present ORDER BY n DESC, v LIMIT {shown})),
            {figures}
        FROM present
        """
    )
    return ColumnProfile(
        name=column.name,
        type=column.type,
        kind=kind,
        nulls=nulls,
        distinct=distinct,
        single=single,
        repetition=_rounded(repetition) or 0.0,
        top=tuple(
            ValueCount(value=masked(text, column=column.name), rows=int(count))
            for text, count in top or ()
        ),
        **({} if is_personal and kind != "text" else _figures(kind, measured)),
    )


_NUMBERS = f"""(
    SELECT [min(v), max(v), max(mean),
        sqrt(fsum(n * (v - mean) ** 2) / greatest(max(total) - 1, 1)),
        {", ".join(f"min(v) FILTER (upto >= {share} * total)" for share in QUANTILES)}]
    FROM (
        SELECT v, n, sum(n) OVER (ORDER BY v) AS upto, sum(n) OVER () AS total,
            fsum(v * n) OVER () / sum(n) OVER () AS mean
        FROM (SELECT CAST(v AS DOUBLE) AS v, n FROM present WHERE isfinite(CAST(v AS DOUBLE)))
    )
)"""
_LENGTHS = "[min(length(v)), max(length(v))]"
_DATES = "[CAST(min(v) AS VARCHAR), CAST(max(v) AS VARCHAR)]"


def _figures(kind: Kind, measured: Any) -> dict[str, Any]:
    if measured is None or measured[0] is None:
        return {}
    match kind:
        case "number":
            minimum, maximum, mean, deviation, *quantiles = measured
            return {
                "minimum": _rounded(minimum),
                "maximum": _rounded(maximum),
                "mean": _rounded(mean),
                "deviation": _rounded(deviation),
                "quantiles": tuple(map(_rounded, quantiles)),
            }
        case "date":
            return {"earliest": measured[0], "latest": measured[1]}
        case "text":
            return {"shortest": measured[0], "longest": measured[1]}
        case _:
            return {}


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.9g}")
