"""Snapshots: a dataset's content, read once per host and never changed again.

*Guarantees*: a snapshot appears under its name complete or not at all; however many processes want
it, one makes it and the others wait; it is the content whose digest it is named after.

*Source*: content-addressed storage as in Git; single flight across processes by `flock`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeAlias

import duckdb

from agents.datasets.csv import read_csv
from agents.datasets.fingerprint import table_digest
from agents.datasets.interruptible import Interruption
from agents.datasets.json import read_json
from agents.datasets.packing import unpack
from agents.datasets.readers import META, Reading, nan_as_null, read_parquet
from agents.datasets.sources import Format, Source
from agents.datasets.sql import literal
from agents.datasets.width import estimated_width
from agents.errors import DatasetChangedError, DatasetFormatError, DatasetUnreachableError

REVISION: Final = 4
"""To be raised when the same content is read differently than before."""

MAX_SNAPSHOT_BYTES: Final = 20 * 1024**3
"""Together; the least recently used go first."""

MAX_SNAPSHOT_AGE: Final = 14 * 24 * 3600.0
"""Seconds since a snapshot was last used."""

SMALL_BYTES: Final = 64 << 20
"""Of a source that is read with little memory, for what the engine may use it does use."""

SMALL_MEMORY_LIMIT: Final = "96MB"

WIDE: Final = 500
"""Columns past which a table is read as one for whose columns memory is short."""

ROW_GROUP: Final = 122_880
"""Rows that the engine writes together, its own default."""

WIDE_ROW_GROUP: Final = 8_192
"""The same of a wide table, of which a usual group does not fit into memory."""

WIDE_SLICE: Final = 250
"""Columns of such a table that are read at a time."""

MAX_SPILL: Final = "40GB"
"""On disk, of one connection that runs out of memory."""

MAX_LEFTOVER_AGE: Final = 24 * 3600.0
"""Seconds after which an unfinished file is one that a dead process left behind."""

LOCK_POLL: Final = 0.05
"""Seconds between looks at a lock that another process holds."""

ATTEMPTS: Final = 3
"""How often reading a file that changes meanwhile is tried."""

BLOCK_BYTES: Final = 1 << 20

Read: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Source], Reading]
READERS: Final[Mapping[Format, Read]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "json": read_json,
}
WIDE_READERS: Final[Mapping[Format, Read]] = {
    **READERS,
    "parquet": partial(read_parquet, at_a_time=WIDE_SLICE),
}

Copy: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Path, Interruption], Reading]
"""Fills the table `data` from a database, by way of a file that is deleted afterwards."""


def content_version(source: Source, interruption: Interruption) -> str:
    """The digest of the bytes, and of the names within a folder.

    Raises:
        DatasetUnreachableError: a file cannot be read.
    """
    digest = blake2b(digest_size=16)
    try:
        for file in source.files:
            if source.is_folder:
                name = file.relative_to(source.path).as_posix()
                digest.update(f"{name}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as opened:
                while block := opened.read(BLOCK_BYTES):
                    interruption.check()
                    digest.update(block)
    except OSError as error:
        raise DatasetUnreachableError(f"{source.path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A content at one version, in a file that DuckDB can attach, and how it was read."""

    version: str
    file: Path
    reading: Reading


