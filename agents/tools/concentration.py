"""How much of a total the largest few have."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked

TOP: Final = 0.2
"""The share of the values, rounded up, that counts as the largest few."""

LEADING: Final = 5
"""The largest values that are named."""


class Holder(Part):
    """A value of a column with its share of a total; `label` is masked where it is personal."""

    label: str
    share: float


class Concentration(Part):
    """A total of rows, or of a measure, over the values of a column.

    `top_share` is what the `top` largest values have together, `index` the Herfindahl-Hirschman
    index from 1/values to 1. `largest` is the first of `leading`, the largest five, all masked
    where they are personal.
    """

    values: int
    total: float
    top: int
    top_share: float
    largest: str
    largest_share: float
    index: float
    leading: tuple[Holder, ...] = ()


@tool(permission="read_data")
async def concentration(
    data: Datasets, table: str, column: str, measure: str | None = None
) -> Concentration | None:
    """Measure how much of the rows, or of a measure, falls on the largest values of a column.

    None if there is nothing to share out, or if a value's part is negative.
    """
    ((values, total, least, top, top_total, leading, squares),) = await data.query(
        f"""
        WITH shares AS ({shares_sql(table, column, measure)})
        SELECT count(*), fsum(amount), min(amount), ceil({TOP} * count(*)),
            fsum(amount) FILTER (place <= ceil({TOP} * number)),
            list([CAST(value AS VARCHAR), CAST(amount AS VARCHAR)] ORDER BY place)
                FILTER (place <= {LEADING}),
            fsum(amount * amount)
        FROM (SELECT *, row_number() OVER () AS place, count(*) OVER () AS number FROM shares)
        """
    )
    if not values or total <= 0 or least < 0:
        return None
    holders = tuple(
        Holder(label=masked(value, column=column), share=_rounded(float(amount) / total))
        for value, amount in leading
    )
    return Concentration(
        values=values,
        total=_rounded(total),
        top=int(top),
        top_share=_rounded(top_total / total),
        largest=holders[0].label,
        largest_share=holders[0].share,
        index=_rounded(squares / total**2),
        leading=holders,
    )


def shares_sql(table: str, column: str, measure: str | None) -> str:
    """A SELECT of the values with their amount, the largest first."""
    value = identifier(column)
    amount = "count(*)" if measure is None else f"coalesce(fsum({identifier(measure)}), 0)"
    return (
        f"SELECT {value} AS value, CAST({amount} AS DOUBLE) AS amount FROM {identifier(table)} "
        f"WHERE {value} IS NOT NULL GROUP BY ALL ORDER BY amount DESC, value"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
