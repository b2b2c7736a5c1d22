"""Dates, units, separators and rules of several columns, on tables made to have one fault each."""

import random
from pathlib import Path

import pytest

from agents.tools.parts_of_time import part_of_time
from agents.tools.profile import ColumnProfile
from tests.support.small_tables import found_in, of

DAYS = [(2000 + n % 20, 1 + n % 12, 1 + n % 28) for n in range(200)]


async def test_dates_in_another_order_are_told_from_the_usual_ones(tmp_path: Path) -> None:
    written = [
        f"{day:02}/{month:02}/{year}" if n % 10 == 0 else f"{year}-{month:02}-{day:02}"
        for n, (year, month, day) in enumerate(DAYS)
    ]
    findings = await found_in(
        tmp_path, ["signed", "n"], [[each, n] for n, each in enumerate(written)]
    )
    mixed = of(findings, "unit_mix", "signed")
    assert mixed.rows == 20
    assert "writes its dates in 2 ways" in mixed.title
    assert len(findings) == 1


async def test_days_and_months_that_change_places_are_said_to_be_undecidable(
    tmp_path: Path,
) -> None:
    written = [
        f"{month}/{day}/{year}" if n % 8 == 0 else f"{day}/{month}/{year}"
        for n, (year, month, day) in enumerate(DAYS)
    ]
    mixed = of(
        await found_in(tmp_path, ["signed", "n"], [[each, n] for n, each in enumerate(written)]),
        "unit_mix",
        "signed",
    )
    assert "cannot be told" in mixed.title
    assert mixed.confidence < 0.9


async def test_dates_written_in_one_way_are_no_finding(tmp_path: Path) -> None:
    rows = [[f"{day}. March {year}", n] for n, (year, _, day) in enumerate(DAYS)]
    assert await found_in(tmp_path, ["signed", "n"], rows) == ()


async def test_units_of_different_kinds_belong_to_one_column(tmp_path: Path) -> None:
    rows = [[f"{100 + n} {'ml' if n % 3 else 'g'}", n] for n in range(200)]
    assert await found_in(tmp_path, ["size", "n"], rows) == ()


async def test_units_of_one_kind_do_not(tmp_path: Path) -> None:
    rows = [[f"{100 + n} {'kg' if n % 3 else 'lb'}", n] for n in range(200)]
    assert of(await found_in(tmp_path, ["load", "n"], rows), "unit_mix", "load")


async def test_hours_and_minutes_are_a_unit_like_minutes(tmp_path: Path) -> None:
    rows = [[f"{60 + n} min" if n % 10 else f"1 h {n % 60} min", n] for n in range(200)]
    assert of(await found_in(tmp_path, ["lasts", "n"], rows), "unit_mix", "lasts").rows == 20


async def test_the_same_parts_with_other_separators_are_violations(tmp_path: Path) -> None:
    rows = [[f"{n + 5}-{n + 9}" if n % 9 else f"{n + 5} to {n + 9}", n] for n in range(180)]
    assert (
        of(await found_in(tmp_path, ["pages", "n"], rows), "pattern_violation", "pages").rows == 20
    )


async def test_two_columns_together_determine_a_third(tmp_path: Path) -> None:
    chance = random.Random(4)
    rows = []
    for n in range(600):
        plan, term = chance.choice("abc"), chance.choice(("month", "year"))
        price = f"{ord(plan) - 90}.50" if term == "month" else f"{10 * ord(plan) - 900}.00"
        rows.append([n, plan, term, "1.25" if n in (7, 70, 170, 300) else price])
    broken = of(
        await found_in(tmp_path, ["no", "plan", "term", "price"], rows),
        "broken_dependency",
        "price",
    )
    assert broken.rows == 4
    assert "together determine it" in broken.title


