"""The bytes of a text file, and whether they are UTF-8."""

import codecs
from pathlib import Path
from typing import Final

BLOCK_BYTES: Final = 1 << 20


def head(path: Path, size: int) -> bytes:
    """The first bytes, 0..size of them."""
    with path.open("rb") as file:
        return file.read(size)


def is_utf8(path: Path) -> bool:
    """Whether the whole file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True