class SnapshotStore:
    """The snapshots in one folder, shared by all processes of the host."""

    def __init__(self, folder: Path, *, memory_limit: str, threads: int) -> None:
        self._folder = folder
        self._memory_limit = memory_limit
        self._threads = threads

    def look_up(self, version: str, kind: str) -> Snapshot | None:
        """The snapshot of that content if there is one; marks it as used."""
        file = self._file(version, kind)
        try:
            os.utime(file)
            reading = _stored_reading(file)
        except FileNotFoundError:
            return None
        except (duckdb.Error, ValueError):
            file.unlink(missing_ok=True)  # damaged, so it is made again
            return None
        return Snapshot(version=version, file=file, reading=reading)

    def take(self, source: Source, interruption: Interruption) -> Snapshot:
        """The snapshot of the source's present content, made if need be.

        Raises:
            DatasetUnreachableError, DatasetFormatError: the source cannot be read.
            DatasetChangedError: it went on changing while it was read.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            before = state_of(source)
            version = content_version(source, interruption)
            if (known := self.look_up(version, source.format)) is not None:
                return known
            with self._locked(version, interruption):
                if (known := self.look_up(version, source.format)) is not None:
                    return known
                file = self._file(version, source.format)
                draft = file.with_suffix(".draft")
                try:
                    reading = self._write(draft, source, interruption)
                    if state_of(source) == before:
                        draft.rename(file)
                        self._prune(keep=file)
                        return Snapshot(version=version, file=file, reading=reading)
                finally:
                    draft.unlink(missing_ok=True)
                    draft.with_suffix(".draft.wal").unlink(missing_ok=True)
        raise DatasetChangedError(
            f"{source.path} kept changing while it was read: try again when it is written."
        )

    def take_table(
        self, location: str, format: Format, copy: Copy, interruption: Interruption
    ) -> Snapshot:
        """The snapshot of a table in a database, which has to be read to know its version.

        Raises:
            DatasetUnreachableError, DatasetFormatError: the table cannot be read, or has no rows.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = blake2b(location.encode(), digest_size=16).hexdigest()
        draft, spool = self._folder / f"{place}.draft", self._folder / f"{place}.spool"
        with self._locked(place, interruption):
            try:
                reading, version = self._copy(draft, spool, copy, interruption)
                if reading.rows == 0:
                    raise DatasetFormatError(f"{location} has columns but no rows.")
                file = self._file(version, format)
                if (known := self.look_up(version, format)) is not None:
                    return known
                draft.rename(file)
                self._prune(keep=file)
                return Snapshot(version=version, file=file, reading=reading)
            except OSError as error:
                raise DatasetUnreachableError(
                    f"{location} could not be kept in {self._folder}: {error.strerror}."
                ) from error
            finally:
                spool.unlink(missing_ok=True)
                draft.unlink(missing_ok=True)
                draft.with_suffix(".draft.wal").unlink(missing_ok=True)

    def _copy(
        self, draft: Path, spool: Path, copy: Copy, interruption: Interruption
    ) -> tuple[Reading, str]:
        with (
            self._drafted(draft, self._memory_limit) as connection,
            interruption.of(connection),
        ):
            reading = nan_as_null(connection, copy(connection, spool, interruption))
            version = table_digest(connection, reading)
            if not reading.database:
                reading = reading.of_snapshot(f"snapshot_{version[:12]}")
            _finish(connection, reading)
        return reading, version

    def _file(self, version: str, kind: str) -> Path:
        reader = blake2b(f"{REVISION} {duckdb.__version__} {kind}".encode(), digest_size=4)
        return self._folder / f"{version}-{reader.hexdigest()}.duckdb"

    def _write(self, draft: Path, source: Source, interruption: Interruption) -> Reading:
        if source.packing is None:
            return self._read(draft, source, interruption)
        spool = draft.with_suffix(".spool")
        try:
            size = unpack(source.path, source.packing, spool, interruption)
            plain = Source(path=spool, files=(spool,), format=source.format, size_bytes=size)
            return self._read(draft, plain, interruption)
        except DatasetFormatError as error:
            raise DatasetFormatError(str(error).replace(str(spool), str(source.path))) from error
        finally:
            spool.unlink(missing_ok=True)

    def _read(self, draft: Path, source: Source, interruption: Interruption) -> Reading:
        if not _is_wide(source):
            if source.size_bytes <= SMALL_BYTES:
                with suppress(duckdb.OutOfMemoryException):
                    return self._read_in(draft, source, SMALL_MEMORY_LIMIT, interruption)
            with suppress(duckdb.OutOfMemoryException):
                return self._read_in(draft, source, self._memory_limit, interruption)
        return self._read_in(draft, source, self._memory_limit, interruption, is_wide=True)

    def _read_in(
        self,
        draft: Path,
        source: Source,
        memory_limit: str,
        interruption: Interruption,
        *,
        is_wide: bool = False,
    ) -> Reading:
        read = (WIDE_READERS if is_wide else READERS)[source.format]
        row_group = WIDE_ROW_GROUP if is_wide else ROW_GROUP
        with (
            self._drafted(draft, memory_limit, row_group) as connection,
            interruption.of(connection),
        ):
            reading = nan_as_null(connection, read(connection, source))
            _finish(connection, reading)
        return reading

    @contextmanager
    def _drafted(
        self, draft: Path, memory_limit: str, row_group: int = ROW_GROUP
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        draft.unlink(missing_ok=True)
        draft.with_suffix(".draft.wal").unlink(missing_ok=True)
        settings = {"memory_limit": memory_limit, "threads": str(self._threads)}
        with duckdb.connect(":memory:", config={**settings}) as connection:
            connection.execute(f"SET temp_directory = {literal(str(self._folder / 'spill'))}")
            connection.execute(f"SET max_temp_directory_size = {literal(MAX_SPILL)}")
            connection.execute("SET enable_progress_bar = false")  # on in notebooks
            connection.execute(
                f"ATTACH {literal(str(draft))} AS draft (ROW_GROUP_SIZE {row_group})"
            )
            connection.execute("USE draft")
            connection.execute(f"CREATE SCHEMA {META}")
            yield connection

    @contextmanager
    def _locked(self, version: str, interruption: Interruption) -> Iterator[None]:
        locks = self._folder / "locks"
        locks.mkdir(exist_ok=True)
        with (locks / version[:2]).open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    interruption.wait(LOCK_POLL)
            yield

    def _prune(self, *, keep: Path) -> None:
        """Remove what is old or too much. Who has a snapshot open keeps it until it is closed."""
        kept = 0
        now = time.time()
        for used_at, size, file in sorted(_listed(self._folder), reverse=True):
            kept += size
            if file != keep and (kept > MAX_SNAPSHOT_BYTES or now - used_at > MAX_SNAPSHOT_AGE):
                file.unlink(missing_ok=True)
        for pattern in ("*.draft*", "*.spool"):
            for file in self._folder.glob(pattern):
                if (age := _age(file, now)) is not None and age > MAX_LEFTOVER_AGE:
                    file.unlink(missing_ok=True)


def _is_wide(source: Source) -> bool:
    try:
        return estimated_width(source) > WIDE
    except OSError as error:
        raise DatasetUnreachableError(f"{source.path} cannot be read: {error.strerror}.") from error


def _finish(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    connection.execute(
        f"CREATE TABLE {META}.about AS SELECT ? AS reading", [reading.model_dump_json()]
    )
    connection.execute("CHECKPOINT")


def _age(file: Path, now: float) -> float | None:
    try:
        return now - file.stat().st_mtime
    except FileNotFoundError:
        return None


def _stored_reading(file: Path) -> Reading:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH {literal(str(file))} AS snapshot (READ_ONLY)")
        stored = connection.execute(f"SELECT reading FROM snapshot.{META}.about").fetchone()
    assert stored is not None
    return Reading.model_validate_json(stored[0])


def state_of(source: Source) -> tuple[tuple[int, ...], ...]:
    """What changes whenever somebody writes to one of the files."""
    try:
        states = [file.stat() for file in source.files]
    except OSError as error:
        raise DatasetUnreachableError(f"{source.path} vanished while it was read.") from error
    return tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in states)


def _listed(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for file in folder.glob("*.duckdb"):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        yield stat.st_mtime, stat.st_size, file
