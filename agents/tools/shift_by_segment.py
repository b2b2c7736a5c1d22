"""How a measure moved between the earlier and the later half of the time, segment by segment."""

from collections.abc import Sequence
from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.domain.task import PinnedDataset
from agents.tool import tool
from agents.tools.masking import masked
from agents.tools.periods import time_sql

MAX_SEGMENTS: Final = 100


class SegmentShift(Part):
    """Rows with the measure and their total in both halves; `value` masked where personal."""

    value: str
    rows_before: int
    rows_after: int
    total_before: float
    total_after: float


class Shift(Part):
    """0..100 segments by value; `split_at` is the ISO instant in the middle of the time."""

    split_at: str
    segments: tuple[SegmentShift, ...]


@tool(permission="read_data")
async def shift_by_segment(
    data: Datasets, table: str, time: tuple[str, ...], measure: str, column: str
) -> Shift | None:
    """Measure rows and total of a measure before and after the middle of the time by segment."""
    dataset = data.table(table)
    ((middle,),) = await data.query(
        f"SELECT CAST({_MIDDLE} AS VARCHAR) FROM "
        f"(SELECT {time_sql(dataset, time)} AS t FROM {identifier(table)})"
    )
    rows = await data.query(shift_sql(dataset, time, measure, column), limit=MAX_SEGMENTS + 1)
    if middle is None or len(rows) > MAX_SEGMENTS:
        return None
    return Shift(
        split_at=middle,
        segments=tuple(
            SegmentShift(
                value=masked(str(value), column=column),
                rows_before=before,
                rows_after=after,
                total_before=_rounded(earlier),
                total_after=_rounded(later),
            )
            for value, before, after, earlier, later in rows
        ),
    )


def shift_sql(dataset: PinnedDataset, time: Sequence[str], measure: str, column: str) -> str:
    """A SELECT of the segments with rows and totals of both halves."""
    value = f"CAST({identifier(measure)} AS DOUBLE)"
    return (
        f"WITH placed AS (SELECT {time_sql(dataset, time)} AS t, {identifier(column)} AS segment, "
        f"{value} AS v FROM {identifier(dataset.name)}), "
        f"halves AS (SELECT {_MIDDLE} AS middle FROM placed) "
        "SELECT segment, count(*) FILTER (t < middle) AS rows_before, "
        "count(*) FILTER (t >= middle) AS rows_after, "
        "coalesce(fsum(v) FILTER (t < middle), 0) AS total_before, "
        "coalesce(fsum(v) FILTER (t >= middle), 0) AS total_after "
        "FROM placed, halves WHERE t IS NOT NULL AND segment IS NOT NULL AND isfinite(v) "
        "GROUP BY segment ORDER BY segment"
    )


_MIDDLE: Final = "make_timestamp((epoch_us(min(t)) + epoch_us(max(t))) // 2)"


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
