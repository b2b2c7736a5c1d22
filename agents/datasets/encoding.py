"""The bytes of a text file, unpacked if it is compressed, and whether they are UTF-8."""

import codecs
import gzip
from collections.abc import Iterator
from pathlib import Path

from agents.errors import DatasetFormatError


def head(path: Path, size: int) -> bytes:
    """The first bytes, 0..size of them.

    Raises:
        DatasetFormatError: the file is compressed and damaged.
    """
    return next(_blocks(path, size), b"")


def is_utf8(path: Path) -> bool:
    """Whether the whole file is UTF-8.

    Raises:
        DatasetFormatError: the file is compressed and damaged.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(path, 1 << 20):
            decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while block := file.read(size):
                yield block
    except (EOFError, gzip.BadGzipFile) as error:
        raise DatasetFormatError(f"{path} is a damaged gzip file: {error}.") from error
