"""How the time-typed columns of a table run through its rows: what the router decides by."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.routing import TimeColumn
from agents.tool import tool

MAX_COLUMNS: Final = 3
MAX_ROWS: Final = 1_000_000
"""Rows from the start of the file that are looked at: enough to see a rhythm."""

_TIME_TYPES: Final = ("TIMESTAMP", "DATETIME")


@tool(permission="read_data")
async def time_columns(data: Datasets, table: str) -> tuple[TimeColumn, ...]:
    """Measure how far each of a table's first time columns is distinct, in order and regular."""
    names = [
        column.name
        for column in data.table(table).columns
        if column.type.upper().startswith(_TIME_TYPES)
    ]
    measured = []
    for name in names[:MAX_COLUMNS]:
        column, view = identifier(name), identifier(table)
        rows = await data.query(
            f"""
            select count(*), count(distinct moment),
                   count(*) filter (moment >= earlier or earlier is null),
                   quantile_disc(epoch(moment) - epoch(earlier), 0.5) filter (moment > earlier)
            from (select {column} as moment, lag({column}) over (order by row_id) as earlier
                  from {view} where {column} is not null and row_id < {MAX_ROWS})
            """
        )
        count, distinct, ordered, interval = rows[0]
        if count:
            measured.append(
                TimeColumn(
                    name=name,
                    rows=count,
                    distinct=round(distinct / count, 6),
                    ordered=round(ordered / count, 6),
                    median_interval=None if interval is None else round(float(interval), 6),
                )
            )
    return tuple(measured)
