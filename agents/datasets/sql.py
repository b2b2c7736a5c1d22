"""Quoting for DuckDB SQL: what comes from data is never pasted as it is."""

from collections.abc import Iterable


def identifier(name: str) -> str:
    """`name` as a quoted identifier, whatever characters it has.

    >>> identifier('a "b" c')
    '"a ""b"" c"'
    """
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str]) -> str:
    """The names quoted and separated by commas."""
    return ", ".join(map(identifier, names))


def literal(value: str | float | None) -> str:
    """`value` as a literal.

    >>> literal("it's"), literal(7), literal(None)
    ("'it''s'", '7', 'NULL')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"


def literals(values: Iterable[str | float | None]) -> str:
    """The values as literals separated by commas."""
    return ", ".join(map(literal, values))
