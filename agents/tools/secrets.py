"""Credentials that stand in the data."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.bounded import within_bounds
from agents.tools.masking import masked
from agents.tools.profile import profile
from agents.tools.secret_patterns import ANY_SECRET, SECRET_PATTERNS

SHORTEST = 16
"""Characters that a value with a secret has at least."""


class SecretColumn(Part):
    """How many rows of a column hold a secret of one kind; one of them, masked."""

    name: str
    kind: str
    rows: int
    example: str


@tool(permission="read_data", timeout=300.0)
async def secrets(data: Datasets, table: str) -> tuple[SecretColumn, ...]:
    """Find access keys, tokens, private keys and URLs with passwords in the text columns."""
    profiled = await profile.function(data, table)
    found = []
    for column in profiled.columns:
        if column.kind != "text" or (column.longest or 0) < SHORTEST:
            continue
        name, view = identifier(column.name), identifier(table)
        ((suspects,),) = await data.query(
            f"SELECT count(*) FROM {view} WHERE regexp_matches({name}, {literal(ANY_SECRET)})"
        )
        if not suspects:
            continue
        for kind, pattern in SECRET_PATTERNS.items():
            ((rows, example),) = await data.query(
                f"SELECT count(*), min({name}) FROM {view} "
                f"WHERE regexp_matches({name}, {literal(pattern)})"
            )
            if rows:
                found.append(
                    SecretColumn(name=column.name, kind=kind, rows=rows, example=masked(example))
                )
    return within_bounds(found)
