"""Where the business analyst sees the course of a figure break off, recur, shift or lose money."""

import math
import random
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.finding import Finding
from agents.domain.series.changes import change_points, line_cost, without_spikes
from agents.domain.series.seasons import season
from agents.specialists.business.specialist import BUSINESS_ANALYST
from tests.support.examination import examination_of

START = date(2020, 1, 1)


def noisy(levels: Iterable[float], spread: float = 1.0) -> list[float]:
    source = random.Random(7)
    return [level + source.gauss(0.0, spread) for level in levels]


class TestChangePoints:
    def test_a_step_is_found_where_it_is(self) -> None:
        assert change_points(noisy([10.0] * 60 + [16.0] * 60)) == (60,)

    def test_a_turn_of_the_slope_is_found(self) -> None:
        ((place),) = change_points(
            noisy([place * 1.0 for place in range(60)] + [60.0 - place for place in range(60)])
        )
        assert abs(place - 60) <= 3

    def test_there_and_back_are_two_changes(self) -> None:
        assert change_points(noisy([10.0] * 60 + [20.0] * 40 + [10.0] * 60)) == (60, 100)

    @pytest.mark.parametrize("number", [60, 100, 400])
    def test_noise_and_a_line_have_none(self, number: int) -> None:
        assert change_points(noisy([5.0] * number)) == ()
        assert change_points(noisy([place * 0.5 for place in range(number)])) == ()

    def test_one_wild_value_is_no_change(self) -> None:
        values = noisy([10.0] * 100)
        values[50] = 500.0
        assert change_points(values) == ()

    def test_a_constant_and_a_short_series_have_none(self) -> None:
        assert change_points([4.0] * 50) == ()
        assert change_points([1.0, 9.0] * 5) == ()

    def test_long_series_are_as_exact_as_short_ones(self) -> None:
        assert change_points(noisy([0.0] * 777 + [5.0] * 423)) == (777,)

    @given(st.lists(st.integers(-50, 50), min_size=4, max_size=40), st.integers(-9, 9))
    def test_the_cost_of_a_line_is_its_squared_error(self, values: list[int], slope: int) -> None:
        numbers = [float(value) for value in values]
        tilted = [value + slope * place for place, value in enumerate(numbers)]
        cost = line_cost(numbers)(0, len(numbers))
        assert line_cost(tilted)(0, len(tilted)) == pytest.approx(cost, abs=1e-6, rel=1e-6)
        mean = sum(numbers) / len(numbers)
        assert cost <= sum((value - mean) ** 2 for value in numbers) + 1e-6

    @given(st.lists(st.floats(-1e6, 1e6), max_size=120))
    def test_changes_are_in_order_and_apart_whatever_the_values(self, values: list[float]) -> None:
        places = [0, *change_points(values), len(values)]
        assert all(after - before >= 3 for before, after in pairwise(places)) or places == [
            0,
            len(values),
        ]

    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
    def test_taming_keeps_the_range(self, values: list[float]) -> None:
        tame = without_spikes(values)
        assert len(tame) == len(values)
        assert min(values) <= min(tame)
        assert max(tame) <= max(values)


class TestSeasons:
    def test_what_repeats_itself_exactly_is_explained_wholly(self) -> None:
        values = [place * 3.0 + (10.0 if place % 12 == 6 else 0.0) for place in range(60)]
        found = season(values, [place % 12 for place in range(60)], 12)
        assert found is not None
        assert found.strength > 0.95
        assert found.profile.index(max(found.profile)) == 6
        assert sum(found.profile) == pytest.approx(0.0)

    def test_noise_is_no_season(self) -> None:
        found = season(noisy([5.0] * 600), [place % 12 for place in range(600)], 12)
        assert found is not None
        assert found.strength < 0.2

    def test_two_cycles_and_a_constant_have_none(self) -> None:
        assert season([1.0, 2.0] * 12, [place % 12 for place in range(24)], 12) is None
        assert season([2.0] * 48, [place % 12 for place in range(48)], 12) is None


def write(path: Path, head: str, lines: Iterable[str]) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


async def found(
    path: Path, tmp_path: Path, category: str
) -> tuple[list[Finding], duckdb.DuckDBPyConnection]:
    """The findings of one category, and a shell in which their evidence runs."""
    async with examination_of(BUSINESS_ANALYST, path, cache=tmp_path / "cache") as examination:
        findings = await BUSINESS_ANALYST.examine(examination)
        setup = examination.task.datasets[0].setup_sql
    shell = duckdb.connect()
    shell.execute(setup)
    for finding in findings:
        for evidence in finding.evidence:
            if evidence.sql is not None:
                assert shell.execute(evidence.sql).fetchall(), finding.title
    return [each for each in findings if each.category == category], shell


