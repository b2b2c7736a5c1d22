"""Columns and tables that are called what a statement calls its own parts."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from agents.builtin import builtin_panel
from agents.domain.finding import Finding
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.support.examination import examination_of
from tests.support.small_tables import write
from tests.unit.test_data_quality_things import HEADER, people

START = date(2024, 1, 1)
CITIES = ["Rome", "Oslo", "Bern", "Riga", "Lima", "Kiel", "Bonn"]


async def examined(folder: Path, file: Path, name: str = "") -> list[Finding]:
    """What all specialists find; what they could not examine fails the test."""
    findings: list[Finding] = []
    for specialist in builtin_panel():
        async with examination_of(
            specialist, file, cache=folder / "cache", names=[name] if name else ()
        ) as examination:
            findings += await specialist.examine(examination)
        assert not [note for note in examination.notes if "could not be" in note]
    return findings


@pytest.mark.parametrize("kind", ["whole", "fraction", "text", "code", "day"])
async def test_columns_may_have_the_names_of_aliases(tmp_path: Path, kind: str) -> None:
    names = ("n", "v", "t", "k", "m", "x", "rows", "value", "total", "place", "moment", "share")
    cells = {
        "whole": lambda n: n * 37 % 211,
        "fraction": lambda n: n * 37 % 211 / 4,
        "text": lambda n: CITIES[n % 7],
        "code": lambda n: f"{n % 90:04}",
        "day": lambda n: START + timedelta(days=n),
    }
    cell = cells[kind]
    rows = [
        [*(cell(n + place) for place in range(len(names))), n / 7, START + timedelta(days=n)]
        for n in range(240)
    ]
    await examined(tmp_path, write(tmp_path / "t.csv", (*names, "paid", "paid_on"), rows))


def _register(folder: Path) -> Path:
    """Firms, two of them twice in other spellings, and one in the wrong country."""
    rows = [[*firm, f"land of {firm[3]}"] for firm in people()]
    rows[11][5] = rows[12][5]
    twins = [[*rows[number]] for number in (7, 50)]
    twins[0][0], twins[0][1] = "P9001", twins[0][1][:3] + "x" + twins[0][1][4:]
    twins[1][0], twins[1][2] = "P9002", twins[1][2].replace("street", "stret")
    return write(folder / "t.csv", (*HEADER, "country"), [*rows, *twins])


@pytest.mark.parametrize(
    "name",
    [
        *("a", "b", "compared", "counted", "hop0", "joined", "links", "long", "odd", "pairs"),
        *("placed", "rare", "scored", "shared", "t", "top", "u0", "usual", "w0", "whole", "wrong"),
    ],
)
async def test_tables_may_have_the_names_of_parts_of_statements(tmp_path: Path, name: str) -> None:
    file = _register(tmp_path)
    async with examination_of(
        DATA_QUALITY_ENGINEER, file, cache=tmp_path / "cache", names=[name]
    ) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
    assert not [note for note in examination.notes if "could not be" in note]
    assert {finding.category for finding in findings} >= {
        "near_duplicate_rows",
        "broken_dependency",
    }
