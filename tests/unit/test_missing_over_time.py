"""When values are missing: drawn where the share varies over time, and only there."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from agents.domain.finding import MAX_SERIES_POINTS, Finding, Series
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.tools.missing_over_time import (
    MAX_PERIODS,
    MIN_PERIODS,
    MissingOverTime,
    missing_over_time,
)
from tests.support.examination import examination_of, findings_of
from tests.support.small_tables import found_in, of, write

DATA = Path(__file__).parents[1] / "data"
START = datetime.fromisoformat("2025-01-01")
Share = Callable[[int], float]
"""Of the rows of a day, those without a value."""


def rows(shares: Sequence[Share], *, days: int = 364, a_day: int = 20) -> list[list[object]]:
    """A row every so often, with a column for each share."""
    chance = Random(7)
    return [
        [
            number,
            START + timedelta(days=number / a_day),
            *("" if chance.random() < share(number // a_day) else "x" for share in shares),
        ]
        for number in range(days * a_day)
    ]


async def measured(
    folder: Path, content: Sequence[Sequence[object]], *columns: str, header: Sequence[str] = ()
) -> MissingOverTime | None:
    file = write(folder / "t.csv", header or ["id", "at", *columns], content)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=folder) as examination:
        return await examination.use(missing_over_time, table="data", columns=columns)


def drawn(finding: Finding) -> list[Series]:
    return [each.series for each in finding.evidence if each.series is not None]


async def test_a_share_that_changes_once_is_drawn_with_the_share_on_both_sides(
    tmp_path: Path,
) -> None:
    found = await measured(tmp_path, rows([lambda day: 0.02 if day < 182 else 0.5]), "coupon")
    assert found is not None
    assert (found.time, found.unit) == ("at", "week")
    (course,) = found.courses
    assert course.name == "coupon"
    points, marks = course.course.points, course.course.marks
    assert MIN_PERIODS <= len(points) <= MAX_PERIODS <= MAX_SERIES_POINTS
    assert all(point.value < 0.1 for point in points[:25])
    assert all(point.value > 0.3 for point in points[27:])
    assert [(mark.since[:10], mark.until[:7]) for mark in marks] == [
        (points[0].at[:10], "2025-06"),
        (marks[0].until[:10], "2025-12"),
    ]
    before, after = (float(mark.label.removesuffix(" %")) for mark in marks)
    assert before == pytest.approx(2, abs=1)
    assert after == pytest.approx(50, abs=3)


@pytest.mark.parametrize(
    "share",
    [lambda _: 0.3, lambda _: 0.0, lambda _: 1.0, lambda day: 0.30 + 0.02 * (day % 2)],
    ids=["even", "none", "all", "hardly uneven"],
)
async def test_what_does_not_vary_is_not_drawn(tmp_path: Path, share: Share) -> None:
    found = await measured(tmp_path, rows([share]), "coupon")
    assert found is not None
    assert found.courses == ()


async def test_the_one_that_varies_most_comes_first(tmp_path: Path) -> None:
    shares = [
        lambda day: 0.3 if day < 200 else 0.5,
        lambda day: 0.0 if day < 200 else 1.0,
        lambda _: 0.2,
    ]
    found = await measured(tmp_path, rows(shares), "a", "b", "c")
    assert found is not None
    assert [course.name for course in found.courses] == ["b", "a"]
    assert found.courses[0].effect > 0.9 > found.courses[1].effect > 0.1


async def test_a_few_that_are_missing_on_one_day_are_seen(tmp_path: Path) -> None:
    content = rows([lambda day: 1.0 if day == 40 else 0.0], days=100, a_day=30)
    found = await measured(tmp_path, content, "coupon")
    assert found is not None
    (course,) = found.courses
    assert found.unit == "day"
    assert [point.at[:10] for point in course.course.points if point.value > 0] == ["2025-02-10"]


async def test_periods_are_longer_where_rows_are_few(tmp_path: Path) -> None:
    content = rows([lambda day: 0.0 if day < 182 else 0.8], a_day=1)
    found = await measured(tmp_path, content, "coupon")
    assert found is not None
    assert found.unit == "month"


@pytest.mark.parametrize(
    ("header", "days"),
    [(["id", "birth_date", "coupon"], 364), (["id", "at", "coupon"], 2)],
    ids=["born, not happened", "too short"],
)
async def test_without_a_time_that_rows_happened_there_is_no_course(
    tmp_path: Path, header: list[str], days: int
) -> None:
    content = [
        [number, (at if days == 2 else at.date()), coupon]
        for number, at, coupon in rows([lambda day: day % 2], days=days, a_day=20)
        if isinstance(at, datetime) and (days > 2 or at.hour < 5)
    ]
    assert await measured(tmp_path, content, "coupon", header=header) is None


async def test_a_time_that_many_rows_lack_is_not_taken(tmp_path: Path) -> None:
    content = [
        [number, at if place % 10 else "", coupon]
        for place, (number, at, coupon) in enumerate(rows([lambda day: day > 100]))
    ]
    assert await measured(tmp_path, content, "coupon") is None


async def test_a_finding_about_missing_values_has_the_course(tmp_path: Path) -> None:
    content = rows([lambda day: 0.0 if day < 182 else 0.4, lambda _: 0.1])
    findings = await found_in(tmp_path, ["id", "at", "coupon", "note"], content)
    (course,) = drawn(of(findings, "missing_values", "coupon"))
    assert course.unit == "week"
    assert drawn(of(findings, "missing_values", "note")) == []


async def test_columns_that_are_missing_together_have_one_course(tmp_path: Path) -> None:
    findings = await findings_of(DATA_QUALITY_ENGINEER, DATA / "flights.parquet", cache=tmp_path)
    together = [each for each in findings if "are missing together" in each.title]
    assert [len(drawn(each)) for each in together] == [1]
    (worst,) = [
        max(course.points, key=lambda point: point.value)
        for each in together
        for course in drawn(each)
    ]
    assert worst.value > 0.1


async def test_without_the_tool_there_is_no_course_and_nothing_else_is_lost(
    tmp_path: Path,
) -> None:
    content = rows([lambda day: 0.0 if day < 182 else 0.4])
    file = write(tmp_path / "t.csv", ["id", "at", "coupon"], content)
    async with examination_of(
        DATA_QUALITY_ENGINEER, file, cache=tmp_path, failing=[missing_over_time.name]
    ) as examination:
        findings = await DATA_QUALITY_ENGINEER.examine(examination)
    assert drawn(of(findings, "missing_values", "coupon")) == []
    assert any(note.startswith("The course of what is missing") for note in examination.notes)
