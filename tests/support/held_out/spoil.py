"""Tables with a clean and a spoilt version, and the slips that people and programs make."""

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

Row: TypeAlias = dict[str, str]

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """The same rows twice: as they should be and as they are."""

    clean: Sequence[Row]
    dirty: Sequence[Row]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The files of the dirty and of the clean version."""
        files = folder / "dirty.csv", folder / "clean.csv"
        for file, rows in zip(files, (self.dirty, self.clean), strict=True):
            write_rows(file, rows)
        return files


class Spoiler:
    """Changes some values of a column at a time, each cell once at most."""

    def __init__(self, rows: Sequence[Row], *, seed: int) -> None:
        self._clean = rows
        self._dirty = [dict(row) for row in rows]
        self._random = random.Random(seed)

    def change(self, column: str, rate: float, slip: Callable[[str, random.Random], str]) -> None:
        """Put `slip(value, random)` into that share of the column's values."""
        for number in range(len(self._dirty)):
            if self._random.random() < rate:
                self.put(number, column, slip(self._clean[number][column], self._random))

    def swap_in(self, column: str, rate: float) -> None:
        """Put another value of the column into that share of its rows."""
        values = sorted({row[column] for row in self._clean})
        self.change(column, rate, lambda value, chance: chance.choice(values))

    def put(self, number: int, column: str, value: str) -> None:
        """Put a value into one row, unless that cell is spoilt already."""
        if self._dirty[number][column] == self._clean[number][column]:
            self._dirty[number][column] = value

    def spoilt(self) -> Spoilt:
        return Spoilt(clean=self._clean, dirty=self._dirty)


def typo(value: str, chance: random.Random) -> str:
    """One letter dropped, doubled, replaced, or exchanged with the next."""
    places = [n for n, character in enumerate(value) if character.isalpha()]
    if len(places) < 2:
        return value
    at = chance.choice(places[1:])
    kind = chance.randrange(4)
    if kind == 0:
        return value[:at] + value[at + 1 :]
    if kind == 1:
        return value[:at] + value[at] + value[at:]
    if kind == 2:
        return value[:at] + chance.choice(LETTERS) + value[at + 1 :]
    return value[: at - 1] + value[at] + value[at - 1] + value[at + 1 :]


def one_of(*texts: str) -> Callable[[str, random.Random], str]:
    """A slip that writes one of the texts whatever the value is."""
    return lambda value, chance: chance.choice(texts)


def times(factor: float) -> Callable[[str, random.Random], str]:
    """A slip that writes a number so many times too large."""
    return lambda value, chance: f"{float(value) * factor:g}"


def put(template: str) -> Callable[[str, random.Random], str]:
    """A slip that writes the value into a text."""
    return lambda value, chance: template.format(value)


def write_rows(file: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file
