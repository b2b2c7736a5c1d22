"""The tool for a SELECT of a model's own: what it returns, what it hides, what it refuses."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.builtin import builtin_panel
from agents.dataset import Datasets
from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.errors import QueryError
from agents.tools.query_data import query_data

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Datasets]:
    people = tmp_path / "people.csv"
    people.write_text(
        "first_name,city,phone_number,seen\n"
        "Annabel,Rome,4915112345678,2024-01-31\n"
        "Bertram,Oslo,4915187654321,2024-02-01\n"
    )
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as catalog:
        pinned = await catalog.pin(
            [
                DatasetReference(location=str(people)),
                DatasetReference(location=str(DATA / "planes.csv"), name="planes"),
                DatasetReference(location=str(DATA / "flights.parquet"), name="flights"),
            ]
        )
        async with catalog.open(pinned) as opened:
            yield opened


async def ask(data: Datasets, sql: str) -> Any:
    result = await query_data.bind(data, {"sql": sql})()
    return query_data.result.validate_json(query_data.result.dump_json(result))


async def test_tables_can_be_joined_and_counted(data: Datasets) -> None:
    result = await ask(
        data,
        "SELECT p.manufacturer, count(*) AS flights FROM flights f JOIN planes p USING (tailnum) "
        "GROUP BY 1 ORDER BY 2 DESC LIMIT 2",
    )
    assert result.columns == ("manufacturer", "flights")
    assert len(result.rows) == 2
    assert result.rows[0][1] > result.rows[1][1]
    assert not result.is_cut


async def test_what_belongs_to_a_table_can_be_asked_too(data: Datasets) -> None:
    assert (await ask(data, "SELECT count(*) FROM layout.flights")).rows[0][0] > 0
    assert (await ask(data, "SELECT count(*) FROM reading.data")).rows == ((0,),)
    assert (await ask(data, "SELECT row_id, seen FROM data ORDER BY 1")).rows == (
        (0, "2024-01-31"),
        (1, "2024-02-01"),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT first_name, phone_number FROM data",
        "SELECT * FROM data",
        "SELECT first_name AS city2, phone_number + 0 AS n FROM data",
        "SELECT upper(first_name) AS x FROM data",
        "SELECT x FROM (SELECT * FROM data) AS t(x, y)",
        "SELECT COLUMNS('first.*') AS x FROM data",
        "SELECT list(first_name ORDER BY 1) AS everybody FROM data",
        "WITH t AS (SELECT first_name AS x, phone_number AS y FROM data) SELECT x, y FROM t",
    ],
)
async def test_personal_values_are_masked_whatever_they_are_called(
    data: Datasets, sql: str
) -> None:
    shown = str((await ask(data, sql)).rows)
    for personal in ("nnabel", "NNABEL", "ertram", "4915112345678", "4915187654321"):
        assert personal not in shown


async def test_figures_over_personal_columns_are_shown(data: Datasets) -> None:
    result = await ask(
        data, "SELECT city, count(DISTINCT first_name) AS n FROM data GROUP BY city ORDER BY city"
    )
    assert result.rows == (("Oslo", 1), ("Rome", 1))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE data", "Only a SELECT"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT * FROM passengers", "has: data, flights, planes"),
        ("SELECT nonsense FROM data", "nonsense"),
        ("SELECT 1 / 'x' FROM data", "The query failed"),
    ],
)
async def test_a_refusal_is_one_sentence(data: Datasets, sql: str, said: str) -> None:
    with pytest.raises(QueryError, match=said) as caught:
        await ask(data, sql)
    assert "\n" not in str(caught.value)


def test_models_of_all_specialists_have_the_tool() -> None:
    panel = builtin_panel()
    for role in panel.roles:
        assert query_data in panel[role].tools
