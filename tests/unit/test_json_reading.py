"""Reading JSON: objects in any arrangement, the same rows in a fresh shell, no line lost."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetFormatError
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same

OBJECTS = [
    {"id": n, "name": f"name {n}", "x": n * 1.5, "day": f"2024-01-{n % 28 + 1:02}"}
    for n in range(200)
]
LINES = "".join(json.dumps(each) + "\n" for each in OBJECTS)


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


async def pin(catalog: DuckdbCatalog, file: Path) -> PinnedDataset:
    return (await catalog.pin([DatasetReference(location=str(file))]))[0]


async def rows_of(catalog: DuckdbCatalog, pinned: PinnedDataset, sql: str) -> list[Any]:
    async with catalog.open([pinned]) as data:
        return list(await data.query(sql))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.jsonl", LINES.encode()),
        ("lines.ndjson", LINES.replace("\n", "\r\n\r\n").encode()),
        ("lines.jsonl.gz", gzip.compress(LINES.encode())),
        ("marked.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
        ("array.json", json.dumps(OBJECTS).encode()),
        ("array.json.gz", gzip.compress(json.dumps(OBJECTS, indent=1).encode())),
        ("one after another.json", "\n".join(json.dumps(o, indent=2) for o in OBJECTS).encode()),
    ],
)
async def test_objects_are_rows_however_they_are_arranged(
    catalog: DuckdbCatalog, tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    pinned = await pin(catalog, file)
    assert (pinned.format, pinned.rows) == ("json", 200)
    assert [(column.name, column.type) for column in pinned.columns] == [
        ("id", "BIGINT"),
        ("name", "VARCHAR"),
        ("x", "DOUBLE"),
        ("day", "DATE"),
    ]
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_what_is_nested_is_json_text_and_what_is_mixed_is_as_written(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "nested.jsonl"
    file.write_text(
        '{"id": 1, "who": {"name": "Ann", "tags": ["a", 2]}, "list": [1, 2], "mixed": 7}\n'
        '{"id": 2, "who": null, "mixed": "it\'s", "extra/~key": true, "Row_ID": 5}\n'
    )
    pinned = await pin(catalog, file)
    assert {column.name: column.type for column in pinned.columns} == {
        "id": "BIGINT",
        "who": "VARCHAR",
        "list": "VARCHAR",
        "mixed": "VARCHAR",
        "extra/~key": "BOOLEAN",
        "row_id_1": "BIGINT",
    }
    rows = await rows_of(catalog, pinned, "SELECT who, list, mixed FROM data ORDER BY row_id")
    assert json.loads(rows[0][0]) == {"name": "Ann", "tags": ["a", 2]}
    assert rows[0][1:] == ("[1,2]", "7")
    assert rows[1] == (None, None, "it's")
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_lines_that_hold_no_object_are_listed(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text(LINES + '{"id": 7, "name"\n\n[1, 2]\n' + LINES + '{"id": 1, "id": 2}\n')
    pinned = await pin(catalog, file)
    assert pinned.rows == 401
    assert {column.name: column.type for column in pinned.columns} == {
        "id": "HUGEINT",
        "name": "VARCHAR",
        "x": "DOUBLE",
        "day": "DATE",
    }
    assert await rows_of(catalog, pinned, "SELECT problem, line, rows FROM reading.data") == [
        ("broken JSON", 201, 1),
        ("no object", 203, 1),
    ]
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_lines_in_an_old_encoding_are_read(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    file = tmp_path / "latin.jsonl"
    file.write_bytes('{"city": "Köln"}\n{"city": "Paris"}\n'.encode("latin-1"))
    pinned = await pin(catalog, file)
    assert await rows_of(catalog, pinned, "SELECT city FROM data ORDER BY row_id") == [
        ("Köln",),
        ("Paris",),
    ]
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


async def test_keys_that_differ_in_case_alone_are_columns_of_their_own(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    file = tmp_path / "case.jsonl"
    file.write_text('{"id": 1, "ID": "x"}\n{"Id": 2.5}\n')
    pinned = await pin(catalog, file)
    assert len({column.name.casefold() for column in pinned.columns}) == 3
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)
    file.write_text('{"id": 1, "ID": "x"}\nbroken\n{"Id": 2.5}\n')
    pinned = await pin(catalog, file)
    assert [column.name for column in pinned.columns] == ["id", "ID_1", "Id_2"]
    await assert_a_fresh_shell_sees_the_same(catalog, pinned)


@pytest.mark.parametrize(
    "content",
    ["[1, 2, 3]", '"text"', "no json at all\nnot here either\n", '[{"a": 1}, {"a": 2', "{}"],
)
async def test_what_holds_no_rows_is_told_in_one_sentence(
    catalog: DuckdbCatalog, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "no.json"
    file.write_text(content)
    with pytest.raises(DatasetFormatError) as caught:
        await pin(catalog, file)
    assert "\n" not in str(caught.value)
