"""Where a dataset comes from: files read by their bytes, a table, or what a server says of itself.

*Guarantees*: what is not permitted is never touched. Servers are asked only where absolute paths
are permitted too: a request that came over a shared bus could else make a worker show its
credentials to whatever server it names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from agents.datasets import duckdb_file, prometheus, rabbitmq, sqlite
from agents.datasets.interruptible import Interruption
from agents.datasets.location import is_url, server_of, split_table, with_table
from agents.datasets.postgresql import ServerTable, copy_table, measured, tables_of
from agents.datasets.snapshot import Snapshot, SnapshotStore
from agents.datasets.sources import DATABASE_FILES, Source, find, locate
from agents.domain.request import DatasetReference
from agents.errors import DatasetFormatError, DatasetUnreachableError

MAX_NAME: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a server is asked about itself; how much that is shows only when it answers."""

    location: str
    size_bytes: int = 0


Origin: TypeAlias = Source | ServerTable | Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What may be read here: below the `roots`, and elsewhere only with `allow_absolute`."""

    roots: Mapping[str, Path]
    allow_absolute: bool

    def place(self, location: str) -> str:
        """The absolute path behind a location, which need not exist, or the address of a table.

        Raises:
            DatasetUnreachableError: it may not be read here.
        """
        if not is_url(location):
            return str(self.path(split_table(location)[0]))
        if not self.allow_absolute:
            raise DatasetUnreachableError(
                f"{location} is on a server, which workers of a shared bus do not ask: analyse it "
                "on the embedded bus, or export it below one of the data roots."
            )
        return location

    def path(self, location: str) -> Path:
        """The same of a file."""
        return locate(location, roots=self.roots, allow_absolute=self.allow_absolute)


def expanded(
    reference: DatasetReference, access: Access, interruption: Interruption
) -> tuple[DatasetReference, ...]:
    """The reference, or 1..n to the tables of the database that it names without one.

    Raises:
        DatasetUnreachableError, DatasetFormatError: it cannot be read, or has no table with rows.
    """
    location = reference.location
    base, table = split_table(location)
    if table:
        return (reference,)
    if is_url(location):
        place = access.place(location)
        match server_of(location):
            case "prometheus":
                return (reference,)
            case "rabbitmq":
                tables = rabbitmq.tables_of(place, interruption)
            case "postgresql":
                tables = tables_of(place, interruption)
    else:
        source = find(access.path(base))
        if source.format not in DATABASE_FILES:
            return (reference,)
        kind = sqlite if source.format == "sqlite" else duckdb_file
        tables = kind.tables_of(source.path, interruption)
    if not tables:
        raise DatasetFormatError(f"{location} has no table with rows in it.")
    return tuple(
        DatasetReference(
            location=with_table(base, each), name=_name(reference.name, each, len(tables))
        )
        for each in tables
    )


def _name(given: str, table: str, tables: int) -> str:
    if not given or tables == 1:
        return given
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in table.rpartition(".")[2])
    return f"{given}_{plain}"[:MAX_NAME]


def origin_of(location: str, access: Access, interruption: Interruption) -> Origin:
    """What is behind a location that names a table if there are several.

    Raises:
        DatasetUnreachableError, DatasetFormatError: nothing that can be read.
    """
    if is_url(location):
        place = access.place(location)
        if server_of(location) == "postgresql":
            return measured(place, interruption)
        return Observation(location=place)
    base, table = split_table(location)
    return find(access.path(base), table)


def take(
    store: SnapshotStore, location: str, origin: Origin, interruption: Interruption
) -> Snapshot:
    """The snapshot of the present content.

    Raises:
        DatasetUnreachableError, DatasetFormatError: it cannot be read.
        DatasetChangedError: it went on changing while it was read.
    """
    if isinstance(origin, ServerTable):
        copy = partial(copy_table, table=origin)
        return store.take_table(location, "postgresql", copy, interruption)
    if isinstance(origin, Observation):
        if server_of(location) == "rabbitmq":
            copy = partial(rabbitmq.copy_table, location=location)
            return store.take_table(location, "rabbitmq", copy, interruption)
        copy = partial(prometheus.copy_series, location=location)
        return store.take_table(location, "prometheus", copy, interruption)
    if origin.format not in DATABASE_FILES:
        return store.take(origin, interruption)
    kind = sqlite if origin.format == "sqlite" else duckdb_file
    copy_file = partial(kind.copy_table, file=origin.path, table=origin.table)
    return store.take_table(location, origin.format, copy_file, interruption)


def pattern_of(origin: Origin, snapshot: Snapshot) -> str:
    """What a shell opens to see the same rows: the files, or the snapshot of a table.

    DuckDB has no reader of its own for SQLite and PostgreSQL but extensions that it would download,
    and that read neither at the pinned version nor as the same types; it unpacks only some
    compressed files; and no server says twice what it said of a moment.
    """
    if isinstance(origin, Source) and origin.is_read_by_shells:
        return origin.pattern
    return str(snapshot.file.absolute())
