"""Reading files: the same rows here and in a fresh shell, and no line lost in silence."""

import asyncio
import csv
import gzip
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.dataset import Datasets
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetError, DatasetFormatError, DatasetUnreachableError
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same

DATA = Path(__file__).parents[1] / "data"
ROWS = "".join(f"{n},name {n},{n * 1.5}\n" for n in range(3_000))
Read = Callable[[Path], Any]


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


async def pin(catalog: DuckdbCatalog, file: Path) -> PinnedDataset:
    return (await catalog.pin([DatasetReference(location=str(file))]))[0]


async def types_of(catalog: DuckdbCatalog, file: Path) -> dict[str, str]:
    return {column.name: column.type for column in (await pin(catalog, file)).columns}


async def remarks(data: Datasets) -> list[tuple[Any, ...]]:
    return list(await data.query('SELECT problem, line, "column", value, rows FROM reading.data'))


@pytest.mark.parametrize(
    "name",
    ["planes.csv", "airports.csv", "weather.csv", "hospital.csv", "febrl.csv", "flights.parquet"],
)
async def test_a_fresh_shell_sees_the_same_rows(catalog: DuckdbCatalog, name: str) -> None:
    await assert_a_fresh_shell_sees_the_same(catalog, await pin(catalog, DATA / name))


