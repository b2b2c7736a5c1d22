"""A made table, and what an analyst should say of it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Span: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`rows` below `header`, and the truth of its kind.

    `windows` are ISO instants within which something unusual happens, `places` the first rows of
    new courses, `expected` the categories that must be told; `tolerated` ones may be.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    windows: tuple[Span, ...] = ()
    places: tuple[int, ...] = ()
    expected: frozenset[str] = frozenset()
    tolerated: frozenset[str] = frozenset()

    def write(self, folder: Path) -> Path:
        """The table as a CSV file."""
        path = folder / f"{self.name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(self.header)
            writer.writerows(self.rows)
        return path
