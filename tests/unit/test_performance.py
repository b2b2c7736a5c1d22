"""What the performance analyst finds in files, keys and streams."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from agents.domain.finding import Finding
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.specialists.performance.stream import duration
from tests.support.examination import examination_of, findings_of

START = datetime(2026, 1, 1)  # noqa: DTZ001 - files hold local times


def titles(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.category, finding.title) for finding in findings]


def write_parquet(path: Path, select: str, options: str = "") -> Path:
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet{options})")
    return path


def write_events(path: Path, instants: list[datetime], more: list[str] | None = None) -> Path:
    cells = more or [str(place) for place in range(len(instants))]
    head = "happened,reading" if more is None else "happened,status"
    lines = [f"{at:%Y-%m-%d %H:%M:%S},{cell}" for at, cell in zip(instants, cells, strict=True)]
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def steady(number: int = 600, interval: float = 60.0) -> list[datetime]:
    return [START + timedelta(seconds=interval * place) for place in range(number)]


async def of_stream(path: Path, tmp_path: Path) -> tuple[Finding, ...]:
    return await findings_of(
        PERFORMANCE_ANALYST,
        path,
        cache=tmp_path / "cache",
        kind="streaming",
        time_column="happened",
    )


async def of_batch(tmp_path: Path, *paths: Path) -> tuple[Finding, ...]:
    return await findings_of(PERFORMANCE_ANALYST, *paths, cache=tmp_path / "cache")


class TestLayout:
    async def test_well_laid_out_files_are_not_mentioned(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", "SELECT range AS n FROM range(200000)")
        assert await of_batch(tmp_path, path) == ()

    async def test_many_tiny_row_groups_are_found(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT range AS n FROM range(100000)",
            ", ROW_GROUP_SIZE 2048",
        )
        (finding,) = await of_batch(tmp_path, path)
        assert finding.category == "file_layout"
        assert "49 row groups of only 2,041 rows on average" in finding.title
        assert finding.evidence[0].threshold == 10_000

    async def test_a_single_small_file_is_just_small(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "a.parquet", "SELECT range AS n FROM range(50)")
        assert await of_batch(tmp_path, path) == ()

    async def test_a_row_group_of_millions_is_found(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT 1::TINYINT AS n FROM range(2500000)",
            ", ROW_GROUP_SIZE 3000000",
        )
        (finding,) = await of_batch(tmp_path, path)
        assert "row groups of up to 2,500,000 rows" in finding.title

    async def test_a_folder_of_many_tiny_files_is_found(self, tmp_path: Path) -> None:
        folder = tmp_path / "parts"
        folder.mkdir()
        for number in range(25):
            write_parquet(folder / f"{number}.parquet", "SELECT range AS n FROM range(10)")
        (finding,) = await of_batch(tmp_path, folder)
        assert "spread over 25 files" in finding.title

    async def test_a_large_text_file_would_be_better_as_parquet(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        duckdb.sql(
            "COPY (SELECT range AS n, repeat('x', 90) AS filler FROM range(120000)) "
            f"TO '{path}' (HEADER)"
        )
        (finding,) = await of_batch(tmp_path, path)
        assert "MB of text: every query reads and parses all 120,000 rows" in finding.title
        assert finding.severity == "low"


class TestSkew:
    async def test_a_key_with_most_of_the_rows_is_found(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS customer_id "
            "FROM range(50000)",
        )
        (finding,) = await of_batch(tmp_path, path)
        assert (finding.category, finding.subject.column) == ("key_skew", "customer_id")
        assert finding.title.startswith("customer_id 0 has 17,000 of the 50,000 rows (34.0 %)")

    async def test_an_even_key_is_not(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet", "SELECT range % 100 AS customer_id FROM range(50000)"
        )
        assert await of_batch(tmp_path, path) == ()

    async def test_an_uneven_number_that_is_no_key_is_not(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS discount "
            "FROM range(50000)",
        )
        assert await of_batch(tmp_path, path) == ()

    async def test_a_number_in_two_tables_is_a_key(self, tmp_path: Path) -> None:
        orders = write_parquet(
            tmp_path / "orders.parquet",
            "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS shop FROM range(50000)",
        )
        shops = write_parquet(tmp_path / "shops.parquet", "SELECT range AS shop FROM range(100)")
        assert [each.category for each in await of_batch(tmp_path, orders, shops)] == ["key_skew"]

    async def test_few_rows_are_never_skewed(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS customer_id "
            "FROM range(5000)",
        )
        assert await of_batch(tmp_path, path) == ()

    async def test_nobody_splits_work_by_what_is_personal(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT CASE WHEN range % 3 = 0 THEN 'ann@example.org' ELSE 'u' || range % 100 END "
            "AS email FROM range(50000)",
        )
        assert await of_batch(tmp_path, path) == ()


class TestVolume:
    async def test_a_last_month_of_several_times_the_rows_is_found(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT DATE '2024-01-01' + (range // 10)::INT AS sold FROM range(6390) UNION ALL "
            "SELECT DATE '2025-10-01' + (range // 30)::INT FROM range(930)",
        )
        (finding,) = await of_batch(tmp_path, path)
        assert finding.category == "volume_change"
        assert finding.title == "2025-10 has 930 rows, 3 times the usual 310 a month."

    async def test_steady_loads_are_not_mentioned(self, tmp_path: Path) -> None:
        path = write_parquet(
            tmp_path / "a.parquet",
            "SELECT DATE '2024-01-01' + (range // 10)::INT AS sold FROM range(7310)",
        )
        assert await of_batch(tmp_path, path) == ()


class TestStream:
    async def test_a_steady_stream_is_not_mentioned(self, tmp_path: Path) -> None:
        assert await of_stream(write_events(tmp_path / "a.csv", steady()), tmp_path) == ()

    async def test_a_silence_is_found_with_its_rows(self, tmp_path: Path) -> None:
        instants = [*steady(300), *(at + timedelta(hours=9) for at in steady(300))]
        path = write_events(tmp_path / "a.csv", instants)
        async with examination_of(
            PERFORMANCE_ANALYST,
            path,
            cache=tmp_path / "cache",
            kind="streaming",
            time_column="happened",
        ) as examination:
            (finding,) = await PERFORMANCE_ANALYST.examine(examination)
            assert finding.category == "event_gap"
            assert "A silence of 4.02 h from 2026-01-01 04:59:00" in finding.title
            sql = finding.evidence[0].sql
            assert sql is not None
            rows = await examination._data.query(sql)
            assert [row[0] for row in rows] == [300]

    async def test_irregular_events_have_long_intervals_without_gaps(self, tmp_path: Path) -> None:
        instants, at = [], START
        for place in range(1000):
            at += timedelta(seconds=1 + (place * 7919 % 97) ** 2 / 50)
            instants.append(at)
        assert await of_stream(write_events(tmp_path / "a.csv", instants), tmp_path) == ()

    async def test_an_hour_lost_at_night_hints_at_the_clocks(self, tmp_path: Path) -> None:
        instants = [
            at if place < 120 else at + timedelta(hours=1) for place, at in enumerate(steady(600))
        ]
        (finding,) = await of_stream(write_events(tmp_path / "a.csv", instants), tmp_path)
        assert "changing the clocks" in finding.recommendation

    async def test_events_out_of_order_are_found(self, tmp_path: Path) -> None:
        instants = steady(1000)
        for place in range(100, 200, 10):
            instants[place], instants[place + 1] = instants[place + 1], instants[place]
        (finding,) = await of_stream(write_events(tmp_path / "a.csv", instants), tmp_path)
        assert finding.category == "out_of_order"
        assert finding.title.startswith("10 of 1,000 events (1.0 %) stand after a later one")
        assert finding.rows == 10

    async def test_repeated_events_are_found(self, tmp_path: Path) -> None:
        instants = steady(500)
        path = write_events(tmp_path / "a.csv", instants)
        path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
        (finding,) = await of_stream(path, tmp_path)
        assert finding.title.startswith("1 event of 501 (0.2 %) repeats an earlier one")

    async def test_a_burst_is_found(self, tmp_path: Path) -> None:
        middle = START + timedelta(hours=20, seconds=7)
        burst = [middle + timedelta(seconds=place * 2) for place in range(900)]
        instants = sorted([*steady(3000), *burst])
        found = titles(await of_stream(write_events(tmp_path / "a.csv", instants), tmp_path))
        assert [category for category, _ in found] == ["burst"]
        assert "times the usual 60" in found[0][1]

    async def test_a_rate_that_halves_is_found(self, tmp_path: Path) -> None:
        fast = steady(3000)
        slow = [fast[-1] + timedelta(seconds=150 * place) for place in range(1, 500)]
        found = titles(await of_stream(write_events(tmp_path / "a.csv", fast + slow), tmp_path))
        assert "throughput_change" in [category for category, _ in found]

    async def test_failed_events_are_counted(self, tmp_path: Path) -> None:
        statuses = ["500" if place % 12 == 0 else "200" for place in range(600)]
        path = write_events(tmp_path / "a.csv", steady(), statuses)
        (finding,) = await of_stream(path, tmp_path)
        assert (finding.category, finding.severity, finding.rows) == ("error_rate", "high", 50)

    async def test_a_long_tail_of_latencies_is_found(self, tmp_path: Path) -> None:
        lines = [
            f"{at:%Y-%m-%d %H:%M:%S},{900 + place if place % 50 == 0 else 10 + place % 7}"
            for place, at in enumerate(steady())
        ]
        path = tmp_path / "a.csv"
        path.write_text("\n".join(["happened,latency_ms", *lines]) + "\n")
        (finding,) = await of_stream(path, tmp_path)
        assert finding.category == "latency_tail"

    async def test_without_a_time_column_it_says_so(self, tmp_path: Path) -> None:
        path = write_events(tmp_path / "a.csv", steady())
        async with examination_of(
            PERFORMANCE_ANALYST, path, cache=tmp_path / "cache", kind="streaming"
        ) as examination:
            assert await PERFORMANCE_ANALYST.examine(examination) == []
        assert examination.notes == [
            "data has no column that says when an event happened, so its flow is not known."
        ]


async def test_every_evidence_runs_in_a_fresh_shell(tmp_path: Path) -> None:
    instants = [*steady(300), *(at + timedelta(hours=9) for at in steady(300))]
    stream = write_events(tmp_path / "a.csv", instants)
    files = write_parquet(
        tmp_path / "b.parquet",
        "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS customer_id "
        "FROM range(50000)",
        ", ROW_GROUP_SIZE 2048",
    )
    for path, kind, column in ((stream, "streaming", "happened"), (files, "batch", None)):
        async with examination_of(
            PERFORMANCE_ANALYST,
            path,
            cache=tmp_path / "cache",
            kind=kind,
            time_column=column,
        ) as examination:
            findings = await PERFORMANCE_ANALYST.examine(examination)
            setup = examination.task.datasets[0].setup_sql
        assert findings
        with duckdb.connect() as shell:
            shell.execute(setup)
            for sql in (each.sql for finding in findings for each in finding.evidence if each.sql):
                assert shell.execute(sql).fetchall()


async def test_a_tool_that_fails_costs_its_findings_only(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet",
        "SELECT CASE WHEN range % 3 = 0 THEN 0 ELSE range % 100 END AS customer_id "
        "FROM range(50000)",
        ", ROW_GROUP_SIZE 2048",
    )
    async with examination_of(
        PERFORMANCE_ANALYST, path, cache=tmp_path / "cache", failing={"key_skew"}
    ) as examination:
        findings = await PERFORMANCE_ANALYST.examine(examination)
    assert [finding.category for finding in findings] == ["file_layout"]
    assert "The skew of data.customer_id could not be examined" in examination.notes[0]


async def test_tools_outside_the_plan_are_not_used(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", "SELECT range AS n FROM range(10)")
    async with examination_of(
        PERFORMANCE_ANALYST, path, cache=tmp_path / "cache", tools=()
    ) as examination:
        assert await PERFORMANCE_ANALYST.examine(examination) == []
    assert (examination.calls, examination.notes) == ([], [])


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "250 ms"), (90, "90 s"), (300, "5 min"), (7200, "2 h"), (3 * 86_400, "3 days")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