async def test_sources_that_mostly_agree_show_which_of_them_errs(tmp_path: Path) -> None:
    chance = random.Random(5)
    rows = []
    for flight in range(60):
        gate = f"{chance.choice('ABCD')}{chance.randrange(60)}"
        for source in ("web", "radio", "desk", "app", "board"):
            is_wrong = chance.random() < 0.15
            rows.append([source, f"F{flight}", f"X{chance.randrange(999)}" if is_wrong else gate])
    wrong = sum(row[2].startswith("X") for row in rows)
    broken = of(
        await found_in(tmp_path, ["source", "flight", "gate"], rows), "broken_dependency", "gate"
    )
    assert broken.rows is not None
    assert wrong - 4 <= broken.rows <= wrong


async def test_of_two_columns_that_contradict_the_one_without_a_witness_is_wrong(
    tmp_path: Path,
) -> None:
    chance = random.Random(6)
    places = [(str(10_100 + 37 * n), 200 + n, f"S{n % 9}") for n in range(27)]
    rows: list[list[object]] = [list(chance.choice(places)) for _ in range(1500)]
    for n in range(0, 1500, 100):
        rows[n][1] = 200 + (int(str(rows[n][1])) - 199 + n // 100 % 8) % 27
    findings = await found_in(
        tmp_path, ["n", "postal", "area", "state"], [[n, *row] for n, row in enumerate(rows)]
    )
    assert of(findings, "broken_dependency", "area").rows == 15
    assert {finding.subject.column for finding in findings} == {"area"}


async def test_an_exception_that_is_frequent_is_another_rule(tmp_path: Path) -> None:
    zones = ["Denver", "Chicago", "New York", "Los Angeles", "Anchorage", "Honolulu"]
    rows = [[n, n % 6, zones[n % 6]] for n in range(900)]
    for row in rows[:240:6]:
        row[2] = "Phoenix"
    assert await found_in(tmp_path, ["n", "offset", "zone"], rows) == ()


async def test_a_few_equal_rows_without_a_key_may_be_chance(tmp_path: Path) -> None:
    chance = random.Random(7)
    rows = [
        [chance.randrange(40), chance.randrange(30), chance.choice("abcdef"), chance.choice("xyz")]
        for _ in range(300)
    ]
    findings = await found_in(tmp_path, ["age", "hours", "job", "kin"], rows)
    assert of(findings, "duplicate_rows").severity == "info"


async def test_a_load_that_ran_twice_is_no_chance(tmp_path: Path) -> None:
    chance = random.Random(8)
    rows = [[chance.random(), chance.random(), chance.choice("xyz")] for _ in range(300)]
    findings = await found_in(tmp_path, ["a", "b", "c"], [*rows, *rows[:2]])
    assert of(findings, "duplicate_rows").severity == "medium"


async def test_a_date_of_leaving_may_be_empty(tmp_path: Path) -> None:
    rows = [[n, f"2020-01-{1 + n % 28:02}" if n % 4 == 0 else ""] for n in range(200)]
    findings = await found_in(tmp_path, ["no", "left_on"], rows)
    assert of(findings, "missing_values", "left_on").severity == "info"


@pytest.mark.parametrize(
    ("name", "quantiles", "part"),
    [
        ("YearBuilt", (1900, 1910, 1950, 1970, 2000, 2008, 2009), "year"),
        ("month_sold", (1, 1, 4, 6, 8, 12, 12), "month"),
        ("Time (24hr)", (30, 200, 900, 1300, 1700, 2100, 2330), "time of day"),
        ("time", (1, 2, 4, 6, 8, 12, 40), None),
        ("years_employed", (1, 2, 4, 6, 8, 12, 40), None),
    ],
)
def test_numbers_are_parts_of_a_time_by_name_and_range(
    name: str, quantiles: tuple[float, ...], part: str | None
) -> None:
    column = ColumnProfile(
        name=name,
        type="BIGINT",
        kind="number",
        nulls=0,
        distinct=50,
        single=0,
        repetition=0.02,
        top=(),
        quantiles=quantiles,
    )
    assert part_of_time(column) == part
