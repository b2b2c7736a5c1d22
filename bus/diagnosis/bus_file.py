"""`BusFile`: the file of an embedded bus, looked at.

As every command does, it makes the file where there is none.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bus.connect import database_path
from bus.diagnosis.aside import aside
from bus.diagnosis.bus_under_diagnosis import QueueState
from bus.diagnosis.check import Check, Verdict, failed, fine, noted, warned
from bus.diagnosis.mounts import NETWORK, file_system
from bus.diagnosis.sizes import megabytes, room
from bus.sqlite import inspection
from bus.sqlite.checkpoint import LIMIT
from bus.sqlite.database import Database

LONG_LOG: Final = 16 * LIMIT
"""Bytes of a write-ahead log that somebody must be holding on to."""


class BusFile:
    """The file that the URL names."""

    def __init__(self, url: str) -> None:
        self._path = database_path(url)
        self._database: Database | None = None

    def checks(self) -> Sequence[Check]:
        return (
            Check(name="bus", probe=self._open),
            Check(name="bus disk", probe=self._disk, needs="bus"),
            Check(name="sqlite", probe=self._version),
        )

    async def queue(self, group: str) -> QueueState | None:
        assert self._database is not None
        work = partial(
            inspection.queue, group=group, now=time.time(), monotonic_now=time.monotonic()
        )
        found = await self._database.read(work)
        if found is None:
            return None
        consumers, waiting, oldest = found
        return QueueState(consumers=consumers, waiting=waiting, oldest=oldest)

    async def parked(self) -> int:
        assert self._database is not None
        return await self._database.read(inspection.parked)

    async def aclose(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            await database.aclose()

    async def _open(self) -> Verdict:
        database = await Database.open(str(self._path))
        self._database = database
        await database.write(lambda _: None)  # takes the lock that every write needs
        size, log = await aside(lambda: (_size(self._path), _size(Path(f"{self._path}-wal"))))
        what = f"{self._path} can be written; it has {megabytes(size)}, its log {megabytes(log)}."
        if log > LONG_LOG:
            return warned(
                what,
                "The log cannot be moved into the file while somebody reads: look for a process "
                "that was stopped, or for another program that has the file open.",
            )
        return fine(what)

    async def _disk(self) -> Verdict:
        folder = self._path.parent
        kind = await aside(lambda: file_system(folder))
        if kind in NETWORK:
            return failed(
                f"{folder} is on a network file system ({kind}), where a bus file can be damaged.",
                "Put the bus on a local disk, with --bus sqlite:///PATH or CONVENER_BUS.",
            )
        return await aside(lambda: room(folder))

    async def _version(self) -> Verdict:
        if inspection.is_sound():
            return fine(f"SQLite {inspection.version()}.")
        return noted(
            f"SQLite {inspection.version()} can damage a file whose log is moved during a commit "
            "(fixed in 3.51.3). This bus never does that: let no other program write to its file."
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
