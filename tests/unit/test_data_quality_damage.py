"""What happened to values on their way: encodings, spreadsheets, units, and holes in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.domain.finding import Finding
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.support.examination import findings_of
from tests.support.small_tables import found_in, of, offenders, write


def damaged(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.category == "encoding_damage"]


@pytest.mark.parametrize(
    ("usual", "wrong", "said"),
    [
        ("Zürich", "ZÃ¼rich", "read in the wrong encoding"),
        ("one\u2013two", "oneâ€“two", "read in the wrong encoding"),
        ("Köln", "K\ufffdln", "lost in a change of encoding"),
        ("Meier & Sohn", "Meier &amp; Sohn", "HTML entities"),
        ("21I0244", "2.10E+245", "exponential notation"),
        ("SEPT2", "2-Sep", "a day and a month"),
        ("reading", "########", "what a spreadsheet shows"),
    ],
)
async def test_damaged_text(tmp_path: Path, usual: str, wrong: str, said: str) -> None:
    rows = [[n, f"{usual}", n * 7 % 31] for n in range(200)]
    rows[17][1], rows[90][1] = wrong, wrong
    (finding,) = damaged(await found_in(tmp_path, ("id", "label", "load"), rows))
    assert said in finding.title
    assert finding.title.startswith("2 values of label")
    shown = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert shown == [(17, wrong), (90, wrong)]


async def test_text_in_other_scripts_is_not_damaged(tmp_path: Path) -> None:
    names = ["Ângela", "São Paulo", "Łódź", "naïve", "北京", "Ærø", "R&D", "a&b; c", "E+E"]
    rows = [[n, names[n % len(names)]] for n in range(200)]
    assert damaged(await found_in(tmp_path, ("id", "label"), rows)) == []


async def test_codes_without_their_leading_zero(tmp_path: Path) -> None:
    rows = [[n, f"A{n}", f"{n * 37 % 90_000 + 4_000:05}"] for n in range(400)]
    for n in range(0, 30, 3):
        rows[n][2] = f"{4_000 + n}"
    findings = await found_in(tmp_path, ("id", "label", "branch"), rows)
    (finding,) = damaged(findings)
    assert finding.title.startswith("10 values of branch lack a leading zero")
    assert len(await offenders(finding, tmp_path / "t.csv", tmp_path)) == 10


async def test_numbers_of_any_length_lack_no_zeros(tmp_path: Path) -> None:
    rows = [[n, n * n] for n in range(300)]
    assert damaged(await found_in(tmp_path, ("id", "area"), rows)) == []


async def test_a_unit_that_prevails_makes_the_others_exceptions(tmp_path: Path) -> None:
    rows = [[n, f"{n % 40}.5 {'lbs' if n % 20 == 3 else 'kg'}"] for n in range(200)]
    findings = await found_in(tmp_path, ("id", "mass"), rows)
    assert of(findings, "unit_mix", "mass").rows == 10


async def test_where_no_unit_prevails_every_value_is_wrong(tmp_path: Path) -> None:
    rows = [[n, f"{n % 40}.5 {['kg', 'KG', 'kilo'][n % 3]}"] for n in range(210)]
    finding = of(await found_in(tmp_path, ("id", "mass"), rows), "unit_mix", "mass")
    assert finding.rows == 210
    assert len(await offenders(finding, tmp_path / "t.csv", tmp_path)) == 210


async def test_a_group_in_another_unit_stands_out(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[n, round(50 + n * 7.3 % 40, 1)] for n in range(1000)]
    for n in range(0, 1000, 60):
        rows[n][1] = rows[n][1] * 1000
    finding = of(await found_in(tmp_path, ("id", "mass"), rows), "outlier", "mass")
    assert finding.title.startswith("17 rows of mass (1.7 %) lie between 5")
    assert finding.title.endswith("in a unit that is a thousand times smaller.")
    shown = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert [row[0] for row in shown] == list(range(0, 1000, 60))


async def test_a_long_tail_has_no_outliers(tmp_path: Path) -> None:
    rows = [[n, round(1.012**n, 3)] for n in range(900)]
    findings = await found_in(tmp_path, ("id", "income"), rows)
    assert not [finding for finding in findings if finding.category == "outlier"]


BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def hourly(hours: int, *, without: range = range(0)) -> list[list[Any]]:
    return [
        [f"{BEGIN + timedelta(hours=n):%Y-%m-%d %H:%M:%S}", n * 7 % 31]
        for n in range(hours)
        if n not in without
    ]


async def test_a_hole_in_a_regular_series(tmp_path: Path) -> None:
    rows = hourly(500, without=range(100, 125))
    findings = await found_in(tmp_path, ("at", "load"), rows)
    finding = of(findings, "time_gap", "at")
    assert finding.title == (
        "at has 1 hole, although a record comes every hour: 1.1 days from 2026-03-05 03:00:00."
    )
    assert finding.severity == "medium"
    ((row_id, *_),) = await offenders(finding, tmp_path / "t.csv", tmp_path)
    assert row_id == 100


async def test_nights_and_weekends_are_no_holes(tmp_path: Path) -> None:
    hours = [n for n in range(24 * 60) if n % 24 < 20 and n // 24 % 7 < 5]
    rows = [[f"{BEGIN + timedelta(hours=n):%Y-%m-%d %H:%M:%S}", n * 7 % 31] for n in hours]
    findings = await found_in(tmp_path, ("at", "load"), rows)
    assert not [finding for finding in findings if finding.category == "time_gap"]


async def test_instants_without_a_rhythm_have_no_holes(tmp_path: Path) -> None:
    rows = [[f"{BEGIN + timedelta(minutes=n**2):%Y-%m-%d %H:%M:%S}", n] for n in range(300)]
    findings = await found_in(tmp_path, ("at", "load"), rows)
    assert not [finding for finding in findings if finding.category == "time_gap"]


async def test_a_table_that_ends_before_the_one_it_belongs_to(tmp_path: Path) -> None:
    sales = write(tmp_path / "sales.csv", ("at", "load"), hourly(600))
    stock = write(tmp_path / "stock.csv", ("at", "left"), hourly(550))
    findings = await findings_of(
        DATA_QUALITY_ENGINEER, sales, stock, names=("sales", "stock"), cache=tmp_path
    )
    (finding,) = [finding for finding in findings if finding.category == "stale_data"]
    assert finding.subject.table == "stock"
    assert finding.title.startswith("stock ends 2.1 days before sales")


async def test_tables_about_different_periods_are_not_stale(tmp_path: Path) -> None:
    sales = write(tmp_path / "sales.csv", ("at", "load"), hourly(600))
    stock = write(tmp_path / "stock.csv", ("at", "left"), hourly(200))
    findings = await findings_of(DATA_QUALITY_ENGINEER, sales, stock, cache=tmp_path)
    assert not [finding for finding in findings if finding.category == "stale_data"]
