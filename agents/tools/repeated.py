"""Rows that have the same values as others in given columns."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.dataset import Datasets
from agents.datasets.sql import identifier, identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """`rows` stand in `groups` of equals, the largest of `largest`."""

    groups: int
    rows: int
    largest: int

    @property
    def surplus(self) -> int:
        """Rows that would go if one of each group were kept."""
        return self.rows - self.groups


async def repeated_rows(
    data: Datasets, table: str, columns: Sequence[str], *, with_nulls: bool
) -> Repeated:
    """Count the rows whose values in `columns` stand in another row, too.

    Nulls are values like others `with_nulls`; otherwise rows with any are left out. A hash finds
    the few rows that may be equal, in little memory; then they are compared.
    """
    names, view = identifiers(columns), identifier(table)
    present = "true"
    if not with_nulls:
        present = " AND ".join(f"{identifier(column)} IS NOT NULL" for column in columns)
    ((groups, rows, largest),) = await data.query(
        f"""
        WITH suspects AS MATERIALIZED (
            SELECT hash({names}) AS h FROM {view} WHERE {present} GROUP BY 1 HAVING count(*) > 1
        ),
        copies AS (
            SELECT count(*) AS n FROM {view}
            WHERE {present} AND hash({names}) IN (FROM suspects) GROUP BY {names} HAVING n > 1
        )
        SELECT count(*), CAST(coalesce(sum(n), 0) AS BIGINT), coalesce(max(n), 0) FROM copies
        """
    )
    return Repeated(groups=groups, rows=rows, largest=largest)
