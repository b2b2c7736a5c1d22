"""PostgreSQL as a source: rows as the server has them, nothing written, no password told."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from agents.datasets.credentials import set_apart
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetFormatError, DatasetUnreachableError
from tests.support.command_line import CommandLine
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same
from tests.support.postgresql_cluster import PASSWORD, PostgresqlCluster

pytestmark = pytest.mark.postgresql


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(postgresql_cluster: PostgresqlCluster) -> PostgresqlCluster:
    postgresql_cluster.run(
        '''CREATE TABLE orders (id int PRIMARY KEY, price numeric(10, 2), free numeric,
        share float8, paid boolean, day date, placed timestamptz, note text, tags text[],
        "it's ""Q""" int, row_id int, "ID" int)''',
        """INSERT INTO orders VALUES
        (2, 1.50, 'NaN', 0.1, true, '2024-01-31', '2024-01-31 12:00:00+02',
        'a,"b"' || chr(10) || 'c', '{x,y}', 7, 1, 1),
        (1, NULL, 2.5, NULL, false, NULL, NULL, '', NULL, NULL, 2, 2)""",
        "CREATE TABLE nobody (id int)",
        "CREATE SCHEMA odd",
        'CREATE TABLE odd."a.b" (x int)',
        'INSERT INTO odd."a.b" VALUES (1)',
        "CREATE VIEW large AS SELECT * FROM orders WHERE price > 1",
        "CREATE VIEW endless AS SELECT count(*) FROM generate_series(1, 100000000000)",
        "CREATE SEQUENCE counter",
        "CREATE VIEW writing AS SELECT nextval('counter') AS n",
        "CREATE TABLE secretive (id int)",
    )
    return postgresql_cluster


async def pin(catalog: DuckdbCatalog, location: str) -> tuple[PinnedDataset, ...]:
    return await catalog.pin([DatasetReference(location=location)])


def address(shop: PostgresqlCluster, table: str = "") -> str:
    """The location as it goes into a request, its password known to this process."""
    return set_apart(shop.url(password=quote(PASSWORD, safe=""), table=table))


async def test_a_table_is_read_as_the_server_has_it(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    (pinned,) = await pin(catalog, address(shop, "public.orders"))
    assert (pinned.name, pinned.format, pinned.rows) == ("data", "postgresql", 2)
    assert pinned.size_bytes > 0
    assert [(column.name, column.type) for column in pinned.columns] == [
        ("id", "BIGINT"),
        ("price", "DECIMAL(10,2)"),
        ("free", "DOUBLE"),
        ("share", "DOUBLE"),
        ("paid", "BOOLEAN"),
        ("day", "DATE"),
        ("placed", "TIMESTAMP"),
        ("note", "VARCHAR"),
        ("tags", "VARCHAR"),
        ('it\'s "Q"', "BIGINT"),
        ("row_id_1", "BIGINT"),
        ("ID_1", "BIGINT"),
    ]
    async with catalog.open([pinned]) as data:
        rows = await data.query(
            "SELECT id, price, free, share, paid, day, placed, note, tags FROM data ORDER BY row_id"
        )
    assert rows == (
        (1, None, 2.5, None, False, None, None, "", None),
        (
            2,
            Decimal("1.50"),
            None,
            0.1,
            True,
            date(2024, 1, 31),
            datetime(2024, 1, 31, 10),  # noqa: DTZ001 - in UTC
            'a,"b"\nc',
            "{x,y}",
        ),
    )
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_a_database_is_all_its_tables_that_have_rows(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    pinned = await pin(catalog, address(shop))
    assert [(each.name, each.rows) for each in pinned] == [("data", 2), ("b", 1)]
    assert pinned[1].location == shop.url(table="odd.a.b")


async def test_the_version_follows_the_rows_not_where_they_lie(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    shop.run(
        "CREATE TABLE moving (id int PRIMARY KEY, x int)",
        "INSERT INTO moving VALUES (1, 1), (2, 2)",
    )
    (before,) = await pin(catalog, address(shop, "moving"))
    shop.run("UPDATE moving SET x = 1 WHERE id = 1")
    assert (await pin(catalog, address(shop, "moving")))[0].version == before.version
    shop.run("UPDATE moving SET x = 3 WHERE id = 1")
    assert (await pin(catalog, address(shop, "moving")))[0].version != before.version
    shop.run("DROP TABLE moving")


async def test_views_are_read_when_named_and_can_write_nothing(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    (large,) = await pin(catalog, address(shop, "large"))
    assert large.rows == 1
    with pytest.raises(DatasetUnreachableError, match="read-only transaction"):
        await pin(catalog, address(shop, "writing"))


async def test_a_statement_that_nobody_waits_for_is_cancelled_on_the_server(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    reading = asyncio.create_task(pin(catalog, address(shop, "endless")))
    await asyncio.wait([reading], timeout=0.5)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    async with asyncio.timeout(30):
        assert (await pin(catalog, address(shop, "orders")))[0].rows == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("public.order", r"there is no table public\.order; there are: .*public\.orders"),
        ("pg_catalog.nothing; DROP TABLE orders", "there is no table"),
        ("nobody", "has columns but no rows"),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(
    catalog: DuckdbCatalog, shop: PostgresqlCluster, table: str, said: str
) -> None:
    with pytest.raises((DatasetUnreachableError, DatasetFormatError), match=said):
        await pin(catalog, address(shop, table))


async def test_no_error_and_no_dataset_says_the_password(
    catalog: DuckdbCatalog, shop: PostgresqlCluster
) -> None:
    written = shop.url(password=quote(PASSWORD, safe=""), table="orders")
    wrong = shop.url(password="wr0ng%2Fw0rd", table="orders", database="template1")
    told = [(await pin(catalog, written))[0].model_dump_json()]
    for location in (
        wrong,
        shop.url(password="wr0ng/w0rd", table="orders", database="shop[") + "&port=x",
        "postgresql://convener:wr0ng%2Fw0rd@127.0.0.1:1/shop?table=orders",
        "postgresql://convener:wr0ng%2Fw0rd@[::/shop?table=orders",
        "postgresql://convener@127.0.0.1:nope/shop?password=wr0ng/w0rd&table=orders",
    ):
        with pytest.raises(DatasetUnreachableError) as caught:
            await pin(catalog, set_apart(location))
        error: BaseException | None = caught.value
        while error is not None:
            told.append(repr(error))
            error = error.__cause__
    for each in told:
        assert PASSWORD not in each
        assert quote(PASSWORD, safe="") not in each
        assert "wr0ng" not in each


async def test_an_analysis_leaves_the_password_nowhere(
    shop: PostgresqlCluster, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    convener = CommandLine(home=tmp_path, folder=tmp_path / "here")
    url = shop.url(password=quote(PASSWORD, safe=""), table="orders")
    ended = await convener.run("analyze", url, "--format", "json")
    assert ended.code == 0, ended.err
    (dataset,) = json.loads(ended.out)["datasets"]
    assert dataset["location"] == shop.url(table="orders")
    failed = await convener.run("analyze", shop.url(password="wr0ng%2Fw0rd", table="orders"))
    assert failed.code == 1
    told = [ended.out, ended.err, failed.out, failed.err]
    told += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "wr0ng"):
        assert not [each for each in told if secret in each]


async def test_workers_of_a_shared_bus_ask_no_server(
    shop: PostgresqlCluster, tmp_path: Path
) -> None:
    async with DuckdbCatalog(
        roots={"data": tmp_path}, cache=tmp_path / "cache", allow_absolute=False
    ) as catalog:
        with pytest.raises(DatasetUnreachableError, match="do not ask"):
            await pin(catalog, address(shop, "orders"))