class TestCourse:
    @pytest.mark.parametrize(
        ("head", "instant"),
        [
            ("month", lambda place: f"{2010 + place // 12}-{place % 12 + 1:02}"),
            ("year", lambda place: f"{1900 + place}"),
            ("sold_on", lambda place: f"{START + timedelta(days=place)}"),
            ("step", lambda place: f"{place}"),
        ],
    )
    async def test_a_change_is_told_with_its_first_row_however_time_is_written(
        self, tmp_path: Path, head: str, instant: object
    ) -> None:
        assert callable(instant)
        values = noisy([100.0] * 70 + [150.0] * 50)
        path = write(
            tmp_path / "a.csv",
            f"{head},output",
            (f"{instant(place)},{value:.2f}" for place, value in enumerate(values)),
        )
        (finding,), shell = await found(path, tmp_path, "change_point")
        assert finding.title.startswith("Mean output changes course once between ")
        assert "on average" in finding.title
        sql = finding.evidence[0].sql
        assert sql is not None
        with shell:
            assert [row[0] for row in shell.execute(sql).fetchall()] == [70]

    async def test_a_turn_is_told_as_one_and_a_trifle_not_at_all(self, tmp_path: Path) -> None:
        def rows(scale: float) -> Iterable[str]:
            course = [place * 1.0 for place in range(60)] + [60.0 - place for place in range(60)]
            return (
                f"{START + timedelta(days=place)},{1000 + scale * value:.4f}"
                for place, value in enumerate(noisy(course))
            )

        path = write(tmp_path / "a.csv", "sold_on,output", rows(10.0))
        (finding,), shell = await found(path, tmp_path, "change_point")
        shell.close()
        assert "turns from up to down" in finding.title
        path = write(tmp_path / "b.csv", "sold_on,output", rows(0.1))
        findings, shell = await found(path, tmp_path, "change_point")
        shell.close()
        assert findings == []

    async def test_a_steady_figure_has_none(self, tmp_path: Path) -> None:
        values = noisy([100.0] * 120)
        path = write(
            tmp_path / "a.csv",
            "sold_on,output",
            (f"{START + timedelta(days=place)},{value:.2f}" for place, value in enumerate(values)),
        )
        findings, shell = await found(path, tmp_path, "change_point")
        shell.close()
        assert findings == []

    async def test_a_year_that_repeats_itself_is_a_season_and_no_change(
        self, tmp_path: Path
    ) -> None:
        values = [
            200.0 + 50.0 * math.sin(place % 12 / 12 * 2 * math.pi) + noise
            for place, noise in enumerate(noisy([0.0] * 96))
        ]
        path = write(
            tmp_path / "a.csv",
            "month,output",
            (
                f"{2010 + place // 12}-{place % 12 + 1:02},{value:.2f}"
                for place, value in enumerate(values)
            ),
        )
        (finding,), shell = await found(path, tmp_path, "seasonality")
        shell.close()
        assert "repeats itself every year" in finding.title
        assert "in April" in finding.title
        assert "in October" in finding.title
        findings, shell = await found(path, tmp_path, "change_point")
        shell.close()
        assert findings == []


class TestLosses:
    async def test_who_costs_more_than_they_bring_in_is_named(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv",
            "sold_on,product,revenue,cost",
            (
                f"{START + timedelta(days=place)},p{place % 5},100,"
                f"{130 if place % 5 == 3 else 60 + place % 7}"
                for place in range(600)
            ),
        )
        (finding,), shell = await found(path, tmp_path, "loss_maker")
        assert finding.title.startswith("product p3 loses 3,600, ")
        assert "revenue less cost" in finding.impact
        sql = finding.evidence[0].sql
        assert sql is not None
        with shell:
            assert shell.execute(sql).fetchall()[0] == ("p3", 120, -3600.0)

    async def test_where_all_earn_nothing_is_said(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv",
            "sold_on,product,profit",
            (
                f"{START + timedelta(days=place)},p{place % 5},{20 + place % 40 - 15}"
                for place in range(600)
            ),
        )
        findings, shell = await found(path, tmp_path, "loss_maker")
        shell.close()
        assert findings == []


class TestShifts:
    async def test_an_average_that_falls_while_all_its_parts_rise_is_a_mix_effect(
        self, tmp_path: Path
    ) -> None:
        def line(place: int) -> str:
            later = place >= 400
            is_new = place % 10 < (7 if later else 1)
            delay = (10 if is_new else 50) + (3 if later else 0) + place % 3
            kind = "new" if is_new else f"old{place % 2}"
            return f"{START + timedelta(days=place)},{kind},{delay}"

        path = write(tmp_path / "a.csv", "sold_on,line,delay", map(line, range(800)))
        (finding,), shell = await found(path, tmp_path, "mix_effect")
        shell.close()
        assert finding.severity == "medium"
        assert finding.title.startswith("Mean delay fell from ")
        assert "within line it rose by" in finding.title

    async def test_an_average_that_moves_within_its_parts_is_none(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv",
            "sold_on,line,delay",
            (
                f"{START + timedelta(days=place)},l{place % 4},"
                f"{(40 if place >= 400 else 20) + place % 11}"
                for place in range(800)
            ),
        )
        findings, shell = await found(path, tmp_path, "mix_effect")
        shell.close()
        assert findings == []

    async def test_the_segment_that_drove_the_change_of_a_total_is_named(
        self, tmp_path: Path
    ) -> None:
        path = write(
            tmp_path / "a.csv",
            "sold_on,region,amount",
            (
                f"{START + timedelta(days=place)},r{place % 4},"
                f"{300 if place >= 400 and place % 4 == 2 else 100 + place % 7}"
                for place in range(800)
            ),
        )
        findings, shell = await found(path, tmp_path, "segment_driver")
        shell.close()
        assert [each.title.split("; ")[1] for each in findings] == [
            "region r2 alone rose by 19,700."
        ]

    async def test_growth_that_all_share_has_no_driver(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "a.csv",
            "sold_on,region,amount",
            (
                f"{START + timedelta(days=place)},r{place % 4},{(150 if place >= 400 else 100)}"
                for place in range(800)
            ),
        )
        findings, shell = await found(path, tmp_path, "segment_driver")
        shell.close()
        assert findings == []
