"""The DuckDB catalog: what is pinned stays, is read once, and can only be read."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.errors import (
    AgentUsageError,
    DatasetChangedError,
    DatasetFormatError,
    DatasetUnreachableError,
    QueryError,
    UnknownTableError,
)

DATA = Path(__file__).parents[1] / "data"
ENDLESS = "SELECT count(*) FROM range(100_000_000_000) a, range(100_000) b WHERE a.range % 7 = 3"


def reference(path: Path, name: str = "") -> DatasetReference:
    return DatasetReference(location=str(path), name=name)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(
        roots={"data": DATA}, cache=tmp_path / "cache", allow_absolute=True
    ) as opened:
        yield opened


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    file = tmp_path / "orders.csv"
    file.write_text("id,amount\n" + "".join(f"{n},{n * 10}\n" for n in range(100)))
    return file


async def test_a_pinned_dataset_says_what_it_is(catalog: DuckdbCatalog) -> None:
    (planes,) = await catalog.pin([DatasetReference(location="data/planes.csv")])
    assert (planes.name, planes.format, planes.rows) == ("data", "csv", 3_322)
    assert planes.size_bytes == (DATA / "planes.csv").stat().st_size
    assert {column.name: column.type for column in planes.columns}["speed"] == "BIGINT"


async def test_the_version_follows_the_content_not_the_place(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    copy = orders.with_name("copy.csv")
    copy.write_bytes(orders.read_bytes())
    first, second = await catalog.pin([reference(orders), reference(copy)])
    assert first.version == second.version
    copy.write_text("id,amount\n1,2\n")
    (third,) = await catalog.pin([reference(copy)])
    assert third.version != first.version


async def test_datasets_without_a_name_get_one_of_their_own(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    files = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("2024 sales!.csv", "data.csv"):
            files.append(tmp_path / folder / name)
            files[-1].write_text("id,x\n1,2\n")
    pinned = await catalog.pin([*map(reference, files), reference(files[0], "Sales")])
    assert [dataset.name for dataset in pinned] == [
        "data",
        "data_2",
        "t_2024_sales",
        "data_3",
        "Sales",
    ]


async def test_names_that_sql_cannot_tell_apart_are_refused(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    with pytest.raises(AgentUsageError, match="Two datasets are named"):
        await catalog.pin([reference(orders, "a"), reference(orders, "A")])


async def test_several_datasets_can_be_joined(catalog: DuckdbCatalog) -> None:
    pinned = await catalog.pin(
        [
            reference(DATA / "flights.parquet", "flights"),
            reference(DATA / "planes.csv", "planes"),
        ]
    )
    async with catalog.open(pinned) as data:
        assert list(data.tables) == ["flights", "planes"]
        ((known,),) = await data.query(
            "SELECT count(*) FROM flights SEMI JOIN planes USING (tailnum)"
        )
        assert 0 < known < data.table("flights").rows
        with pytest.raises(UnknownTableError, match="flights, planes"):
            data.table("data")
        assert data.path("planes") == str(DATA / "planes.csv")


async def test_the_pinned_content_stays_whatever_happens_to_the_file(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    orders.write_text("id,amount\n1,2\n")
    async with catalog.open(pinned) as data:
        assert await data.query("SELECT count(*) FROM data") == ((100,),)
    orders.unlink()
    async with catalog.open(pinned) as data:
        assert await data.query("SELECT max(amount) FROM data") == ((990,),)


async def test_another_host_notices_that_the_file_has_changed(
    catalog: DuckdbCatalog, orders: Path, tmp_path: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    orders.write_text("id,amount\n1,2\n")
    async with DuckdbCatalog(roots={}, cache=tmp_path / "other", allow_absolute=True) as other:
        with pytest.raises(DatasetChangedError):
            async with other.open(pinned):
                pass
        orders.unlink()
        with pytest.raises(DatasetUnreachableError):
            async with other.open(pinned):
                pass


async def test_a_snapshot_does_not_lift_the_limits_of_the_roots(
    catalog: DuckdbCatalog, orders: Path, tmp_path: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    async with DuckdbCatalog(
        roots={"data": DATA}, cache=tmp_path / "cache", allow_absolute=False
    ) as other:
        with pytest.raises(DatasetUnreachableError):
            async with other.open(pinned):
                pass


async def test_processes_of_a_host_make_one_snapshot_together(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    files = [DATA / "weather.csv", DATA / "planes.csv"]
    catalogs = [DuckdbCatalog(roots={}, cache=cache, allow_absolute=True) for _ in range(3)]
    pinned = await asyncio.gather(
        *(catalog.pin([reference(file) for file in files]) for catalog in catalogs for _ in "12")
    )
    assert len(set(pinned)) == 1
    assert len(list(cache.glob("*.duckdb"))) == 2
    assert not list(cache.glob("*.draft*"))
    for catalog in catalogs:
        await catalog.aclose()
        await catalog.aclose()


async def test_what_a_dead_process_left_behind_is_in_nobodys_way(
    catalog: DuckdbCatalog, orders: Path, tmp_path: Path
) -> None:
    (pinned,) = await catalog.pin([reference(orders)])
    (snapshot,) = (tmp_path / "cache").glob("*.duckdb")
    snapshot.rename(snapshot.with_suffix(".draft"))
    assert await catalog.pin([reference(orders)]) == (pinned,)
    assert snapshot.exists()


async def test_a_damaged_snapshot_is_made_again(
    catalog: DuckdbCatalog, orders: Path, tmp_path: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    (snapshot,) = (tmp_path / "cache").glob("*.duckdb")
    snapshot.write_bytes(b"nothing of the kind")
    assert await catalog.pin([reference(orders)]) == pinned
    async with catalog.open(pinned) as data:
        assert await data.query("SELECT count(*) FROM data") == ((100,),)


async def test_snapshots_that_nobody_uses_any_more_are_removed(
    catalog: DuckdbCatalog, orders: Path, tmp_path: Path
) -> None:
    await catalog.pin([reference(orders)])
    (old,) = (tmp_path / "cache").glob("*.duckdb")
    os.utime(old, (0, 0))
    await catalog.pin([DatasetReference(location="data/airlines.csv")])
    assert not old.exists()
    assert len(list((tmp_path / "cache").glob("*.duckdb"))) == 1


async def test_tasks_share_an_engine_and_a_statement_is_computed_once(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    async with catalog.open(pinned) as first, catalog.open(pinned) as second:
        assert first is second
        sql = "SELECT id FROM data WHERE id < ? ORDER BY id"
        rows = await asyncio.gather(*(data.query(sql, [3]) for data in (first, second)))
        assert rows[0] is rows[1]
        assert await first.query(sql, [3]) is rows[0]
        assert await first.query(sql, [2]) == ((0,), (1,))
    async with catalog.open(pinned) as third:
        assert third is first


async def test_an_idle_engine_is_closed_in_the_end(orders: Path, tmp_path: Path) -> None:
    async with DuckdbCatalog(
        roots={}, cache=tmp_path / "cache", allow_absolute=True, keep_idle=0.0
    ) as catalog:
        pinned = await catalog.pin([reference(orders)])
        async with catalog.open(pinned) as first:
            pass
        for _ in range(20):
            await asyncio.sleep(0)
        async with catalog.open(pinned) as second:
            assert second is not first


async def test_a_query_returns_no_more_rows_than_asked_for(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    async with catalog.open(pinned) as data:
        assert len(await data.query("SELECT * FROM data", limit=7)) == 7


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "DROP VIEW data",
        "DELETE FROM snapshot_0.rows",
        "INSERT INTO snapshot_0.rows SELECT * FROM snapshot_0.rows",
        "CREATE TABLE t AS SELECT 1",
        "COPY data TO 'stolen.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "ATTACH ':memory:' AS more",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "WITH gone AS (DELETE FROM snapshot_0.rows RETURNING *) SELECT * FROM gone",
        "SELECT nonsense",
        "SELEC 1",
        "",
    ],
)
async def test_a_query_can_only_read_the_views(
    catalog: DuckdbCatalog, orders: Path, sql: str
) -> None:
    pinned = await catalog.pin([reference(orders)])
    async with catalog.open(pinned) as data:
        with pytest.raises(QueryError):
            await data.query(sql)
        assert await data.query("SELECT count(*) FROM data") == ((100,),)


async def test_a_cancelled_query_frees_its_thread(catalog: DuckdbCatalog, orders: Path) -> None:
    pinned = await catalog.pin([reference(orders)])
    async with catalog.open(pinned) as data:
        for _ in range(2):
            endless = [asyncio.create_task(data.query(f"{ENDLESS} -- {n}")) for n in range(4)]
            done, pending = await asyncio.wait(endless, timeout=0.1)
            assert not done
            for task in pending:
                task.cancel()
            await asyncio.gather(*endless, return_exceptions=True)
        async with asyncio.timeout(20):
            assert await data.query("SELECT count(*) FROM data") == ((100,),)


async def test_a_statement_goes_on_while_somebody_still_waits_for_it(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    pinned = await catalog.pin([reference(orders)])
    sql = "SELECT count(*) FROM range(300_000_000) t WHERE t.range % 7 = 3"
    async with catalog.open(pinned) as data:
        impatient = asyncio.create_task(data.query(sql))
        patient = asyncio.create_task(data.query(sql))
        await asyncio.wait([impatient], timeout=0.05)
        impatient.cancel()
        ((count,),) = await patient
        assert count == 42_857_143


async def test_closing_the_catalog_ends_what_is_running(orders: Path, tmp_path: Path) -> None:
    catalog = DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True)
    pinned = await catalog.pin([reference(orders)])
    async with catalog.open(pinned) as data:
        running = asyncio.create_task(data.query(ENDLESS))
        await asyncio.wait([running], timeout=0.1)
        await catalog.aclose()
        async with asyncio.timeout(20):
            with pytest.raises((QueryError, asyncio.CancelledError)):
                await running


async def test_every_error_of_the_driver_is_one_of_ours(
    catalog: DuckdbCatalog, orders: Path
) -> None:
    from agents.datasets.duckdb import read_errors
    from agents.datasets.engine import query_errors

    drivers = [
        error
        for error in vars(duckdb).values()
        if isinstance(error, type) and issubclass(error, duckdb.Error)
    ]
    assert len(drivers) > 10
    for driver in drivers:
        with pytest.raises(QueryError), query_errors():
            raise driver("no")
        with pytest.raises(DatasetUnreachableError), read_errors("orders.csv"):
            raise driver("no")


async def test_the_layout_of_parquet_is_a_view(catalog: DuckdbCatalog) -> None:
    pinned = await catalog.pin([reference(DATA / "flights.parquet")])
    async with catalog.open(pinned) as data:
        ((rows, columns),) = await data.query(
            "SELECT sum(row_group_num_rows) FILTER (\"column\" = 'year'), "
            'count(DISTINCT "column") FROM layout.data'
        )
    assert (rows, columns) == (83_210, 19)


async def test_a_folder_of_parquet_is_one_dataset(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    (folder / "year=2024").mkdir(parents=True)
    with duckdb.connect() as writer:
        writer.execute(f"COPY (SELECT 1 AS id) TO '{folder}/year=2024/a.parquet'")
        writer.execute(f"COPY (SELECT 2 AS id, 'x' AS note) TO '{folder}/b.parquet'")
    pinned = await catalog.pin([reference(folder)])
    assert pinned[0].rows == 2
    async with catalog.open(pinned) as data:
        assert {row[0] for row in await data.query("SELECT id FROM data")} == {1, 2}


async def test_parquet_that_is_cut_off_is_a_format_error(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.parquet"
    torn.write_bytes((DATA / "flights.parquet").read_bytes()[:5_000])
    with pytest.raises(DatasetFormatError, match="cannot be read"):
        await catalog.pin([reference(torn)])


async def test_importing_the_seam_does_not_load_the_engine() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys, agents.dataset, agents.datasets.sql; sys.exit('duckdb' in sys.modules)",
        cwd=DATA.parents[1],
    )
    assert await process.wait() == 0
