"""Keys that identify a row only together: found, told when they are broken, and not made up."""

from itertools import product
from pathlib import Path
from typing import Any

from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.tools.candidate_keys import CandidateKeys, candidate_keys
from tests.support.examination import examination_of
from tests.support.small_tables import found_in, of, offenders, write

HEADER = ("order_id", "line_no", "quantity")
LINES = [
    [1000 + order, line, (order * 7 + line * 3) % 50]
    for order in range(500)
    for line in range(1, 2 + order * 5 % 4)
]


async def keys_of(folder: Path, header: tuple[str, ...], rows: list[list[Any]]) -> CandidateKeys:
    file = write(folder / "t.csv", header, rows)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=folder) as examination:
        return await examination.use(candidate_keys, table="data")


async def test_a_few_duplicates_of_a_pair_are_told_with_their_rows(tmp_path: Path) -> None:
    again = [[order, line, 51] for order, line, _ in LINES[:3]]
    findings = await found_in(tmp_path, HEADER, [*LINES, *again])
    finding = of(findings, "duplicate_key")
    assert finding.title == (
        "order_id and line_no identify every row but 6, which share 3 combinations."
    )
    assert (finding.severity, finding.rows) == ("low", 6)
    assert finding.reason.endswith("and they are named like keys")
    rows = await offenders(finding, tmp_path / "t.csv", tmp_path)
    first = len(LINES)
    assert sorted(row[0] for row in rows) == [0, 1, 2, first, first + 1, first + 2]


async def test_a_number_given_to_each_row_does_not_hide_a_broken_pair(tmp_path: Path) -> None:
    rows = [[n, *row] for n, row in enumerate([*LINES, *LINES[:2]])]
    findings = await found_in(tmp_path, ("id", *HEADER), rows)
    finding = of(findings, "duplicate_key")
    assert finding.title.startswith("order_id and line_no identify every row but 4")
    assert finding.impact.endswith("while id identifies every row.")


async def test_a_pair_that_holds_is_a_key_and_no_finding(tmp_path: Path) -> None:
    measured = await keys_of(tmp_path, HEADER, LINES)
    assert measured.keys == (("order_id", "line_no"),)
    assert measured.near_keys == ()


async def test_a_key_that_does_not_need_a_column_is_told_without_it(tmp_path: Path) -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 7) for day in range(1, 29)]
    rows = [[shop, day, shop % 3] for shop, day in product(range(9), days)]
    measured = await keys_of(tmp_path, ("shop", "day", "region"), rows)
    assert measured.keys == (("shop", "day"),)


async def test_columns_that_repeat_as_chance_has_it_are_no_key(tmp_path: Path) -> None:
    rows = [[n, n * 7919 % 83, n * 104_729 % 61, n % 7] for n in range(2000)]
    independent = [[n, hash_of(n, 1) % 60, hash_of(n, 2) % 50, hash_of(n, 3) % 4] for n, *_ in rows]
    measured = await keys_of(tmp_path, ("id", "a_id", "b_id", "c"), independent)
    assert measured.keys == (("id",),)
    assert measured.near_keys == ()


def hash_of(number: int, salt: int) -> int:
    """A number that looks drawn by lot, the same in every run."""
    mixed = (number * 2_654_435_761 + salt * 40_503) % 2**32
    return (mixed ^ (mixed >> 15)) * 2_246_822_519 % 2**32 >> 7
