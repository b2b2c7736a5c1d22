"""Tables of many columns are read and examined with little memory, small ones with one thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import duckdb
import pytest

from agents.dataset import Datasets
from agents.datasets import snapshot
from agents.datasets.duckdb import THREADS, DuckdbCatalog
from agents.datasets.sources import Source
from agents.datasets.width import estimated_width
from agents.domain.request import DatasetReference
from agents.tools import detached_values, personal_data, text_shapes
from agents.tools.date_formats import date_formats
from agents.tools.profile import profile

WIDTH = 2 * snapshot.WIDE_SLICE + 7
assert WIDTH > snapshot.WIDE


def write(file: Path, select: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{file}'")
    return file


@asynccontextmanager
async def opened(file: Path, **limits: str) -> AsyncIterator[Datasets]:
    async with DuckdbCatalog(
        roots={}, cache=file.parent / "cache", allow_absolute=True, **limits
    ) as catalog:
        pinned = await catalog.pin([DatasetReference(location=str(file))])
        async with catalog.open(pinned) as data:
            yield data


def numbers(rows: int) -> str:
    return (
        "SELECT "
        + ", ".join(f"hash(range + {n}) % 100000 AS c{n}" for n in range(WIDTH))
        + f" FROM range({rows})"
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
async def test_a_wide_table_has_the_rows_of_its_file_in_their_order(
    tmp_path: Path, suffix: str
) -> None:
    file = write(tmp_path / f"t.{suffix}", numbers(3_000))
    names = ", ".join(f"c{n}" for n in range(WIDTH))
    async with opened(file) as data:
        assert [column.name for column in data.table("data").columns] == names.split(", ")
        kept = await data.query(f"SELECT {names}, row_id FROM data ORDER BY row_id")
    with duckdb.connect() as connection:
        expected = connection.execute(
            f"SELECT {names}, row_number() OVER () - 1 FROM '{file}'"
        ).fetchall()
    assert list(kept) == expected


async def test_a_wide_parquet_file_is_read_with_less_memory_than_a_page_of_each_column(
    tmp_path: Path,
) -> None:
    file = write(tmp_path / "t.parquet", numbers(60_000))
    async with opened(file, memory_limit="320MB") as data:
        assert data.table("data").rows == 60_000
        assert await data.query("SELECT count(DISTINCT row_id), min(row_id) FROM data") == (
            (60_000, 0),
        )


def test_the_width_of_a_file_is_told_at_a_glance(tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", numbers(1))
    text = write(tmp_path / "t.csv", numbers(1))
    (tmp_path / "none.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "t.json").write_text('[{"a": 1}]')

    def of(name: str, format: snapshot.Format) -> int:
        file = tmp_path / name
        return estimated_width(Source(path=file, files=(file,), format=format, size_bytes=1))

    assert table.exists()
    assert text.exists()
    assert of("t.parquet", "parquet") >= WIDTH
    assert of("t.csv", "csv") == WIDTH
    assert of("none.parquet", "parquet") == 0
    assert of("t.json", "json") == 0


async def test_statements_on_few_values_have_one_thread_and_on_many_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "t.parquet", "SELECT range AS id FROM range(10)")
    asked = "SELECT current_setting('threads')"
    async with opened(file) as data:
        assert await data.query(asked) == ((1,),)
    monkeypatch.setattr("agents.datasets.duckdb.FEW_VALUES", 9)
    async with opened(file) as data:
        assert await data.query(asked) == ((THREADS,),)


async def test_shapes_are_those_of_each_column_alone_whatever_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [
        "'AB-' || range",
        "CASE WHEN range % 50 = 0 THEN 'n/a' ELSE range || ' kg' END",
        "CASE WHEN range % 40 = 0 THEN 'about ' || range ELSE 'x' || range % 7 END",
        "CASE WHEN range % 30 > 0 THEN '2026-01-' || (10 + range % 20) ELSE 'soon ' || range END",
        "CASE WHEN range % 2 = 0 THEN 'unknown' ELSE '?' END",
        "CASE WHEN range % 9 = 0 THEN 'Straße ' || range END",
    ]
    columns = [f"{kinds[n % len(kinds)]} AS c{n}" for n in range(2 * text_shapes.AT_A_TIME)]
    file = write(tmp_path / "t.parquet", f"SELECT {', '.join(columns)} FROM range(1000)")
    tool = text_shapes.text_shapes.function
    async with opened(file) as data:
        for most in (text_shapes.MAX_VALUES, 400):  # also where only a sample is looked at
            monkeypatch.setattr(text_shapes, "MAX_VALUES", most)
            together = await tool(data, "data")
            alone = [
                shapes
                for column in data.table("data").columns
                for shapes in await tool(data, "data", columns=(column.name,))
            ]
            assert list(together) == alone
            assert len({shapes.name for shapes in together}) > len(kinds)
            assert {shapes.is_sampled for shapes in together} == {False, most == 400}


async def test_dates_are_found_in_some_of_many_columns(tmp_path: Path) -> None:
    dates = (
        "CASE WHEN range % 3 > 0 THEN '2026-01-' || (10 + range % 20) "
        "ELSE '1/' || (13 + range % 9) || '/2026' END"
    )
    columns = [f"{dates if n % 50 == 7 else 'md5(range::VARCHAR)'} AS c{n}" for n in range(120)]
    file = write(
        tmp_path / "t.csv", f"SELECT {', '.join(columns)}, NULL::VARCHAR AS none FROM range(500)"
    )
    async with opened(file) as data:
        found = await date_formats.function(data, "data")
    assert [column.name for column in found] == ["c7", "c57", "c107"]


async def test_a_group_far_off_is_looked_for_wherever_there_is_one(tmp_path: Path) -> None:
    body = "sin(range) * 10"
    columns = {
        "high": f"CASE WHEN range % 100 = 3 THEN 900 + range % 5 ELSE {body} END",
        "low": f"CASE WHEN range % 100 = 3 THEN -900 - range % 5 ELSE {body} END",
        "both": f"CASE range % 100 WHEN 3 THEN 900 WHEN 4 THEN -900 ELSE {body} END",
        "just": f"CASE WHEN range % 100 = 3 THEN 50.5 ELSE {body} END",
        "not_quite": f"CASE WHEN range % 100 = 3 THEN 48 ELSE {body} END",
        "offset": f"CASE WHEN range % 100 = 3 THEN 1e9 + 900 ELSE 1e9 + {body} END",
        "even": "range % 977",
    }
    items = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    file = write(tmp_path / "t.parquet", f"SELECT {items} FROM range(5000)")
    async with opened(file) as data:
        profiled = await profile.function(data, "data")
        found = {
            column.name: await detached_values._detached(data, "data", column)
            for column in profiled.columns
        }
        told = await detached_values.detached_values.function(data, "data")
    assert {name for name, groups in found.items() if groups} == {
        *("high", "low", "both", "just", "offset")
    }
    assert list(told) == [group for groups in found.values() for group in groups]
    assert not detached_values._reaches_far(profiled.column("even"))


@pytest.mark.parametrize("values", [100_000, 700])
async def test_a_sample_of_many_values_is_that_of_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: int
) -> None:
    text = (
        f"CASE WHEN range % 10 = 0 THEN 'n/a' ELSE (range % {values}) || repeat(' ', range % 3) END"
    )
    file = write(tmp_path / "t.parquet", f"SELECT {text} AS note FROM range(200_000)")
    statements = []
    async with opened(file) as data:
        (column,) = (await profile.function(data, "data")).columns
        query = type(data).query

        async def counted(self: Datasets, sql: str) -> object:
            statements.append(sql)
            return await query(self, sql)

        monkeypatch.setattr(type(data), "query", counted)
        whole = await personal_data._sample(data, "data", column.model_copy(update={"distinct": 0}))
        monkeypatch.setattr(personal_data, "MANY_VALUES", 100)
        bounded = await personal_data._sample(data, "data", column)
    assert len(whole) == personal_data.SAMPLE_VALUES
    assert bounded == whole
    assert "hash(v) <=" in statements[1]
    assert len(statements) == 2


async def test_where_few_values_have_small_hashes_all_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "t.parquet", "SELECT 'value ' || range % 600 AS note FROM range(9_000)")
    monkeypatch.setattr(personal_data, "MANY_VALUES", 100)
    async with opened(file) as data:
        (column,) = (await profile.function(data, "data")).columns
        many = column.model_copy(update={"distinct": 10**9})
        assert await personal_data._sample(data, "data", many) == await personal_data._sample(
            data, "data", column.model_copy(update={"distinct": 0})
        )
