"""Things that are written twice in different spellings, and things that merely have many rows."""

from itertools import combinations
from pathlib import Path
from typing import Any

from agents.domain.finding import Finding
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.support.examination import findings_of
from tests.support.small_tables import found_in, of, offenders

DATA = Path(__file__).parents[1] / "data"

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so")


def word(number: int, length: int = 3) -> str:
    """A word of its own for each number, not near that of the next."""
    drawn = number * 7919 + 104_729
    parts = []
    for _ in range(length):
        drawn, at = divmod(drawn, len(SYLLABLES))
        parts.append(SYLLABLES[at])
    return "".join(parts)


def people(count: int = 120) -> list[list[Any]]:
    """Rows of number, name, street, town and birth year: each is somebody else."""
    return [
        [
            f"P{n:04}",
            f"{word(n, 4)} {word(n * 31 + 5, 3)}",
            f"{word(n * 17 + 3, 4)} street",
            word(n * 13 % 37, 3),
            1930 + n * 11 % 70,
        ]
        for n in range(count)
    ]


HEADER = ("no", "firm", "street", "town", "founded")


def twins(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.category == "near_duplicate_rows"]


async def test_a_thing_in_two_spellings_is_found(tmp_path: Path) -> None:
    rows = people()
    twin = list(rows[7])
    twin[0], twin[1] = "P9001", twin[1][:3] + "x" + twin[1][4:]
    other = list(rows[50])
    other[0], other[2] = "P9002", other[2].replace("street", "stret")
    findings = await found_in(tmp_path, HEADER, [*rows, twin, other])
    finding = of(findings, "near_duplicate_rows")
    assert finding.title.startswith("2 rows of 122 (1.6 %) seem to describe what another row")
    shown = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert [row[:2] for row in shown] == [(7, 7), (120, 7), (50, 50), (121, 50)]


async def test_different_things_are_left_alone(tmp_path: Path) -> None:
    assert twins(await found_in(tmp_path, HEADER, people())) == []


async def test_rows_that_are_equal_are_only_duplicates(tmp_path: Path) -> None:
    rows = people()
    findings = await found_in(tmp_path, HEADER, [*rows, rows[5], rows[9]])
    assert twins(findings) == []
    assert of(findings, "duplicate_rows").rows == 4


async def test_a_thing_with_several_rows_is_not_written_twice(tmp_path: Path) -> None:
    rows = [[*person, line, line * 7 % 5] for person in people() for line in range(1 + len(person))]
    header = (*HEADER, "line", "quantity")
    assert twins(await found_in(tmp_path, header, rows[: 2 * 120])) == []


async def test_houses_of_one_street_are_different_things(tmp_path: Path) -> None:
    rows = [
        [n, f"{word(n, 4)} shop", f"{12 + n} {word(n // 3, 4)} street", word(n // 3, 3)]
        for n in range(150)
    ]
    assert twins(await found_in(tmp_path, ("no", "shop", "address", "town"), rows)) == []


async def test_most_duplicate_persons_are_found_and_hardly_any_other(tmp_path: Path) -> None:
    file = DATA / "febrl.csv"
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    finding = of(findings, "near_duplicate_rows")
    groups: dict[int, list[int]] = {}
    for row_id, same_as, *_ in await offenders(finding, file, tmp_path):
        groups.setdefault(same_as, []).append(row_id)
    entities = [line.split("-")[1] for line in file.read_text().splitlines()[1:]]
    pairs = [pair for group in groups.values() for pair in combinations(group, 2)]
    right = [pair for pair in pairs if entities[pair[0]] == entities[pair[1]]]
    assert len(right) >= 0.95 * 500
    assert len(right) >= 0.98 * len(pairs)
