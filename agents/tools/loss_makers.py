"""Which values of a column bring in less than they cost."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import masked

SHOWN: Final = 5


class LossMaker(Part):
    """A value, masked where it is personal, with its rows and its negative result."""

    value: str
    rows: int
    result: float


class LossMakers(Part):
    """Of `values` values `losing` have a negative result, together `loss`, a negative number.

    `result` is that of all values, `gain` that of the others; `worst` are 0..5, the worst first.
    """

    values: int
    losing: int
    loss: float
    gain: float
    result: float
    worst: tuple[LossMaker, ...]


@tool(permission="read_data")
async def loss_makers(
    data: Datasets, table: str, column: str, income: str, cost: str | None = None
) -> LossMakers | None:
    """Sum up a result, or income less cost, by the values of a column, and find the negative."""
    results = results_sql(table, column, income, cost)
    ((values, losing, loss, gain, result),) = await data.query(
        f"""
        SELECT count(*), count(*) FILTER (result < 0),
            coalesce(fsum(result) FILTER (result < 0), 0),
            coalesce(fsum(result) FILTER (result > 0), 0), coalesce(fsum(result), 0)
        FROM ({results})
        """
    )
    if not values:
        return None
    worst = await data.query(f"FROM ({results}) WHERE result < 0", limit=SHOWN)
    return LossMakers(
        values=values,
        losing=losing,
        loss=_rounded(loss),
        gain=_rounded(gain),
        result=_rounded(result),
        worst=tuple(
            LossMaker(value=masked(str(value), column=column), rows=rows, result=_rounded(amount))
            for value, rows, amount in worst
        ),
    )


def results_sql(table: str, column: str, income: str, cost: str | None) -> str:
    """A SELECT of the values with their rows and result, the worst first."""
    amount = f"CAST({identifier(income)} AS DOUBLE)"
    if cost is not None:
        amount += f" - CAST({identifier(cost)} AS DOUBLE)"
    return (
        f"SELECT {identifier(column)} AS value, count(*) AS rows, fsum({amount}) AS result "
        f"FROM {identifier(table)} WHERE {identifier(column)} IS NOT NULL "
        f"AND isfinite({amount}) GROUP BY ALL ORDER BY result, value"
    )


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
