"""Where a bound leaves something out, the tool says so, and the specialist notes it."""

from pathlib import Path
from typing import Any

import pytest

from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tools import joint_dependencies, merged_fields, orphans, unusual_stretches
from tests.support.examination import examination_of
from tests.support.small_tables import write

ROWS = 240


async def notes_of(folder: Path, *files: Path) -> list[str]:
    async with examination_of(DATA_QUALITY_ENGINEER, *files, cache=folder) as examination:
        await DATA_QUALITY_ENGINEER.examine(examination)
    return examination.notes


def references(folder: Path) -> tuple[Path, Path]:
    """Orders that name a customer, and customers with three keys of words."""
    orders = write(
        folder / "orders.csv", ("customer", "n"), [[f"name {n % 50}", n] for n in range(ROWS)]
    )
    keys = [[f"name {n}", f"mail {n}", f"login {n}"] for n in range(49)]
    customers = write(folder / "customers.csv", ("customer", "mail", "login"), keys)
    return orders, customers


async def test_keys_that_a_column_was_not_compared_with_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "MAX_KEYS", 2)
    assert (
        "data was not wholly examined for references to nothing: Of the more than 2 keys that "
        "customer could refer to, 2 were compared."
    ) in await notes_of(tmp_path, *references(tmp_path))


async def test_the_key_that_is_named_alike_is_compared_before_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "MAX_KEYS", 1)
    orders, _ = references(tmp_path)
    keys = [[f"login {n}", f"name {n}"] for n in range(49)]
    customers = write(tmp_path / "customers.csv", ("login", "customer"), keys)
    async with examination_of(
        DATA_QUALITY_ENGINEER, orders, customers, cache=tmp_path
    ) as examination:
        measured = await examination.use(orphans.orphans, table="data")
    assert [(each.column, each.key) for each in measured.found] == [("customer", "customer")]
    assert "1 were compared" in measured.unexamined


async def test_columns_in_which_emptied_values_were_not_looked_for_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged_fields, "MAX_COLUMNS", 1)
    rows = [
        [f"street {n % 60}", f"house {n % 70}", "" if n % 9 == 0 else ("north", "south")[n % 2]]
        for n in range(ROWS)
    ]
    file = write(tmp_path / "t.csv", ("street", "house", "side"), rows)
    assert (
        "data was not wholly examined for values of other columns: Values of side were looked for "
        "in the first 1 columns of text and not in the others."
    ) in await notes_of(tmp_path, file)


def ruled(count: int) -> list[list[Any]]:
    """Rows in which two columns determine a third one."""
    return [[n % 4, n // 4 % 5, n // 20 % 3, (n % 4) * 10 + n // 4 % 5] for n in range(count)]


async def test_pairs_of_columns_that_were_not_tried_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_dependencies, "MAX_PARTS", 2)
    rows = [[f"a{a}", f"b{b}", f"c{c}", f"d{d}"] for a, b, c, d in ruled(ROWS * 5)]
    file = write(tmp_path / "t.csv", ("a", "b", "c", "d"), rows)
    (note,) = [each for each in await notes_of(tmp_path, file) if "two others" in each]
    assert note.startswith("data was not wholly examined for values against two others: Only 1 of ")
    assert note.endswith("were looked at, the likeliest first.")


async def test_what_no_bound_touches_is_not_mentioned(tmp_path: Path) -> None:
    assert await notes_of(tmp_path, *references(tmp_path)) == []


async def test_rows_too_crowded_to_measure_intervals_between_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unusual_stretches, "MAX_INTERVALS", 300)
    monkeypatch.setattr(unusual_stretches, "ROWS_OF_STRETCH", 10)
    crowded = [f"2026-01-01 00:00:00.{n:03}" for n in range(400)]
    at = [*crowded, *(f"2026-01-02 00:{minute:02}:00.000" for minute in range(60))]
    rows = [[each, n * 37 % 101 + 0.5] for n, each in enumerate(at)]
    file = write(tmp_path / "t.csv", ("at", "load"), rows)
    async with examination_of(PERFORMANCE_ANALYST, file, cache=tmp_path) as examination:
        await PERFORMANCE_ANALYST.examine(examination)
    (note,) = examination.notes
    assert note == (
        "The course of data.load was not wholly examined: Intervals between 400 rows were not "
        "measured, since they lie closer together than the 300 rows that a stretch may have."
    )