@pytest.mark.parametrize(
    "content",
    [
        "id,name,x\n" + ROWS + "1,2\n3,4,5,6\n" + ROWS,
        "id,name,x\n1,a,2\n1,2\n3,4,5,6\n" + ROWS,
        "id,name,x\n" + ROWS + '7,"never closed,3\n' + ROWS,
        "id,name,x\n" + ROWS + ROWS.replace("\n", "\r\n"),
        "id,name,x\n" + ROWS * 8 + "not a number,name,neither\n" + ROWS,
        "id;x\n" + "".join(f"{n};{n},5\n" for n in range(50)),
        'he said ""hi"",ROW_ID,row_id_1\n1,2,3\n4,5,6\n',
        "a,a,b\n1,2,NA\n3,4,5\n",
        "x\n1\n2\n",
    ],
)
async def test_a_fresh_shell_reads_a_strange_file_the_same_way(
    catalog: DuckdbCatalog, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "it's strange.csv"
    file.write_bytes(content.encode())
    await assert_a_fresh_shell_sees_the_same(catalog, await pin(catalog, file))


@pytest.mark.parametrize(
    ("suffix", "encoded"),
    [
        (".csv", ("id,name,x\n" + ROWS).encode()),
        (".csv", ("id,name,x\n" + ROWS + "1,Café,2\n").encode("latin-1")),
        (".csv", ("id,name,x\n" + ROWS).encode("utf-8-sig")),
        (".csv", ("id,name,x\n" + ROWS).encode("utf-16")),
        (".csv.gz", gzip.compress(("id,name,x\n" + ROWS).encode())),
        (".tsv", ("id,name,x\n" + ROWS).replace(",", "\t").encode()),
        (".txt", ("id,name,x\n" + ROWS).replace(",", "|").encode()),
        (".csv", ("id,name,x\n" + ROWS).replace(",", ", ").encode()),
    ],
)
async def test_a_table_is_the_same_in_whatever_dialect(
    catalog: DuckdbCatalog, tmp_path: Path, suffix: str, encoded: bytes
) -> None:
    file = tmp_path / f"table{suffix}"
    file.write_bytes(encoded)
    pinned = await pin(catalog, file)
    assert [(c.name, c.type) for c in pinned.columns] == [
        ("id", "BIGINT"),
        ("name", "VARCHAR"),
        ("x", "DOUBLE"),
    ]
    assert pinned.rows in (3_000, 3_001)
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_lines_with_too_few_or_too_many_fields_are_listed(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "ragged.csv"
    file.write_text("id,name,x\n" + ROWS + "1,2\n3,4,5,6\n" + ROWS)
    pinned = await pin(catalog, file)
    assert pinned.rows == 6_000
    async with catalog.open([pinned]) as data:
        assert await remarks(data) == [
            ("missing columns", 3_002, None, None, 1),
            ("too many columns", 3_003, None, None, 1),
        ]


async def test_an_unclosed_quote_does_not_swallow_the_file(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "unclosed.csv"
    file.write_text("id,name,x\n" + ROWS + '7,"never closed,3\n' + ROWS)
    pinned = await pin(catalog, file)
    assert pinned.rows == 6_001
    async with catalog.open([pinned]) as data:
        assert [problem for problem, *_ in await remarks(data)] == ["irregular"]


async def test_codes_for_missing_numbers_become_nulls_and_are_remembered(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("a,b,c,d\n1,2.5,2024-01-31,x\nNA,-,?,NA\n3, ,n/a,y\nNA,1.5,2024-02-01,z\n")
    pinned = await pin(catalog, file)
    assert [column.type for column in pinned.columns] == ["BIGINT", "DOUBLE", "DATE", "VARCHAR"]
    async with catalog.open([pinned]) as data:
        assert await data.query("SELECT sum(a), sum(b), count(c), min(d) FROM data") == (
            (4, 4.0, 2, "NA"),
        )
        assert await remarks(data) == [
            ("missing code", None, "a", "NA", 2),
            ("missing code", None, "b", " ", 1),
            ("missing code", None, "b", "-", 1),
            ("missing code", None, "c", "?", 1),
            ("missing code", None, "c", "n/a", 1),
        ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
async def test_floats_that_are_no_number_are_missing(
    catalog: DuckdbCatalog, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"floats.{suffix}"
    with duckdb.connect() as writer:
        writer.execute(
            f"COPY (SELECT unnest([1.5::DOUBLE, 'NaN', 2.5, 'NaN']) AS x, 1 AS y) TO '{file}'"
        )
    pinned = await pin(catalog, file)
    async with catalog.open([pinned]) as data:
        assert await data.query("SELECT count(x), max(x) FROM data") == ((2, 2.5),)
        assert await remarks(data) == [("missing code", None, "x", "NaN", 2)]
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_leading_zeros_are_kept(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    file = tmp_path / "zips.csv"
    file.write_text("zip,x\n" + "00501,1\n10001,2\n" * 100)
    assert (await types_of(catalog, file))["zip"] == "VARCHAR"


async def test_a_column_named_row_id_keeps_its_values_under_another_name(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("Row_ID,x\n7,1\n8,2\n")
    pinned = await pin(catalog, file)
    async with catalog.open([pinned]) as data:
        assert await data.query("SELECT row_id, row_id_1 FROM data ORDER BY 1") == ((0, 7), (1, 8))


async def test_parquet_types_become_plain_ones(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    file = tmp_path / "types.parquet"
    with duckdb.connect() as writer:
        writer.execute("SET TimeZone = 'Asia/Tokyo'")
        writer.execute(
            f"""
            COPY (SELECT TIMESTAMPTZ '2024-01-31 12:00:00+02' AS moment, [1, 2] AS list,
                1.25 AS price,
                {{'a': 1}} AS struct, 'b'::BLOB AS blob, uuid() AS id, 'x'::ENUM('x', 'y') AS kind,
                TIMESTAMP_NS '2024-01-31 12:00:00' AS ns, DATE '2024-01-31' AS day) TO '{file}'
            """
        )
    pinned = await pin(catalog, file)
    types = {column.name: column.type for column in pinned.columns}
    assert types == {
        "moment": "TIMESTAMP",
        "list": "VARCHAR",
        "price": "DECIMAL(3,2)",
        "struct": "VARCHAR",
        "blob": "VARCHAR",
        "id": "VARCHAR",
        "kind": "VARCHAR",
        "ns": "TIMESTAMP",
        "day": "DATE",
    }
    async with catalog.open([pinned]) as data:
        ((moment,),) = await data.query("SELECT CAST(moment AS VARCHAR) FROM data")
        assert moment == "2024-01-31 10:00:00"
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_a_small_file_of_many_columns_gets_the_memory_that_it_needs(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "wide.csv"
    names = [f"c{number}" for number in range(2_000)]
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(names)
        writer.writerows([number * 1_000 + row for number in range(2_000)] for row in range(300))
    pinned = await pin(catalog, file)
    assert (pinned.rows, len(pinned.columns)) == (300, 2_000)
    async with catalog.open([pinned]) as data:
        assert await remarks(data) == []


async def test_a_lack_of_memory_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.datasets.snapshot.SMALL_MEMORY_LIMIT", "1MB")
    file = tmp_path / "orders.csv"
    file.write_text("id,name\n" + "".join(f"{n},{n:0100}\n" for n in range(20_000)))
    async with DuckdbCatalog(
        roots={}, cache=tmp_path / "cache", allow_absolute=True, memory_limit="1MB"
    ) as catalog:
        with pytest.raises(DatasetUnreachableError, match="memory that the engine may use"):
            await pin(catalog, file)


async def test_the_folders_of_partitions_are_columns(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    folder = tmp_path / "sales"
    with duckdb.connect() as writer:
        writer.execute(
            "COPY (SELECT range AS id, 2023 + range % 2 AS year, 'k ' || range % 3 AS kind "
            f"FROM range(60)) TO '{folder}' (FORMAT parquet, PARTITION_BY (year, kind))"
        )
    pinned = await pin(catalog, folder)
    assert {column.name: column.type for column in pinned.columns} == {
        "id": "BIGINT",
        "year": "BIGINT",
        "kind": "VARCHAR",
    }
    async with catalog.open([pinned]) as data:
        assert await data.query("SELECT year, kind FROM data WHERE id = 4") == ((2023, "k 1"),)
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)
    (folder / "year=2023").rename(folder / "year=2022")
    assert (await pin(catalog, folder)).version != pinned.version


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("binary.csv", bytes(range(256)) * 40, "binary data"),
        ("blank.csv", b"\n\n\n", "blank lines"),
        ("header.csv", b"id,name\n", "no rows"),
        ("torn.csv.gz", gzip.compress(ROWS.encode())[:200], "damaged gzip"),
        ("fake.csv.gz", b"\x1f\x8bnot gzip at all", "damaged gzip"),
    ],
)
async def test_what_is_no_table_is_told_in_one_sentence(
    catalog: DuckdbCatalog, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DatasetFormatError, match=said) as caught:
        await pin(catalog, file)
    assert "\n" not in str(caught.value)


cells = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.sampled_from(["", " ", "NA", "n/a", "-", "2024-01-31", "00501", "true", '"', "a,b", "x\ny"]),
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("C",)), max_size=8
    ),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(cells, min_size=width, max_size=width), min_size=2, max_size=30
        )
    )
)
def test_any_table_is_read_as_a_fresh_shell_reads_it_or_refused(
    tmp_path: Path, table: list[list[str]]
) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(table)
    file = tmp_path / "any.csv"
    file.write_bytes(written.getvalue().encode())

    async def check() -> None:
        async with DuckdbCatalog(
            roots={}, cache=tmp_path / "cache", allow_absolute=True
        ) as catalog:
            try:
                pinned = await pin(catalog, file)
            except DatasetError:
                return
            await assert_a_fresh_shell_sees_the_same(catalog, pinned)

    asyncio.run(check())
