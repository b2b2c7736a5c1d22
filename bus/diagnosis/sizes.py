"""How much room there is, and sizes as people read them."""

import shutil
from pathlib import Path
from typing import Final

from bus.diagnosis.check import Verdict, failed, fine, warned

LITTLE_ROOM: Final = 1_000_000_000
"""Bytes; snapshots of a few large data sets take as much."""

NO_ROOM: Final = 50_000_000
"""Bytes; with less, the next write may fail."""


def room(folder: Path) -> Verdict:
    """Whether there is room below `folder`.

    Raises:
        OSError: it is not there.
    """
    free = shutil.disk_usage(folder).free
    what = f"{megabytes(free)} are free at {folder}."
    if free < NO_ROOM:
        return failed(what, "Free some room there, or name another folder.")
    if free < LITTLE_ROOM:
        return warned(what, "Free some room there, or name another folder.")
    return fine(what)


def megabytes(size: int) -> str:
    """`size` bytes as text.

    >>> megabytes(3_000), megabytes(4_200_000), megabytes(71_000_000_000)
    ('3 kB', '4.2 MB', '71.0 GB')
    """
    if size < 1_000_000:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:.1f} GB"
