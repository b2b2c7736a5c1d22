"""`QUERIES`: the statements of queries.sql by name; `SCHEMA` and `UPGRADES` as they stand."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

_NAMED = re.compile(r"^-- name: (\w+)\n((?:.*\n)*?)(?=-- name: |\Z)", re.MULTILINE)


def parse_queries(text: str) -> Mapping[str, str]:
    """Each statement that stands below a `-- name: …` line, without comments and semicolon."""
    return {
        name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
        for name, body in _NAMED.findall(text)
    }


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


SCHEMA: Final = _read("schema.sql").split(";\n")
UPGRADES: Final = {version: _read(f"upgrade_{version}.sql").split(";\n") for version in (1, 2)}
"""The statements that make a file of that version one of the next."""

QUERIES: Final = parse_queries(_read("queries.sql"))
