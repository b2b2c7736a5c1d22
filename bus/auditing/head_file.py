"""`HeadFile`: how far the chains of an audit had come, outside the store, one JSON object a line.

*Guarantees*: a head is on the disk once `append` has returned; any number of processes may append;
only this user may read it (0600). What is full is set aside beside it and never deleted.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from bus.domain.audit import Head, canonical
from bus.errors import UsageError

MAX_BYTES: Final = 8 << 20
"""Of one file, about 20,000 heads, before it is set aside."""


class HeadFile:
    """The heads of the chains on `bus`, a name for it, in `file`."""

    def __init__(self, file: Path, *, bus: str) -> None:
        self.file = file
        self.bus = bus

    async def append(self, head: Head) -> None:
        """Add `head`.

        Raises:
            OSError: the file cannot be written.
        """
        await asyncio.to_thread(self._append, canonical(head.model_dump()) + b"\n")

    def files(self) -> list[Path]:
        """All that there are: the file, and what was set aside; it reads a folder."""
        return sorted(self.file.parent.glob(f"{self.file.name}*"))

    def _append(self, line: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if not _is_at(descriptor, self.file):
                    continue  # another process has just set it aside
                os.write(descriptor, line)
                os.fsync(descriptor)
                if os.fstat(descriptor).st_size >= MAX_BYTES:
                    aside = len(self.files())
                    self.file.rename(self.file.with_name(f"{self.file.name}.{aside}"))
                return
            finally:
                os.close(descriptor)


def read_heads(file: Path) -> Iterator[Head]:
    """0..n heads, as they stand in `file`; it reads the disk.

    Raises:
        UsageError: the file cannot be read, or a line of it is no head.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _parsed(line, file, number)
    except OSError as error:
        raise UsageError(f"The heads {file} cannot be read: {error.strerror}.") from error


def _parsed(line: bytes, file: Path, number: int) -> Head:
    try:
        return Head.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(
            f"Line {number} of {file} is no head of an audit: it was altered, or the file is of "
            "another kind."
        ) from error


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
