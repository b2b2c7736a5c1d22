"""Series as they are drawn, figures that move together, and records that have stopped coming."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.domain.finding import MAX_SERIES_POINTS, Evidence, Finding, Mark, Subject
from agents.domain.series.drawn import MOST_DRAWN, drawn, with_few_drawn
from agents.reports.charts import curve_said, sparkline
from agents.reports.html.drawing import curve
from agents.specialists.business.companions import Figure, told_once
from agents.specialists.performance.freshness import judge_freshness
from agents.tools.time_coverage import TimeCoverage

HOUR = 3600.0
END = datetime(2026, 3, 1, tzinfo=UTC)


def hourly(days: float) -> TimeCoverage:
    """One record an hour until `END`."""
    return TimeCoverage(
        name="at",
        instants=int(days * 24),
        first=f"{END - timedelta(days=days):%Y-%m-%d %H:%M:%S}",
        last=f"{END:%Y-%m-%d %H:%M:%S}",
        first_seconds=0.0,
        last_seconds=days * 24 * HOUR,
        median_interval=HOUR,
        evenness=1.0,
        limit=3 * HOUR,
        gap_count=0,
        gap_seconds=0.0,
        gaps=(),
    )


def about(column: str | None, category: str = "trend", *, key: str = "") -> Finding:
    return Finding(
        role="business",
        title=f"{column} rises.",
        severity="low",
        category=category,
        subject=Subject(table="orders", column=column),
        key=key,
        evidence=(Evidence(metric="slope", value=1.0, series=drawn("day", ["a"], [1.0])),),
        recommendation="Plan with it.",
    )


def figure(name: str, column: str | None, values: list[float]) -> Figure:
    return Figure(name=name, column=column, values={str(at): v for at, v in enumerate(values)})


class TestFreshness:
    def test_a_feed_that_stopped_is_told_with_its_age(self) -> None:
        (finding,) = judge_freshness("feed", hourly(60), END + timedelta(days=3))
        assert finding.category == "stale_data"
        assert "3 days old" in finding.title
        assert finding.evidence[0].value == 3 * 24 * HOUR

    @pytest.mark.parametrize(
        ("days", "age"),
        [(60, timedelta(hours=2)), (60, timedelta(days=70)), (900, timedelta(days=400))],
        ids=["fresh", "older than it ever ran", "closed for more than a year"],
    )
    def test_what_is_fresh_or_an_archive_is_not(self, days: float, age: timedelta) -> None:
        assert list(judge_freshness("feed", hourly(days), END + age)) == []

    def test_without_the_time_of_the_request_nothing_is_stale(self) -> None:
        assert list(judge_freshness("feed", hourly(60), None)) == []


class TestCompanions:
    def test_a_figure_that_moves_with_another_is_named_with_it(self) -> None:
        figures = [
            figure("total revenue", "revenue", [1, 2, 4, 3, 6, 7, 9]),
            figure("total cost", "cost", [2, 4, 8, 6, 12, 14, 18]),
        ]
        (told,) = told_once([about("revenue"), about("cost")], figures)
        assert told.subject.column == "revenue"
        assert "Total cost moves with it." in told.impact

    def test_figures_that_move_on_their_own_are_told_apart(self) -> None:
        figures = [
            figure("total revenue", "revenue", [1, 2, 4, 3, 6, 7, 9]),
            figure("total cost", "cost", [9, 1, 8, 2, 9, 1, 8]),
        ]
        assert len(told_once([about("revenue"), about("cost")], figures)) == 2


class TestDrawn:
    def test_a_spike_survives_thinning(self) -> None:
        values = [1.0] * 5000
        values[1234] = 50.0
        series = drawn("moment", [str(place) for place in range(5000)], values)
        assert len(series.points) <= MAX_SERIES_POINTS
        assert [point.at for point in series.points if point.value == 50.0] == ["1234"]

    def test_a_report_holds_only_so_many(self) -> None:
        findings = with_few_drawn([about(f"c{number}") for number in range(MOST_DRAWN + 3)])
        assert sum(each.evidence[0].series is not None for each in findings) == MOST_DRAWN

    def test_it_is_one_line_of_text_that_rises_with_it(self) -> None:
        assert sparkline(drawn("day", list("abcd"), [0.0, 1.0, 2.0, 7.0])) == "▁▂▃█"
        assert sparkline(drawn("day", list("ab"), [1.0, 1.0])) == ""

    def test_its_caption_says_what_the_line_shows(self) -> None:
        series = drawn(
            "day", list("abc"), [1.0, 9.0, 2.0], [Mark(since="b", until="c", label="up")]
        )
        said = curve_said(series)
        assert said == "By day, a to c: from 1 (a) to 9 (b). Marked: b to c: up."
        picture = curve(series)
        assert "<polyline" in picture
        assert said in picture
        assert 'class="mark even"' in picture
