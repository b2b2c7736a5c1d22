"""How columns of passwords keep them."""

from typing import Final

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.column_names import personal_kind

STRONG: Final = r"\$(2[abxy]|argon2(i|d|id)|scrypt|5|6|7|y|pbkdf2[^$]*)\$.+|pbkdf2.*\$.+\$.+"
"""bcrypt, Argon2, scrypt, sha-crypt, PBKDF2."""

WEAK: Final = r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|\$1\$.+"
"""MD5, SHA-1, SHA-256 in one round, md5-crypt: all fast to guess."""


class PasswordColumn(Part):
    """How many rows of a password column are stored in which way."""

    name: str
    plain: int
    weak: int
    strong: int


@tool(permission="read_data", timeout=120.0)
async def stored_passwords(data: Datasets, table: str) -> tuple[PasswordColumn, ...]:
    """Tell of columns named for passwords how many are plain, weakly hashed or strongly hashed."""
    found = []
    for column in data.table(table).columns:
        if personal_kind(column.name) != "password" or column.type != "VARCHAR":
            continue
        name = identifier(column.name)
        ((present, weak, strong),) = await data.query(
            f"SELECT count(*), count(*) FILTER (regexp_full_match({name}, {literal(WEAK)})), "
            f"count(*) FILTER (regexp_full_match({name}, {literal(STRONG)})) "
            f"FROM {identifier(table)} WHERE trim({name}) <> ''"
        )
        if present:
            found.append(
                PasswordColumn(
                    name=column.name, plain=present - weak - strong, weak=weak, strong=strong
                )
            )
    return tuple(found)
