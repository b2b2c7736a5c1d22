"""What queries cost on Parquet files, measured on the files themselves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import duckdb
import pytest

from agents.datasets.duckdb import DuckdbCatalog
from agents.datasets.engine import DuckdbDatasets
from agents.domain.finding import Finding
from agents.domain.request import DatasetReference
from agents.errors import DatasetChangedError, DatasetUnreachableError, QueryError
from agents.specialists.performance import queries
from agents.specialists.performance.query_costs import judge_grouping, judge_join
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tools.grouping_cost import GroupingCost
from agents.tools.join_cost import JoinCost
from tests.support.examination import examination_of

SHUFFLED = "(range * 7919) % 204800"
GROUPS = 20_480


def write(file: Path, select: str, *, group: int = GROUPS) -> Path:
    file.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        connection.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE {group})")
    return file


def sales(place: str, *, rows: int = 204_800, type: str = "TIMESTAMP") -> str:
    return (
        f"SELECT CAST(TIMESTAMP '2026-01-01' + to_seconds({place}) AS {type}) AS sold_at, "
        f"'order ' || ({SHUFFLED}) AS order_id FROM range({rows})"
    )


async def slow_queries(*files: Path, cache: Path) -> tuple[Sequence[Finding], str, list[str]]:
    async with examination_of(PERFORMANCE_ANALYST, *files, cache=cache) as examination:
        findings = await PERFORMANCE_ANALYST.examine(examination)
        setup = "".join(each.setup_sql for each in examination.task.datasets)
    return [each for each in findings if each.category == "slow_query"], setup, examination.notes


@asynccontextmanager
async def opened(
    *files: Path, cache: Path, memory_limit: str = "1GB"
) -> AsyncIterator[DuckdbDatasets]:
    async with DuckdbCatalog(
        roots={}, cache=cache, allow_absolute=True, memory_limit=memory_limit
    ) as catalog:
        pinned = await catalog.pin([DatasetReference(location=str(file)) for file in files])
        async with catalog.open(pinned) as data:
            yield data


@pytest.mark.parametrize("type", ["TIMESTAMP", "TIMESTAMPTZ", "DATE"])
async def test_a_file_out_of_the_order_of_time_makes_filters_read_everything(
    tmp_path: Path, type: str
) -> None:
    place = SHUFFLED if type != "DATE" else f"86400 * (({SHUFFLED}) // 100)"
    file = write(tmp_path / "a.parquet", sales(place, type=type))
    (finding,), setup, _ = await slow_queries(file, cache=tmp_path / "c")
    assert finding.title == (
        "A filter on sold_at for 1 % of the rows reads 10 of the 10 row groups of data; sorted by "
        "it, 1 would do."
    )
    assert [each.value for each in finding.evidence] == [1.0, 1.0]
    with duckdb.connect() as shell:
        shell.execute(setup)
        for evidence in finding.evidence:
            assert evidence.sql is not None
            assert shell.execute(evidence.sql).fetchall()[0][0] > 0


@pytest.mark.parametrize("type", ["TIMESTAMP", "TIMESTAMPTZ"])
async def test_a_file_in_the_order_of_time_is_not_mentioned_whatever_it_is_looked_up_by(
    tmp_path: Path, type: str
) -> None:
    file = write(tmp_path / "a.parquet", sales("range", type=type))
    assert (await slow_queries(file, cache=tmp_path / "c"))[0] == []


async def test_a_small_file_is_not_measured(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", sales(SHUFFLED, rows=3 * GROUPS))
    assert (await slow_queries(file, cache=tmp_path / "c"))[0] == []


async def test_a_folder_is_measured_over_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "sales"
    for year in (1, 2):
        write(folder / f"part{year}.parquet", sales(SHUFFLED))
    (finding,), *_ = await slow_queries(folder, cache=tmp_path / "c")
    assert "reads 20 of the 20 row groups" in finding.title


async def test_without_time_a_large_file_in_no_order_is_told_by_what_it_is_looked_up_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "WORTHWHILE", 1_000)
    ids = "SELECT 'order ' || lpad(CAST({} AS VARCHAR), 6, '0') AS order_id FROM range(204800)"
    shuffled = write(tmp_path / "a.parquet", ids.format(f"({SHUFFLED})"))
    (finding,), *_ = await slow_queries(shuffled, cache=tmp_path / "c")
    assert finding.title.startswith("A filter on order_id for one value reads 10 of the 10")
    assert "order 0" not in finding.model_dump_json()
    ordered = write(tmp_path / "b.parquet", ids.format("range"))
    assert (await slow_queries(ordered, cache=tmp_path / "c"))[0] == []


async def test_a_key_that_is_hardly_one_multiplies_the_rows_of_a_join(tmp_path: Path) -> None:
    buyers = "SELECT CASE WHEN range < 200 THEN 7 ELSE range END AS id FROM range(50000)"
    sold = (
        "SELECT CAST(CASE WHEN range % 2 = 0 THEN 7 ELSE 200 + hash(range) % 40000 END AS BIGINT) "
        "AS buyer_id FROM range(204800)"
    )
    files = [
        write(tmp_path / "sales.parquet", sold),
        write(tmp_path / "buyer.parquet", buyers, group=2_048),
    ]
    async with examination_of(
        PERFORMANCE_ANALYST, *files, cache=tmp_path / "c", names=["sales", "buyer"]
    ) as examination:
        findings = await PERFORMANCE_ANALYST.examine(examination)
    (finding,) = [each for each in findings if each.category == "slow_query"]
    assert finding.title.startswith("sales joined with buyer by buyer_id = id has 20,582,400 rows")


def test_a_join_is_judged_by_what_was_expected_or_by_the_larger_table() -> None:
    def judged(rows: int, expected: int | None) -> list[Finding]:
        cost = JoinCost(rows=rows, expected=expected, sql="SELECT 1")
        return list(judge_join("a", "b_id", "b", "id", 200_000, cost))

    assert judged(200_000, 200_000) == judged(1_000_000, 100_000) == []
    assert judged(100, 200_000) == judged(99_999, 1) == []
    assert "11 times as many as the engine planned for" in judged(1_100_000, 100_000)[0].title
    assert "300 times as many as the larger" in judged(60_000_000, None)[0].title


async def test_what_a_grouping_writes_to_disk_is_measured(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", "SELECT hash(range) AS k FROM range(3_000_000)")
    sql = "SELECT count(*) FROM (SELECT k, count(*) FROM data GROUP BY ALL)"
    async with opened(file, cache=tmp_path / "c", memory_limit="60MB") as data:
        cost = await data.cost(sql, ["data"])
    assert cost is not None
    assert cost.spilled_bytes > 0
    sums = GroupingCost(spilled_bytes=cost.spilled_bytes, sql=sql)
    (finding,) = judge_grouping("data", "k", sums)
    assert "does not fit into memory" in finding.title
    assert list(judge_grouping("data", "k", sums.model_copy(update={"spilled_bytes": 0}))) == []


async def test_a_statement_reaches_no_other_file_and_changes_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", "SELECT range AS id FROM range(10)")
    other = write(tmp_path / "b.parquet", "SELECT range AS id FROM range(10)")
    before = file.read_bytes()
    async with opened(file, cache=tmp_path / "c") as data:
        for statement in (
            f"SELECT * FROM '{other}'",
            f"COPY (SELECT 1) TO '{file}'",
            "SELECT 1; SELECT 2",
            "SET lock_configuration = false",
        ):
            with pytest.raises(QueryError):
                await data.cost(statement, ["data"])
    assert file.read_bytes() == before


async def test_a_file_that_changed_or_went_away_is_not_measured(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", "SELECT range AS id FROM range(10)")
    async with opened(file, cache=tmp_path / "c") as data:
        footer = await data.cost("SELECT count(*) FROM data", ["data"])
        assert footer is not None
        assert footer.row_groups_read == 0
        write(file, "SELECT range AS id FROM range(11)")
        with pytest.raises(DatasetChangedError, match="request it again"):
            await data.cost("SELECT count(*) FROM data", ["data"])
        file.unlink()
        with pytest.raises(DatasetUnreachableError, match="There is no file"):
            await data.cost("SELECT count(*) FROM data", ["data"])


async def test_other_formats_have_no_such_cost(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n2\n")
    async with opened(file, cache=tmp_path / "c") as data:
        assert await data.cost("SELECT count(*) FROM data", ["data"]) is None
