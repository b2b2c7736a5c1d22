"""What the business analyst takes for a figure, and what it says about it."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.finding import Finding
from agents.specialists.business.columns import ColumnUses
from agents.specialists.business.specialist import BUSINESS_ANALYST
from agents.tools.profile import TableProfile, profile
from agents.tools.trend import kendall, theil_sen
from tests.support.examination import examination_of, findings_of

START = date(2024, 1, 1)


def write_sales(
    path: Path,
    amount: Callable[[int], float] = lambda day: 100 + day % 7,
    *,
    days: int = 730,
    region: Callable[[int], str] = lambda row: f"region {row % 6}",
) -> Path:
    lines = ["order_id,sold_on,region,amount"]
    lines += [
        f"{1000 + row},{START + timedelta(days=row)},{region(row)},{amount(row)}"
        for row in range(days)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


async def found(tmp_path: Path, *paths: Path) -> dict[str, Finding]:
    findings = await findings_of(BUSINESS_ANALYST, *paths, cache=tmp_path / "cache")
    return {f"{finding.category} {finding.subject}": finding for finding in findings}


async def profile_of(tmp_path: Path, select: str) -> TableProfile:
    path = tmp_path / "a.parquet"
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    async with examination_of(BUSINESS_ANALYST, path, cache=tmp_path / "cache") as examination:
        return await examination.use(profile, table="data")


class TestColumnUses:
    @pytest.mark.parametrize(
        "column",
        [
            "range AS id",
            "range % 900 AS customer_id",
            "2000 + range % 20 AS year",
            "range % 12 + 1 AS month",
            "10000 + range % 500 AS zip_code",
            "48.1 + range / 1000 AS latitude",
            "11.5 + range / 1000 AS lng",
            "range * 17 AS row_number",
            "range % 24 * 100 + range % 60 AS departs",
            "range % 3 AS grade",
            "4400000000 + range * 7919 AS phone",
            "range % 400 AS building",
        ],
    )
    async def test_what_tells_apart_places_dates_or_encodes_is_no_measure(
        self, tmp_path: Path, column: str
    ) -> None:
        profiled = await profile_of(tmp_path, f"SELECT {column} FROM range(1000)")
        assert ColumnUses.of(profiled).measures == ()

    @pytest.mark.parametrize(
        ("column", "aggregate"),
        [
            ("amount", "total"),
            ("total_revenue", "total"),
            ("NumberOfVisitors", "total"),
            ("units", "total"),
            ("unit_price", "mean"),
            ("response_time", "mean"),
            ("delay", "mean"),
        ],
    )
    async def test_counts_and_money_are_added_up_and_levels_are_averaged(
        self, tmp_path: Path, column: str, aggregate: str
    ) -> None:
        profiled = await profile_of(
            tmp_path, f"SELECT (range * 37) % 211 AS {column} FROM range(1000)"
        )
        (measure,) = ColumnUses.of(profiled).measures
        assert (measure.name, measure.aggregate) == (column, aggregate)

    async def test_a_fractional_number_of_any_name_is_averaged(self, tmp_path: Path) -> None:
        profiled = await profile_of(tmp_path, "SELECT sqrt(range) AS foo FROM range(1000)")
        (measure,) = ColumnUses.of(profiled).measures
        assert (measure.name, measure.aggregate) == ("foo", "mean")

    async def test_money_is_weightier_than_anything_else(self, tmp_path: Path) -> None:
        profiled = await profile_of(
            tmp_path,
            "SELECT sqrt(range) AS foo, range % 50 AS delay, range % 60 AS revenue FROM range(999)",
        )
        assert [each.name for each in ColumnUses.of(profiled).measures] == [
            "revenue",
            "delay",
            "foo",
        ]

    async def test_time_is_a_date_or_else_year_month_and_day(self, tmp_path: Path) -> None:
        parts = "2020 + range % 4 AS year, range % 12 + 1 AS month, range % 28 + 1 AS day"
        profiled = await profile_of(tmp_path, f"SELECT {parts} FROM range(1000)")
        assert ColumnUses.of(profiled).time == ("year", "month", "day")
        dated = f"SELECT {parts}, DATE '2020-01-01' + range::INT AS sold FROM range(1000)"
        assert ColumnUses.of(await profile_of(tmp_path, dated)).time == ("sold",)

    async def test_a_year_of_many_rows_describes_things_and_dates_nothing(
        self, tmp_path: Path
    ) -> None:
        profiled = await profile_of(tmp_path, "SELECT 1990 + range % 30 AS year FROM range(1000)")
        assert ColumnUses.of(profiled).time == ()

    async def test_segments_are_texts_of_few_values_that_name_nobody(self, tmp_path: Path) -> None:
        profiled = await profile_of(
            tmp_path,
            "SELECT 'r' || range % 5 AS region, 'p' || range % 900 AS product, 'x' AS constant, "
            "'n' || range % 7 AS first_name FROM range(1000)",
        )
        assert ColumnUses.of(profiled).segments == ("region",)


class TestFigures:
    async def test_a_total_is_told_with_its_course(self, tmp_path: Path) -> None:
        findings = await found(tmp_path, write_sales(tmp_path / "a.csv"))
        kpi = findings["kpi data.amount"]
        assert kpi.title.startswith("Total amount is 75,180 from 2024-01 to 2025-12: lowest in")
        assert kpi.severity == "info"
        assert "added up" in kpi.impact
        assert "sold_on for when it happened" in kpi.impact

    async def test_steady_figures_have_no_trend(self, tmp_path: Path) -> None:
        findings = await found(tmp_path, write_sales(tmp_path / "a.csv"))
        assert not [name for name in findings if name.startswith("trend")]

    async def test_growth_is_a_trend_with_its_slope(self, tmp_path: Path) -> None:
        path = write_sales(tmp_path / "a.csv", lambda day: 100 + day)
        trend = (await found(tmp_path, path))["trend data.amount"]
        assert "rises by about" in trend.title
        assert {each.metric for each in trend.evidence} >= {
            "slope per month",
            "p of Kendall's test",
        }

    async def test_a_last_period_out_of_all_range_is_worth_a_question(self, tmp_path: Path) -> None:
        path = write_sales(tmp_path / "a.csv", lambda day: 900 if day > 699 else 100 + day % 7)
        kpi = (await found(tmp_path, path))["kpi data.amount"]
        assert kpi.severity == "low"
        assert "2025-12" in kpi.recommendation

    async def test_a_torn_last_month_is_not_compared(self, tmp_path: Path) -> None:
        path = write_sales(tmp_path / "a.csv", days=735)
        assert "to 2025-12:" in (await found(tmp_path, path))["kpi data.amount"].title

    async def test_money_on_few_shoulders_is_concentrated(self, tmp_path: Path) -> None:
        path = write_sales(
            tmp_path / "a.csv",
            lambda row: 5000 if row % 12 == 0 else 10 + row % 11,
            region=lambda row: f"region {row % 12}",
        )
        finding = (await found(tmp_path, path))["concentration data.region"]
        assert finding.title.startswith("The 3 largest of 12 values of region have")
        assert "of amount; the largest, region 0," in finding.title
        assert finding.severity == "low"

    async def test_customers_who_bring_in_most_are_found_by_their_id(self, tmp_path: Path) -> None:
        lines = ["sold_on,customer_id,amount"]
        lines += [
            f"{START + timedelta(days=row % 300)},{row % 50},{900 if row % 50 < 10 else row % 9}"
            for row in range(1500)
        ]
        path = tmp_path / "a.csv"
        path.write_text("\n".join(lines) + "\n")
        finding = (await found(tmp_path, path))["concentration data.customer_id"]
        assert finding.title.startswith("The 10 largest of 50 values of customer_id have 9")

    async def test_evenly_spread_money_is_not(self, tmp_path: Path) -> None:
        findings = await found(tmp_path, write_sales(tmp_path / "a.csv"))
        assert not [name for name in findings if name.startswith("concentration")]

    async def test_an_average_that_differs_by_segment_says_where(self, tmp_path: Path) -> None:
        lines = ["happened_on,shop,delay"]
        lines += [
            f"{START + timedelta(days=row % 300)},shop {row % 4},{(row % 4) * 30 + row % 19}"
            for row in range(2000)
        ]
        path = tmp_path / "a.csv"
        path.write_text("\n".join(lines) + "\n")
        finding = (await found(tmp_path, path))["segment_driver data.delay"]
        assert finding.title.startswith("Mean delay depends on shop: ")
        assert "for shop 0" in finding.title
        assert "for shop 3" in finding.title

    async def test_a_list_of_things_has_no_figures(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        lines = [f"code{row},48.{row},{row % 7},type {row % 6}" for row in range(300)]
        path.write_text("\n".join(["code,lat,rank,kind", *lines]) + "\n")
        assert await found(tmp_path, path) == {}

    async def test_every_evidence_runs_in_a_fresh_shell(self, tmp_path: Path) -> None:
        path = write_sales(
            tmp_path / "a.csv",
            lambda row: row + (5000 if row % 12 == 0 else row % 11),
            region=lambda row: f"region {row % 12}",
        )
        async with examination_of(BUSINESS_ANALYST, path, cache=tmp_path / "cache") as examination:
            findings = await BUSINESS_ANALYST.examine(examination)
            setup = examination.task.datasets[0].setup_sql
        assert {finding.category for finding in findings} == {"kpi", "trend", "concentration"}
        with duckdb.connect() as shell:
            shell.execute(setup)
            for finding in findings:
                for evidence in finding.evidence:
                    if evidence.sql is not None:
                        assert shell.execute(evidence.sql).fetchall()
                    if evidence.metric.startswith("slope"):
                        assert evidence.sql is not None
                        ((slope,),) = shell.execute(evidence.sql).fetchall()
                        assert slope == pytest.approx(evidence.value)

    async def test_the_same_file_gives_the_same_findings_whatever_the_threads(
        self, tmp_path: Path
    ) -> None:
        path = write_sales(tmp_path / "a.csv", lambda row: row / 7)
        one, two = [
            await findings_of(
                BUSINESS_ANALYST, path, cache=tmp_path / f"cache{threads}", threads=threads
            )
            for threads in (1, 2)
        ]
        assert one == two

    async def test_without_a_measure_it_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("name\n" + "".join(f"n{row}\n" for row in range(20)))
        async with examination_of(BUSINESS_ANALYST, path, cache=tmp_path / "cache") as examination:
            assert await BUSINESS_ANALYST.examine(examination) == []
        assert examination.notes == ["data has no column that looks like a measure."]

    async def test_a_tool_that_fails_costs_its_findings_only(self, tmp_path: Path) -> None:
        path = write_sales(tmp_path / "a.csv", lambda day: 100 + day)
        async with examination_of(
            BUSINESS_ANALYST, path, cache=tmp_path / "cache", failing={"periods"}
        ) as examination:
            findings = await BUSINESS_ANALYST.examine(examination)
        assert "trend" in [finding.category for finding in findings]
        assert "data.amount over time could not be examined" in examination.notes[0]


class TestTrendMathematics:
    @given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
    def test_tau_turns_with_the_order(self, values: list[int]) -> None:
        forward, backward = kendall(values), kendall(values[::-1])
        assert forward[0] == pytest.approx(-backward[0])
        assert forward[1] == pytest.approx(backward[1])
        assert 0 <= forward[1] <= 1

    @given(st.integers(-50, 50), st.integers(-50, 50), st.integers(2, 30))
    def test_the_slope_of_a_line_is_its_slope(self, slope: int, start: int, length: int) -> None:
        points = [(float(x), float(start + slope * x)) for x in range(length)]
        assert theil_sen(points) == slope

    def test_one_wild_point_does_not_bend_the_slope(self) -> None:
        points = [(float(x), float(2 * x)) for x in range(20)]
        points[7] = (7.0, 1e6)
        assert theil_sen(points) == pytest.approx(2.0)

    def test_ten_values_in_order_are_no_accident_and_ten_equal_ones_no_trend(self) -> None:
        # S = 45 of 45 pairs, variance 125, so z = 44 / sqrt(125) = 3.935.
        assert kendall([float(place) for place in range(10)]) == pytest.approx(
            (1.0, 8.31e-5), rel=0.01
        )
        assert kendall([3.0] * 10) == (0.0, 1.0)
