"""What the performance analyst takes for unusual in a recorded measure, and what not."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from agents.domain.finding import Finding
from agents.domain.series.novelty import Point, novel_stretches, without_line
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from tests.support.examination import examination_of, findings_of

START = datetime(2026, 1, 1)  # noqa: DTZ001 - files hold local times


def points(values: list[float]) -> list[Point]:
    return [Point(mean=value, lowest=value, highest=value) for value in values]


def noise(number: int, seed: int = 1) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(50.0, 2.0) for _ in range(number)]


def waves(number: int) -> list[float]:
    """Noise whose neighbours resemble one another."""
    source, value, values = random.Random(5), 0.0, []
    for _ in range(number):
        value = 0.7 * value + source.gauss(0.0, 1.0)
        values.append(50.0 + value)
    return values


class TestNovelStretches:
    def test_a_spike_is_found_where_it_is(self) -> None:
        values = noise(600)
        values[400] = 120.0
        (stretch,) = novel_stretches(points(values))
        assert (stretch.first, stretch.direction) == (400, "above")
        assert stretch.value == 120.0
        assert stretch.share > 0.5

    def test_a_dip_is_found_as_well(self) -> None:
        values = noise(600)
        values[400] = 0.0
        (stretch,) = novel_stretches(points(values))
        assert (stretch.first, stretch.direction) == (400, "below")

    def test_a_new_level_is_told_once_when_it_begins(self) -> None:
        values = noise(600)
        values[400:] = [value + 60 for value in values[400:]]
        (stretch,) = novel_stretches(points(values))
        assert stretch.first == 400
        assert stretch.last < 450

    @pytest.mark.parametrize("seed", range(5))
    def test_noise_is_usual_throughout(self, seed: int) -> None:
        assert novel_stretches(points(noise(600, seed))) == ()

    def test_a_spike_that_came_every_day_is_usual(self) -> None:
        values = noise(600)
        values[::50] = [120.0 + place % 3 for place in range(12)]
        assert novel_stretches(points(values)) == ()

    def test_what_happens_while_one_still_learns_is_not_told(self) -> None:
        values = noise(600)
        values[20] = 120.0
        assert novel_stretches(points(values)) == ()

    def test_swings_that_grow_are_told_though_the_mean_stays(self) -> None:
        values = waves(800)

        def swinging(after: float) -> list[Point]:
            reaches = [0.5 if place < 500 else after for place in range(800)]
            return [
                Point(mean=value, lowest=value - reach, highest=value + reach)
                for value, reach in zip(values, reaches, strict=True)
            ]

        onset = range(490, 540)
        assert any(each.first in onset for each in novel_stretches(swinging(9.0)))
        assert not any(each.first in onset for each in novel_stretches(swinging(0.5)))

    def test_a_constant_and_too_few_points_have_nothing_unusual(self) -> None:
        assert novel_stretches(points([3.0] * 500)) == ()
        assert novel_stretches(points([*[3.0] * 60, 99.0])) == ()

    def test_a_line_is_taken_out_and_a_step_is_not(self) -> None:
        rising = points([place * 2.0 for place in range(200)])
        assert max(abs(point.mean) for point in without_line(rising)) == pytest.approx(0.0)
        step = points([0.0] * 100 + [1.0] * 100)
        assert without_line(step) is step


def write_readings(path: Path, values: list[float], interval: timedelta) -> Path:
    lines = [f"{START + interval * place},{value:.3f}" for place, value in enumerate(values)]
    path.write_text("\n".join(["taken_at,cpu_load", *lines]) + "\n")
    return path


async def anomalies(
    path: Path, tmp_path: Path, *, streaming: bool = True
) -> tuple[list[Finding], str]:
    async with examination_of(
        PERFORMANCE_ANALYST,
        path,
        cache=tmp_path / "cache",
        kind="streaming" if streaming else "batch",
        time_column="taken_at" if streaming else None,
    ) as examination:
        findings = await PERFORMANCE_ANALYST.examine(examination)
        setup = examination.task.datasets[0].setup_sql
    return [each for each in findings if each.category == "anomaly"], setup


class TestAnomalies:
    @pytest.mark.parametrize("streaming", [True, False])
    async def test_an_unusual_stretch_is_found_with_its_rows(
        self, tmp_path: Path, streaming: bool
    ) -> None:
        values = noise(900)
        values[700:703] = [130.0, 140.0, 135.0]
        path = write_readings(tmp_path / "a.csv", values, timedelta(minutes=5))
        (finding,), setup = await anomalies(path, tmp_path, streaming=streaming)
        assert finding.title.startswith("cpu_load leaves everything before it once: ")
        assert "2026-01-03 10:" in finding.title
        assert finding.severity == "medium"
        with duckdb.connect() as shell:
            shell.execute(setup)
            (evidence,) = finding.evidence
            assert evidence.sql is not None
            rows = [row[0] for row in shell.execute(evidence.sql).fetchall()]
        assert {700, 701} <= set(rows)
        assert len(rows) < 40

    async def test_readings_as_ever_are_not_mentioned(self, tmp_path: Path) -> None:
        path = write_readings(tmp_path / "a.csv", noise(900), timedelta(minutes=5))
        assert (await anomalies(path, tmp_path))[0] == []

    async def test_the_usual_course_of_the_day_is_none_but_a_day_without_it_is(
        self, tmp_path: Path
    ) -> None:
        source = random.Random(3)
        values = [
            20.0 + (60.0 if 8 <= place % 24 < 18 else 0.0) + source.gauss(0.0, 1.0)
            for place in range(24 * 40)
        ]
        path = write_readings(tmp_path / "a.csv", values, timedelta(hours=1))
        assert (await anomalies(path, tmp_path))[0] == []
        for hour in range(24 * 30 + 8, 24 * 30 + 18):
            values[hour] -= 60.0
        path = write_readings(tmp_path / "b.csv", values, timedelta(hours=1))
        (finding,), _ = await anomalies(path, tmp_path)
        assert "2026-01-31" in finding.title
        assert "its usual course taken out" in finding.title

    async def test_long_series_are_summarised_before_they_are_looked_at(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.parquet"
        duckdb.sql(
            "COPY (SELECT TIMESTAMP '2026-01-01' + to_seconds(range) AS taken_at, "
            "50 + sin(range) + CASE WHEN range = 30000 THEN 500 ELSE 0 END AS load "
            f"FROM range(50000)) TO '{path}' (FORMAT parquet)"
        )
        (finding,), _ = await anomalies(path, tmp_path)
        assert "549" in finding.title
        assert "2026-01-01 08:" in finding.title

    async def test_records_of_things_that_share_their_day_are_no_readings(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "a.csv"
        lines = [
            f"{START.date() + timedelta(days=place // 10)},{9000 if place == 700 else place % 9}"
            for place in range(900)
        ]
        path.write_text("\n".join(["taken_at,amount", *lines]) + "\n")
        assert (await anomalies(path, tmp_path, streaming=False))[0] == []


class TestLateness:
    async def test_events_that_arrive_much_later_than_usual_are_late(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        duckdb.sql(
            "COPY (SELECT TIMESTAMP '2026-01-01' + to_seconds(range * 60) AS happened_at, "
            "happened_at + to_seconds(CASE WHEN range % 50 = 7 THEN 900 ELSE 5 END) "
            f"AS received_at, range % 7 AS kind FROM range(1000)) TO '{path}' (FORMAT parquet)"
        )
        findings, setup = await lateness(path, tmp_path)
        (finding,) = findings
        assert finding.title.startswith(
            "20 of 1,000 events (2.0 %) arrived more than 1 min after they happened, up to 15 min"
        )
        assert (finding.severity, finding.rows) == ("medium", 20)
        with duckdb.connect() as shell:
            shell.execute(setup)
            sql = finding.evidence[0].sql
            assert sql is not None
            assert len(shell.execute(sql).fetchall()) == 20

    async def test_events_that_are_all_as_slow_are_not(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        duckdb.sql(
            "COPY (SELECT TIMESTAMP '2026-01-01' + to_seconds(range * 60) AS happened_at, "
            "happened_at + to_seconds(600 + range % 9) AS received_at "
            f"FROM range(1000)) TO '{path}' (FORMAT parquet)"
        )
        assert (await lateness(path, tmp_path))[0] == []


async def lateness(path: Path, tmp_path: Path) -> tuple[list[Finding], str]:
    async with examination_of(
        PERFORMANCE_ANALYST,
        path,
        cache=tmp_path / "cache",
        kind="streaming",
        time_column="happened_at",
    ) as examination:
        findings = await PERFORMANCE_ANALYST.examine(examination)
        setup = examination.task.datasets[0].setup_sql
    return [each for each in findings if each.category == "late_events"], setup


async def test_the_same_readings_give_the_same_findings_whatever_the_threads(
    tmp_path: Path,
) -> None:
    values = noise(900)
    values[700] = 130.0
    path = write_readings(tmp_path / "a.csv", values, timedelta(minutes=5))
    one, two = [
        await findings_of(
            PERFORMANCE_ANALYST, path, cache=tmp_path / f"cache{threads}", threads=threads
        )
        for threads in (1, 2)
    ]
    assert [each.category for each in one] == ["anomaly"]
    assert one == two
