"""Compressed files are read like others, whatever they are called, and no bomb fills the disk."""

import bz2
import gzip
import lzma
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import zstandard

from agents.datasets.duckdb import DuckdbCatalog
from agents.datasets.interruptible import Interruption
from agents.datasets.packing import unpack
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import DatasetFormatError
from tests.support.fresh_shell import assert_a_fresh_shell_sees_the_same

CSV = ("id,name\n" + "".join(f"{n},né {n}\n" for n in range(3_000))).encode()
JSON = "".join(f'{{"id": {n}, "name": "x{n}"}}\n' for n in range(500)).encode()

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[DuckdbCatalog]:
    async with DuckdbCatalog(roots={}, cache=tmp_path / "cache", allow_absolute=True) as opened:
        yield opened


async def pin(catalog: DuckdbCatalog, file: Path, content: bytes) -> PinnedDataset:
    file.write_bytes(content)
    return (await catalog.pin([DatasetReference(location=str(file))]))[0]


@pytest.mark.parametrize("suffix", PACKS)
@pytest.mark.parametrize(
    ("name", "content", "rows"), [("a.csv", CSV, 3_000), ("a.json", JSON, 500)]
)
async def test_a_packed_file_is_read_like_the_plain_one(
    catalog: DuckdbCatalog, tmp_path: Path, suffix: str, name: str, content: bytes, rows: int
) -> None:
    dataset = await pin(catalog, tmp_path / f"{name}.{suffix}", PACKS[suffix](content))
    assert (dataset.rows, [column.name for column in dataset.columns]) == (rows, ["id", "name"])
    await assert_a_fresh_shell_sees_the_same(catalog, dataset)


@pytest.mark.parametrize(("name", "pack"), [("a.csv", "zst"), ("a.csv.gz", "xz")])
async def test_a_name_that_says_something_else_does_not_matter(
    catalog: DuckdbCatalog, tmp_path: Path, name: str, pack: str
) -> None:
    dataset = await pin(catalog, tmp_path / name, PACKS[pack](CSV))
    assert dataset.rows == 3_000
    await assert_a_fresh_shell_sees_the_same(catalog, dataset)


async def test_the_same_bytes_under_a_right_and_a_wrong_name_both_run_in_a_shell(
    catalog: DuckdbCatalog, tmp_path: Path
) -> None:
    for name in ("right.csv.gz", "wrong.csv"):
        dataset = await pin(catalog, tmp_path / name, gzip.compress(CSV))
        await assert_a_fresh_shell_sees_the_same(catalog, dataset)


@pytest.mark.parametrize("suffix", PACKS)
async def test_a_file_that_was_cut_off_is_refused(
    catalog: DuckdbCatalog, tmp_path: Path, suffix: str
) -> None:
    torn = PACKS[suffix](CSV)[:-200]
    with pytest.raises(DatasetFormatError, match=r"a\.csv\.\w+ is a damaged") as caught:
        await pin(catalog, tmp_path / f"a.csv.{suffix}", torn)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv.gz", CSV, "named like a gzip file but is none: name it a.csv"),
        ("a.parquet.gz", gzip.compress(CSV), "Parquet is compressed already"),
        ("a.csv.bz2", bz2.compress(b"id,name\n"), "a.csv.bz2 has a header but no rows"),
    ],
)
async def test_what_cannot_be_read_is_said_of_the_file_that_was_named(
    catalog: DuckdbCatalog, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(DatasetFormatError, match=said):
        await pin(catalog, tmp_path / name, content)


@pytest.mark.parametrize(
    ("pack", "packing"), [("gz", "gzip"), ("zst", "zstd"), ("bz2", "bzip2"), ("xz", "xz")]
)
def test_unpacking_stops_at_a_size_that_no_honest_file_has(
    tmp_path: Path, pack: str, packing: str
) -> None:
    bomb, into = tmp_path / "bomb", tmp_path / "into"
    bomb.write_bytes(PACKS[pack](bytes(20_000_000)))
    most = 1_000_000
    with pytest.raises(DatasetFormatError, match="made to fill a disk"):
        unpack(bomb, packing, into, Interruption(), harmless=most)  # type: ignore[arg-type]
    assert into.stat().st_size <= max(most, 200 * bomb.stat().st_size)


async def test_nothing_unpacked_is_left_behind(catalog: DuckdbCatalog, tmp_path: Path) -> None:
    await pin(catalog, tmp_path / "a.csv.xz", lzma.compress(CSV))
    with pytest.raises(DatasetFormatError):
        await pin(catalog, tmp_path / "b.csv.xz", lzma.compress(CSV)[:-100])
    assert not list((tmp_path / "cache").rglob("*.spool"))
