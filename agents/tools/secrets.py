"""Credentials that stand in the data."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.masking import MAX_SEARCHED, masked
from agents.tools.profile import chosen, profile
from agents.tools.secret_patterns import ANY_SECRET, SECRET_PATTERNS, SHORTEST


class SecretColumn(Part):
    """How many rows of a column hold a secret of one kind; one of them, masked."""

    name: str
    kind: str
    rows: int
    example: str


@tool(permission="read_data", timeout=300.0)
async def secrets(
    data: Datasets, table: str, columns: tuple[str, ...] = ()
) -> tuple[SecretColumn, ...]:
    """Find access keys, tokens, private keys and URLs with passwords in the text columns."""
    profiled = await profile.function(data, table)
    found = []
    for column in chosen(profiled, columns):
        if column.kind != "text" or (column.longest or 0) < SHORTEST:
            continue
        name, view = identifier(column.name), identifier(table)
        measures = ", ".join(
            f"count(*) FILTER (regexp_matches({name}, {literal(pattern)})), "
            f"left(min({name}) FILTER (regexp_matches({name}, {literal(pattern)})), "
            f"{MAX_SEARCHED + 1})"
            for pattern in SECRET_PATTERNS.values()
        )
        (figures,) = await data.query(
            f"WITH suspects AS MATERIALIZED (SELECT {name} FROM {view} "
            f"WHERE regexp_matches({name}, {literal(ANY_SECRET)})) SELECT {measures} FROM suspects"
        )
        for place, kind in enumerate(SECRET_PATTERNS):
            rows, example = figures[2 * place : 2 * place + 2]
            if rows:
                found.append(
                    SecretColumn(name=column.name, kind=kind, rows=rows, example=masked(example))
                )
    return tuple(found)
