"""Files whose first line names every column but the one that numbers the rows."""

from pathlib import Path

import pytest

from agents.datasets.duckdb import DuckdbCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetFormatError
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same


async def pinned(folder: Path, text: str) -> PinnedDataset:
    file = folder / "t.csv"
    file.write_text(text)
    async with DuckdbCatalog(roots={}, cache=folder / "cache", allow_absolute=True) as catalog:
        (dataset,) = await catalog.pin([DatasetReference(location=str(file))])
        await assert_a_fresh_shell_sees_the_same(catalog, dataset)
    return dataset


@pytest.mark.parametrize(
    ("header", "cells", "types"),
    [
        ('"","use","soil"', ("hay", "wet"), ("VARCHAR", "VARCHAR")),
        (",visits,income", ("NA", "12"), ("BIGINT", "BIGINT")),
        ('"","1940","1945"', ("0.5", "1.25"), ("DOUBLE", "DOUBLE")),
    ],
)
async def test_the_names_are_no_row(
    tmp_path: Path, header: str, cells: tuple[str, str], types: tuple[str, str]
) -> None:
    first, second = cells
    rows = [f"{n},{first if n % 2 else second},{second if n % 3 else first}" for n in range(1, 41)]
    dataset = await pinned(tmp_path, "\n".join([header, *rows]) + "\n")
    assert dataset.rows == 40
    named = header.replace('"', "").split(",")[1:]
    assert [(each.name, each.type) for each in dataset.columns[1:]] == [
        *zip(named, types, strict=True)
    ]


async def test_a_first_row_that_lacks_a_value_is_a_row(tmp_path: Path) -> None:
    rows = [f"{'' if n == 0 else n % 5},{n * 3},{n * 7}" for n in range(40)]
    assert (await pinned(tmp_path, "\n".join(rows) + "\n")).rows == 40


async def test_names_without_rows_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetFormatError, match="a header but no rows"):
        await pinned(tmp_path, ',"name","visits"\n')
