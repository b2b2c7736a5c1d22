"""The cells behind findings."""

from pathlib import Path

from agents.offenders import offenders_of
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.support.examination import examination_of
from tests.support.small_tables import write


async def test_what_is_shown_beside_a_column_is_no_cell(tmp_path: Path) -> None:
    lands = ("DE", "CH", "EG", "IN", "US", "IT")
    rows = [[n, f"city {'abcdef'[n % 6]}", lands[n % 6]] for n in range(120)]
    rows[13][2] = "IT"
    file = write(tmp_path / "t.csv", ("id", "city", "land"), rows)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
        cells = [cell async for cell in offenders_of(findings, examination._data)]
    assert [(cell.row_id, cell.column, cell.value) for cell in cells] == [(13, "land", "IT")]


async def test_rows_shown_without_a_column_stand_for_themselves(tmp_path: Path) -> None:
    rows = [[n, "blank" if n % 2 else "unknown", n * 7 % 31] for n in range(200)]
    file = write(tmp_path / "t.csv", ("id", "colour", "load"), rows)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
        assert [finding.category for finding in findings] == ["hidden_missing"]
        cells = [cell async for cell in offenders_of(findings, examination._data)]
    assert [cell.row_id for cell in cells] == list(range(0, 200, 2))
    assert {cell.column for cell in cells} == {None}
