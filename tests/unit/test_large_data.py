"""Large and wide data: more time, bounded results, and a note where a limit was reached."""

import asyncio
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from agents.calling.tool_gateway import USUAL_VALUES, patience_factor
from agents.datasets.duckdb import DuckdbCatalog
from agents.datasets.file_size import size_of
from agents.domain.finding import Evidence, Finding, Subject
from agents.domain.request import MAX_DEADLINE, DatasetReference, deadline_for
from agents.domain.task import Column, PinnedDataset
from agents.errors import QueryError, ResultTooLargeError
from agents.specialists.data_quality import merging
from agents.specialists.data_quality.missing import MAX_EVIDENCE, capped
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.specialists.performance.anomaly import judge_stretches
from agents.specialists.pieces import column_parts, whole_profile
from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.tools import near_duplicates, unusual_stretches
from agents.tools.pin_datasets import pin_datasets_of
from agents.tools.profile import profile
from agents.tools.secrets import secrets
from agents.tools.side_by_side import AT_ONCE, side_by_side
from tests.support.examination import examination_of


def write(file: Path, select: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet)")
    return file


def wide(columns: int) -> str:
    """A table of words, of which each column has one misspelt."""
    words = "['alphabet', 'building', 'carnival', 'doctoral', 'elephant'][1 + range % 5]"
    items = ", ".join(
        f"CASE WHEN range = {n} THEN 'builbing' ELSE {words} END AS text_{n}"
        for n in range(columns)
    )
    return f"SELECT {items} FROM range(100)"


def test_the_deadline_grows_with_the_files_up_to_the_longest_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 1_000)
    (tmp_path / "b.csv").write_bytes(b"x" * 500)
    assert size_of(str(tmp_path / "a.csv")) == 1_000
    assert size_of(str(tmp_path / "a.csv") + "::table") == 1_000
    assert size_of(str(tmp_path)) == 1_500
    assert size_of(str(tmp_path / "none.csv")) == size_of("postgresql://x@y/z?table=t") == 0
    growing = [deadline_for(size) for size in (0, 10**9, 2 * 10**9, 10**12)]
    assert growing == sorted(growing)
    assert growing[-1] == MAX_DEADLINE


