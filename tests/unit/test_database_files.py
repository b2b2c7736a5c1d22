"""SQLite and DuckDB files: every table or one, at one version, read only, the same in a shell."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetFormatError, DatasetUnreachableError
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "duckdb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two tables with rows, one without, and a view."""
    statements = (
        "CREATE TABLE orders (id INTEGER, note TEXT)",
        "INSERT INTO orders VALUES (1, 'a'), (2, NULL), (3, 'it''s')",
        "CREATE TABLE customers (id INTEGER)",
        "INSERT INTO customers VALUES (7)",
        "CREATE TABLE nobody (id INTEGER)",
        "CREATE VIEW large AS SELECT * FROM orders WHERE id > 1",
    )
    file = tmp_path / "shop.db"
    opened: Any = sqlite3.connect(file) if request.param == "sqlite" else duckdb.connect(str(file))
    with closing(opened) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return file


def in_sqlite(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


async def pin(catalog: DuckdbCatalog, location: str, name: str = "") -> tuple[PinnedDataset, ...]:
    return await catalog.pin([DatasetReference(location=location, name=name)])


async def test_a_database_file_is_all_its_tables_that_have_rows(
    catalog: DuckdbCatalog, shop: Path
) -> None:
    pinned = await pin(catalog, str(shop))
    assert [(each.name, each.rows, each.location) for each in pinned] == [
        ("data", 1, f"{shop}::customers"),
        ("orders", 3, f"{shop}::orders"),
    ]
    async with catalog.open(pinned) as data:
        assert await data.query("SELECT id, note FROM orders ORDER BY row_id") == (
            (1, "a"),
            (2, None),
            (3, "it's"),
        )
        assert data.path("orders") == str(shop)
    named = await pin(catalog, str(shop), "shop")
    assert [each.name for each in named] == ["shop_customers", "shop_orders"]


async def test_one_table_can_be_named(catalog: DuckdbCatalog, shop: Path) -> None:
    (orders,) = await pin(catalog, f"{shop}::orders")
    assert (orders.name, orders.rows) == ("data", 3)
    await assert_a_fresh_shell_sees_the_same(catalog, orders)
    with pytest.raises(DatasetUnreachableError, match=r"no table 'order'; it has: .*orders"):
        await pin(catalog, f"{shop}::order")
    with pytest.raises(DatasetFormatError, match="no rows"):
        await pin(catalog, f"{shop}::nobody")


async def test_the_version_of_a_table_follows_its_rows_alone(
    catalog: DuckdbCatalog, shop: Path
) -> None:
    (before,) = await pin(catalog, f"{shop}::orders")
    opened: Any = duckdb.connect(str(shop)) if before.format == "duckdb" else sqlite3.connect(shop)
    with closing(opened) as connection:
        connection.execute("DELETE FROM customers")
        connection.commit()
    assert (await pin(catalog, f"{shop}::orders")) == (before,)
    opened = duckdb.connect(str(shop)) if before.format == "duckdb" else sqlite3.connect(shop)
    with closing(opened) as connection:
        connection.execute("UPDATE orders SET note = '' WHERE id = 2")
        connection.commit()
    (after,) = await pin(catalog, f"{shop}::orders")
    assert after.version != before.version
    async with catalog.open([before]) as data:
        assert await data.query("SELECT count(note) FROM data") == ((2,),)


async def test_a_file_that_is_none_has_no_tables(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("id,x\n1,2\n")
    with pytest.raises(DatasetFormatError, match="has no tables: leave out ::orders"):
        await pin(catalog, f"{file}::orders")
    odd = tmp_path / "a::b.csv"
    odd.write_text("id,x\n1,2\n")
    assert (await pin(catalog, str(odd)))[0].rows == 1


async def test_columns_of_sqlite_have_the_types_of_what_they_hold(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "types.db"
    in_sqlite(
        file,
        "CREATE TABLE t (whole, real REAL, flag BOOLEAN, mixed INTEGER, code TEXT, day TEXT, "
        'moment DATETIME, "it\'s ""q"" " TEXT, raw BLOB, nil, Row_ID INTEGER)',
        "INSERT INTO t VALUES (9007199254740993, 0.1, 1, 5, '007', '2024-01-31', "
        "'2024-01-31 10:00:00', 'a,\"b\"\nc', x'00ff', NULL, 4)",
        "INSERT INTO t VALUES (-1, 2, 0, 'n/a', '010', NULL, "
        "'2024-02-01 11:30:00', '', NULL, NULL, 5)",
    )
    (pinned,) = await pin(catalog, str(file))
    assert [(column.name, column.type) for column in pinned.columns] == [
        ("whole", "BIGINT"),
        ("real", "DOUBLE"),
        ("flag", "BOOLEAN"),
        ("mixed", "VARCHAR"),
        ("code", "VARCHAR"),
        ("day", "DATE"),
        ("moment", "TIMESTAMP"),
        ('it\'s "q" ', "VARCHAR"),
        ("raw", "VARCHAR"),
        ("nil", "VARCHAR"),
        ("Row_ID_1", "BIGINT"),
    ]
    async with catalog.open([pinned]) as data:
        rows = await data.query(
            'SELECT whole, real, flag, mixed, code, "it\'s ""q"" ", raw, nil, row_id FROM data '
            "ORDER BY row_id"
        )
    assert rows == (
        (9007199254740993, 0.1, True, "5", "007", 'a,"b"\nc', "00FF", None, 0),
        (-1, 2.0, False, "n/a", "010", "", None, None, 1),
    )
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_text_that_is_no_text_is_read_all_the_same(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "bytes.db"
    in_sqlite(
        file,
        "CREATE TABLE t (x TEXT)",
        "INSERT INTO t VALUES (CAST(x'636166e9' AS TEXT)), ('a' || char(0) || 'b'), (char(13))",
        f"INSERT INTO t VALUES ('{'y' * 3_000_000}')",
    )
    (pinned,) = await pin(catalog, str(file))
    assert pinned.rows == 4
    async with catalog.open([pinned]) as data:
        rows = await data.query("SELECT left(x, 5), length(x) FROM data ORDER BY row_id")
    assert rows[0] == ("caf\N{REPLACEMENT CHARACTER}", 4)
    assert rows[2:] == (("\r", 1), ("yyyyy", 3_000_000))


async def test_a_sqlite_file_that_another_process_writes_is_read_in_one_state(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "live.db"
    in_sqlite(file, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        (pinned,) = await pin(catalog, str(file))
        assert pinned.rows == 1
        writer.commit()
        (pinned,) = await pin(catalog, str(file))
        assert pinned.rows == 2


async def test_a_view_is_read_when_named_and_stopped_when_nobody_waits(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "views.db"
    in_sqlite(
        file,
        "CREATE TABLE t (x)",
        "INSERT INTO t VALUES (1)",
        "CREATE VIEW double AS SELECT x * 2 AS y FROM t",
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i FROM n",
        "CREATE VIEW bomb AS SELECT zeroblob(2000000000) AS b",
    )
    (pinned,) = await pin(catalog, f"{file}::double")
    assert pinned.rows == 1
    with pytest.raises(DatasetFormatError, match="too big"):
        await pin(catalog, f"{file}::bomb")
    reading = asyncio.create_task(pin(catalog, f"{file}::endless"))
    await asyncio.wait([reading], timeout=0.2)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    async with asyncio.timeout(20):
        assert (await pin(catalog, f"{file}::t"))[0].rows == 1


async def test_a_damaged_database_is_told_in_one_sentence(
    catalog: DuckdbCatalog, shop: Path
) -> None:
    content = shop.read_bytes()
    shop.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises((DatasetFormatError, DatasetUnreachableError)) as caught:
        await pin(catalog, f"{shop}::orders")
    assert "\n" not in str(caught.value)


async def test_nothing_is_left_in_the_cache_but_snapshots(
    catalog: DuckdbCatalog, shop: Path, tmp_path: Path
) -> None:
    await pin(catalog, str(shop))
    with pytest.raises(DatasetFormatError):
        await pin(catalog, f"{shop}::nobody")
    left = {file.suffix for file in (tmp_path / "cache").iterdir() if file.is_file()}
    assert left == {".duckdb"}


async def test_too_many_tables_are_refused_with_the_way_to_name_them(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    from agents.errors import AgentUsageError

    file = tmp_path / "many.db"
    in_sqlite(
        file,
        *(
            statement
            for n in range(33)
            for statement in (f"CREATE TABLE t{n:02} (x)", f"INSERT INTO t{n:02} VALUES (1)")
        ),
    )
    with pytest.raises(AgentUsageError, match="33 tables"):
        await pin(catalog, str(file))
