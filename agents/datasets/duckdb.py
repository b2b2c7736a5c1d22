"""Datasets in DuckDB: files become read-only snapshots, snapshots become views.

*Guarantees*: a host reads a file once; all tasks that have the same datasets share one engine.

*Not here*: how files are found (`sources.py`), read (`readers.py`, `csv.py`) and kept
(`snapshot.py`), and how statements are carried out (`engine.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import duckdb

from agents.datasets.credentials import set_apart
from agents.datasets.engine import DuckdbDatasets, connect, sandbox_setup
from agents.datasets.interruptible import Interruption, SharedWork
from agents.datasets.naming import name_datasets
from agents.datasets.origin import Access, Origin, expanded, origin_of, pattern_of, take
from agents.datasets.original import Originals
from agents.datasets.sandbox import Sandbox, SandboxPolicy
from agents.datasets.snapshot import Snapshot, SnapshotStore
from agents.datasets.sources import Source
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.errors import AgentUsageError, DatasetChangedError, DatasetUnreachableError

WORKERS: Final = 2
"""Statements and reads at a time in a process."""

THREADS: Final = 2
"""Of one engine, for one statement."""

FEW_VALUES: Final = 20_000_000
"""Cells of all tables up to which a statement gets one thread: two would mostly wait for each
other, and as many statements run side by side."""

MEMORY_LIMIT: Final = "1GB"
"""Of one engine; what does not fit is spilled to disk."""

MAX_DATASETS: Final = 32
"""Of one request, with the tables of a database counted one by one."""

KEEP_IDLE: Final = 20.0
"""Seconds for which an engine that no task uses is kept for the next one."""


@contextmanager
def read_errors(location: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise DatasetUnreachableError(f"Reading {location} was stopped.") from error
    except duckdb.OutOfMemoryException as error:
        raise DatasetUnreachableError(
            f"{location} could not be read in with the memory that the engine may use: split it, "
            "by columns if it has very many."
        ) from error
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DatasetUnreachableError(f"{location} could not be read in: {reason}.") from error


@dataclass(slots=True)
class _Engine:
    """Open datasets, how many tasks use them, and what closes them when none does."""

    datasets: DuckdbDatasets
    users: int = 0
    ending: asyncio.TimerHandle | None = None


class DuckdbCatalog:
    """The datasets that can be reached from this process.

    `roots` are folders by the name with which locations begin; absolute locations are permitted
    only with `allow_absolute`. Snapshots are kept in the folder `cache`, which processes may share.
    An engine that no task uses is kept for `keep_idle` seconds. Statements that a model wrote are
    carried out as the policy `sandbox` says. Belongs to one event loop; its
    owner closes it.
    """

    def __init__(
        self,
        *,
        roots: Mapping[str, Path],
        cache: Path,
        allow_absolute: bool,
        memory_limit: str = MEMORY_LIMIT,
        threads: int = THREADS,
        keep_idle: float = KEEP_IDLE,
        sandbox: SandboxPolicy | None = None,
    ) -> None:
        self._access = Access(roots=dict(roots), allow_absolute=allow_absolute)
        self._spill = cache / "spill"
        self._settings: dict[str, str | int] = {"memory_limit": memory_limit, "threads": threads}
        self._store = SnapshotStore(cache, memory_limit=memory_limit, threads=threads)
        self._keep_idle = keep_idle
        self._sandbox = Sandbox(sandbox)
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="convener-data")
        self._expansions: SharedWork[tuple[DatasetReference, ...]] = SharedWork(self._executor)
        self._reads: SharedWork[tuple[Origin, Snapshot]] = SharedWork(self._executor)
        self._look_ups: SharedWork[Snapshot | None] = SharedWork(self._executor)
        self._starts: SharedWork[DuckdbDatasets] = SharedWork(self._executor)
        self._engines: dict[tuple[PinnedDataset, ...], _Engine] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def pin(self, references: Sequence[DatasetReference]) -> tuple[PinnedDataset, ...]:
        tables = [table for each in references for table in await self._tables(each)]
        if len(tables) > MAX_DATASETS:
            raise AgentUsageError(
                f"These are {len(tables)} tables, and {MAX_DATASETS} can be analysed together: "
                f"name those you mean as {tables[0].location}."
            )
        pinned = []
        for name, reference in zip(name_datasets(tables), tables, strict=True):
            origin, snapshot = await self._read(reference.location)
            pinned.append(_pinned(name, reference.location, origin, snapshot))
        return tuple(pinned)

    @asynccontextmanager
    async def open(self, datasets: Sequence[PinnedDataset]) -> AsyncIterator[DuckdbDatasets]:
        key = tuple(datasets)
        engine = self._engines.get(key) or await self._start(key)
        engine.users += 1
        if engine.ending is not None:
            engine.ending.cancel()
            engine.ending = None
        try:
            yield engine.datasets
        finally:
            engine.users -= 1
            if engine.users == 0:
                loop = asyncio.get_running_loop()
                engine.ending = loop.call_later(self._keep_idle, self._end, key)

    async def aclose(self) -> None:
        """Close every engine and stop every read; may be called again."""
        self._expansions.interrupt()
        self._reads.interrupt()
        self._starts.interrupt()
        self._sandbox.close()
        for key in list(self._engines):
            self._end(key)
        self._executor.shutdown(wait=False)

    async def _tables(self, reference: DatasetReference) -> Sequence[DatasetReference]:
        """The reference itself, or one for each table of the database that it names as a whole."""

        def expand(interruption: Interruption) -> tuple[DatasetReference, ...]:
            return expanded(
                reference.model_copy(update={"location": set_apart(reference.location)}),
                self._access,
                interruption,
            )

        with read_errors(set_apart(reference.location)):
            return await self._expansions.run(reference, expand)

    async def _read(self, location: str) -> tuple[Origin, Snapshot]:
        def read(interruption: Interruption) -> tuple[Origin, Snapshot]:
            origin = origin_of(location, self._access, interruption)
            return origin, take(self._store, location, origin, interruption)

        with read_errors(location):
            return await self._reads.run(location, read)

    async def _start(self, datasets: tuple[PinnedDataset, ...]) -> _Engine:
        snapshots = [await self._snapshot(dataset) for dataset in datasets]

        def start(interruption: Interruption) -> DuckdbDatasets:
            interruption.check()
            connections = connect(
                datasets,
                snapshots,
                spill=self._spill,
                settings=self._settings_for(datasets),
                concurrency=WORKERS,
            )
            originals = Originals(
                self._access,
                [(each, read.reading) for each, read in zip(datasets, snapshots, strict=True)],
                spill=self._spill,
                settings=self._settings,
            )
            paths = {each.name: self._access.place(each.location) for each in datasets}
            return DuckdbDatasets(
                connections,
                datasets,
                paths,
                self._executor,
                self._sandbox,
                sandbox_setup(datasets, snapshots),
                originals.cost_of,
            )

        with read_errors(", ".join(dataset.location for dataset in datasets)):
            opened = await self._starts.run(datasets, start)
        return self._engines.setdefault(datasets, _Engine(opened))

    def _settings_for(self, datasets: Sequence[PinnedDataset]) -> Mapping[str, str | int]:
        values = sum(dataset.rows * len(dataset.columns) for dataset in datasets)
        return {**self._settings, "threads": 1} if values <= FEW_VALUES else self._settings

    async def _snapshot(self, dataset: PinnedDataset) -> Snapshot:
        """The snapshot of the pinned version, made from the file only if there is none yet."""

        def look_up(_: Interruption) -> Snapshot | None:
            self._access.place(dataset.location)
            return self._store.look_up(dataset.version, dataset.format)

        known = await self._look_ups.run((dataset.location, dataset.version), look_up)
        if known is not None:
            return known
        _, snapshot = await self._read(dataset.location)
        if snapshot.version != dataset.version:
            raise DatasetChangedError(
                f"{dataset.location} has changed since the request was made: request it again."
            )
        return snapshot

    def _end(self, key: tuple[PinnedDataset, ...]) -> None:
        engine = self._engines.pop(key)
        if engine.ending is not None:
            engine.ending.cancel()
        engine.datasets.interrupt()
        self._executor.submit(engine.datasets.close)


def _pinned(name: str, location: str, origin: Origin, snapshot: Snapshot) -> PinnedDataset:
    reading = snapshot.reading
    if isinstance(origin, Source) and not (origin.is_read_by_shells or reading.database):
        reading = reading.of_snapshot(f"snapshot_{snapshot.version[:12]}")
    return PinnedDataset(
        name=name,
        location=location,
        format=reading.format,
        version=snapshot.version,
        rows=reading.rows,
        columns=reading.schema_columns,
        size_bytes=origin.size_bytes,
        setup_sql=reading.setup_sql(name, pattern_of(origin, snapshot)),
    )