def test_tools_have_more_time_for_more_values() -> None:
    def of(rows: int) -> float:
        columns = tuple(Column(name=f"c{n}", type="BIGINT") for n in range(10))
        return patience_factor(
            [
                PinnedDataset(
                    name="data",
                    location="/d",
                    format="csv",
                    version="v",
                    rows=rows,
                    columns=columns,
                    size_bytes=1,
                    setup_sql="",
                )
            ]
        )

    assert (of(7), of(USUAL_VALUES // 10), of(USUAL_VALUES)) == (1.0, 1.0, 10.0)


def test_evidence_that_is_not_listed_is_counted() -> None:
    listed = [Evidence(metric=f"nulls of c{n}", value=n) for n in range(MAX_EVIDENCE + 480)]
    assert capped(listed[:MAX_EVIDENCE]) == tuple(listed[:MAX_EVIDENCE])
    *shown, more = capped(listed)
    assert shown == listed[:MAX_EVIDENCE]
    assert (more.metric, more.value) == ("further evidence, not listed", 480)
    *again, rest = capped([*capped(listed), *capped(listed)])
    assert again == shown
    assert rest.value == 2 * 480 + MAX_EVIDENCE


def test_findings_that_are_merged_count_the_evidence_that_none_of_them_listed() -> None:
    def one(column: str) -> Finding:
        cells = [Evidence(metric="cells", value=n, sql=f"SELECT {n}") for n in range(30)]
        return Finding(
            role="data_quality",
            title=f"{column} has values of several types.",
            severity="low",
            category="type_mismatch",
            subject=Subject(table="data", column=column),
            evidence=capped(cells),
            rows=30,
            recommendation="Mend them.",
            impact="Sums are wrong.",
            effort="low",
            confidence=0.9,
        )

    columns = 1 + merging.MAX_SEPARATE
    (merged,) = merging.tidied([one(f"c{n}") for n in range(columns)])
    *listed, further = merged.evidence
    assert len(listed) == MAX_EVIDENCE
    assert further.value == 30 * columns - MAX_EVIDENCE


async def test_a_table_past_a_limit_is_noted_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_ROWS", 300)
    file = write(tmp_path / "t.parquet", "SELECT range AS id, 'a' || range AS name FROM range(301)")
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path / "c") as examination:
        await DATA_QUALITY_ENGINEER.examine(examination)
        (note,) = examination.notes
    assert "not examined for things written twice: It has 301 rows, and at most 300" in note


async def test_of_a_wide_table_every_column_is_examined_piece_by_piece(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", wide(65))
    tools = ("profile", "similar_values")
    async with examination_of(
        DATA_QUALITY_ENGINEER, file, cache=tmp_path / "c", tools=tools
    ) as examination:
        (finding,) = await DATA_QUALITY_ENGINEER.examine(examination)
        pieces = [
            arguments["columns"]
            for tool, arguments in examination.calls
            if tool == "similar_values"
        ]
    assert len(pieces) > 1
    assert [name for piece in pieces for name in piece] == [f"text_{n}" for n in range(65)]
    assert finding.title.startswith("65 columns have")
    assert finding.evidence[-1].metric == "further evidence, not listed"


async def test_a_profile_that_no_message_holds_comes_in_pieces(tmp_path: Path) -> None:
    columns = ", ".join(f"range + {n} AS a_measure_of_something_{n}" for n in range(900))
    file = write(tmp_path / "t.parquet", f"SELECT {columns} FROM range(3)")
    async with examination_of(
        DATA_QUALITY_ENGINEER, file, cache=tmp_path / "c", tools=("profile",)
    ) as examination:
        with pytest.raises(ResultTooLargeError):
            await examination.use(profile, table="data")
        whole = await whole_profile(examination, "data")
    assert [each.name for each in whole.columns] == [
        f"a_measure_of_something_{n}" for n in range(900)
    ]


async def test_what_is_too_large_about_many_columns_is_asked_about_fewer(tmp_path: Path) -> None:
    secret = "'AKIA' || upper(left(md5('{}' || range), 16))"
    columns = ", ".join(f"{secret.format(n)} AS text_{n}" for n in range(7))
    file = write(tmp_path / "t.parquet", f"SELECT {columns} FROM range(3)")
    few = replace(secrets, max_bytes=250)
    async with examination_of(SECURITY_AUDITOR, file, cache=tmp_path / "c") as examination:
        found = await column_parts(examination, few, "data")
        with pytest.raises(ResultTooLargeError):
            await column_parts(examination, replace(secrets, max_bytes=50), "data")
    assert [each.name for each in found] == [f"text_{n}" for n in range(7)]


async def test_the_schemas_of_many_wide_tables_fit_into_one_result(tmp_path: Path) -> None:
    columns = ", ".join(f"range AS a_measure_of_something_{n}" for n in range(500))
    files = [
        write(tmp_path / f"t{table}.parquet", f"SELECT {columns} FROM range(3)")
        for table in range(8)
    ]
    async with DuckdbCatalog(roots={}, cache=tmp_path / "c", allow_absolute=True) as catalog:
        pin = pin_datasets_of(catalog)
        references = tuple(DatasetReference(location=str(file)) for file in files)
        size = len(pin.result.dump_json(await pin.function(references)))
    assert 256 * 1024 < size < pin.max_bytes


async def test_what_does_not_fit_into_memory_is_said_and_the_engine_goes_on(tmp_path: Path) -> None:
    file = write(tmp_path / "t.parquet", "SELECT range AS id FROM range(2_000_000)")
    too_much = "SELECT len(list(id || ' is a number')) FROM data"
    async with DuckdbCatalog(
        roots={}, cache=tmp_path / "c", allow_absolute=True, memory_limit="40MB"
    ) as catalog:
        pinned = await catalog.pin([DatasetReference(location=str(file))])
        async with catalog.open(pinned) as data:
            results = await asyncio.gather(
                data.query(too_much),
                data.query(too_much.replace("number", "figure")),
                data.query("SELECT sum(id) FROM data"),
                return_exceptions=True,
            )
            for failure in results[:2]:
                assert isinstance(failure, QueryError)
                assert "too large for this query" in str(failure)
            assert results[2] == ((1_999_999_000_000,),)
            assert await data.query("SELECT max(id) FROM data") == ((1_999_999,),)


async def test_the_usual_interval_of_many_instants_is_that_of_stretches_that_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = "to_microseconds(CAST(range * 1e6 + hash(range) % 200000 AS BIGINT))"
    measure = "hash(range) % 1000 + CASE WHEN range // 10000 = 200 THEN 9000 ELSE 0 END"
    file = write(
        tmp_path / "t.parquet",
        f"SELECT TIMESTAMP '2026-01-01' + {moment} AS at, {measure} AS load FROM range(2_500_000)",
    )
    monkeypatch.setattr(unusual_stretches, "MAX_INTERVALS", 100_000)
    async with DuckdbCatalog(
        roots={}, cache=tmp_path / "c", allow_absolute=True, memory_limit="60MB"
    ) as catalog:
        pinned = await catalog.pin([DatasetReference(location=str(file))])
        async with catalog.open(pinned) as data:
            found = await unusual_stretches.unusual_stretches.function(data, "data", "at", "load")
    assert found is not None
    assert 0.03 < found.measured <= 0.04
    assert found.width == pytest.approx(1_250, rel=0.001)
    assert len(found.stretches) == 1
    (finding,) = judge_stretches("data", "at", "load", found)
    assert "in stretches that hold 4.0 % of the rows" in finding.impact


async def test_results_come_in_the_order_of_the_items_from_few_at_a_time() -> None:
    running, most = 0, 0

    async def double(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(10 - number):
            await asyncio.sleep(0)
        running -= 1
        return 2 * number

    assert await side_by_side(double, range(10)) == [2 * number for number in range(10)]
    assert most == AT_ONCE


async def test_the_first_failure_ends_the_others() -> None:
    ended: list[int] = []

    async def measure(number: int) -> int:
        try:
            if number == 1:
                raise QueryError("It failed.")
            await asyncio.Event().wait()
        finally:
            ended.append(number)
        return number

    with pytest.raises(QueryError, match=r"It failed\."):
        await side_by_side(measure, range(4))
    assert {0, 1} <= set(ended) < {0, 1, 2, 3}
