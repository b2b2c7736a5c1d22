"""`QUERIES`: the statements of queries.sql by name."""

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


SCHEMA: Final = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
QUERIES: Final = parse_queries(
    files(__package__).joinpath("queries.sql").read_text(encoding="utf-8")
)
