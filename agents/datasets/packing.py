"""Compressed files: known by their first bytes, whatever their name, and unpacked to be read.

*Guarantees*: unpacking takes little memory, and stops at a size that no honest file has.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from agents.datasets.interruptible import Interruption
from agents.errors import DatasetFormatError, DatasetUnreachableError

Packing: TypeAlias = Literal["gzip", "zstd", "bzip2", "xz"]

PACKINGS: Final[Mapping[str, Packing]] = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".bz2": "bzip2",
    ".xz": "xz",
}
"""By the ending of a name."""

MAGIC: Final[Mapping[bytes, Packing]] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"\xfd7zXZ\0": "xz",
}

SHELL_READS: Final[frozenset[Packing]] = frozenset({"gzip", "zstd"})
"""What DuckDB unpacks by itself, if the name ends as it should."""

MAX_INFLATION: Final = 200
"""Times as large as its packed form that a file may be. Tables shrink to a tenth, logs to a
fiftieth; what is made to fill a disk, to a thousandth. Ours."""

HARMLESS_BYTES: Final = 1 << 30
"""Unpacked size up to which that does not matter."""

BLOCK_BYTES: Final = 1 << 20
ZSTD_BYTES: Final = 4 << 10
"""Read at a time: each may unpack to 32,000 times as much."""


def packing_of(head: bytes) -> Packing | None:
    """How the file that begins with `head` is packed.

    >>> packing_of(b"BZh91AY&SY"), packing_of(b"a,b,c")
    ('bzip2', None)
    """
    return next((packing for magic, packing in MAGIC.items() if head.startswith(magic)), None)


def unpack(
    packed: Path,
    packing: Packing,
    into: Path,
    interruption: Interruption,
    *,
    harmless: int = HARMLESS_BYTES,
) -> int:
    """Write what is in `packed` to the file `into`; its size in bytes.

    Up to `harmless` bytes it does not matter how much it grows.

    Raises:
        DatasetFormatError: it is damaged, or unpacks to more than an honest file would.
        DatasetUnreachableError: it cannot be read, or the disk is full.
    """
    most = max(harmless, MAX_INFLATION * packed.stat().st_size)
    size = 0
    try:
        with into.open("wb") as file, _opened(packed, packing) as blocks:
            for block in blocks:
                interruption.check()
                size += len(block)
                if size > most:
                    raise DatasetFormatError(
                        f"{packed} unpacks to more than {most:,} bytes, {MAX_INFLATION} times its "
                        "size, as files do that are made to fill a disk: unpack it yourself if "
                        "you trust it."
                    )
                file.write(block)
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise _damaged(packed, packing) from error
    except OSError as error:
        if error.errno is None:  # how the bz2 module says that the data makes no sense
            raise _damaged(packed, packing) from error
        raise DatasetUnreachableError(
            f"{packed} could not be unpacked to {into.parent}: {error.strerror}."
        ) from error
    return size


def _damaged(packed: Path, packing: Packing) -> DatasetFormatError:
    return DatasetFormatError(f"{packed} is a damaged {packing} file: fetch it again.")


@contextmanager
def _opened(packed: Path, packing: Packing) -> Iterator[Iterator[bytes]]:
    match packing:
        case "zstd":
            with packed.open("rb") as file:
                yield _unpacked_by_zstd(file)
        case "gzip":
            with gzip.open(packed) as zipped:
                yield iter(lambda: zipped.read(BLOCK_BYTES), b"")
        case "bzip2":
            with bz2.open(packed) as bzipped:
                yield iter(lambda: bzipped.read(BLOCK_BYTES), b"")
        case "xz":
            with lzma.open(packed) as xzipped:
                yield iter(lambda: xzipped.read(BLOCK_BYTES), b"")


def _unpacked_by_zstd(file: BinaryIO) -> Iterator[bytes]:
    """The blocks of a zstd file, of one frame or several."""
    # Imported when the first such file comes: most never meet one.
    from zstandard import ZstdDecompressor, ZstdError

    frame = ZstdDecompressor().decompressobj()
    while chunk := file.read(ZSTD_BYTES):
        while chunk:
            if frame.eof:
                frame = ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(chunk)
            except ZstdError as error:
                raise EOFError from error
            chunk = frame.unused_data
    if not frame.eof:
        raise EOFError
