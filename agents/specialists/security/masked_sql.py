"""SQL that shows which rows a finding is about, and of their values hardly anything."""

from collections.abc import Sequence

from agents.datasets.sql import identifier


def masked_sql(table: str, columns: Sequence[str], condition: str) -> str:
    """The rows concerned; of each value only the first character."""
    shown = ", ".join(masked_value(column) for column in columns)
    return f"SELECT row_id, {shown} FROM {identifier(table)} WHERE {condition}"


def masked_value(column: str) -> str:
    """The column with the first character of each value."""
    name = identifier(column)
    return f"left(CAST({name} AS VARCHAR), 1) || '*******' AS {name}"
