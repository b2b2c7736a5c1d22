"""One engine: snapshots attached read-only, locked down, and asked by several tasks at once.

*Guarantees*: a statement cannot write, nor reach any file; the same statement is computed once,
however many ask for it, as long as its result is small.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any, Final, TypeAlias

import duckdb

from agents.dataset import Row
from agents.datasets.interruptible import Interruption, SharedWork
from agents.datasets.readers import META, TABLE, attach_sql
from agents.datasets.sandbox import Sandbox, SandboxAnswer
from agents.datasets.snapshot import MAX_SPILL, Snapshot
from agents.datasets.sql import identifier, literal
from agents.datasets.store_access import store_access
from agents.domain.query_cost import QueryCost
from agents.domain.store_access import StoreAccess
from agents.domain.task import PinnedDataset
from agents.errors import QueryError, UnknownTableError

MAX_REMEMBERED_STATEMENTS: Final = 4_096
MAX_REMEMBERED_ROWS: Final = 1_000
"""Of one result; larger ones are computed again."""

CostOf: TypeAlias = Callable[[str, Sequence[str], Interruption], QueryCost | None]
"""What a statement over tables costs on the files themselves."""

LOCKDOWN: Final = (
    "SET python_enable_replacements = false",
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""The last one makes the others final."""


@contextmanager
def query_errors() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise QueryError(
            "The data is too large for this query: it does not fit into the memory that the engine "
            "may use, nor could all of it be spilled to disk."
        ) from error
    except duckdb.Error as error:
        raise QueryError(f"The query failed: {str(error).strip()}") from error


def connect(
    datasets: Sequence[PinnedDataset],
    snapshots: Sequence[Snapshot],
    *,
    spill: Path,
    settings: Mapping[str, str | int],
    concurrency: int,
) -> list[duckdb.DuckDBPyConnection]:
    """As many connections as statements may run at a time.

    Their engine sees each dataset as the view of its name, and nothing else.

    The view `reading.<name>` lists what reading the file had to put up with (`Remark`), and
    `layout.<name>`, of Parquet files, the row groups: both stand in `setup_sql` too.
    """
    connection = duckdb.connect(":memory:", config=dict(settings))
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    connection.execute(f"SET max_temp_directory_size = {literal(MAX_SPILL)}")
    connection.execute("SET enable_progress_bar = false")  # on in notebooks
    views, search_path = view_statements(datasets, snapshots)
    for statement in views:
        connection.execute(statement)
    connections = [connection, *(connection.cursor() for _ in range(concurrency - 1))]
    for each in connections:
        each.execute(search_path)
    for statement in LOCKDOWN:
        connection.execute(statement)
    return connections


def view_statements(
    datasets: Sequence[PinnedDataset], snapshots: Sequence[Snapshot]
) -> tuple[Sequence[str], str]:
    """What makes the views in an empty database, and what every connection must set to see them."""
    statements = ["CREATE SCHEMA reading", "CREATE SCHEMA layout"]
    search_path = ["memory.main"]
    for number, (dataset, snapshot) in enumerate(zip(datasets, snapshots, strict=True)):
        attached, view = f"snapshot_{number}", identifier(dataset.name)
        statements.append(attach_sql(str(snapshot.file.absolute()), attached))
        if dataset.name.casefold() == TABLE:
            # A view of hundreds of columns takes milliseconds to bind, each time it is asked.
            search_path.append(f"{attached}.main")
        else:
            statements.append(f"CREATE VIEW {view} AS FROM {attached}.{TABLE}")
        statements.append(f"CREATE VIEW reading.{view} AS {snapshot.reading.remarks_sql()}")
        if dataset.format == "parquet":
            statements.append(f"CREATE VIEW layout.{view} AS FROM {attached}.{META}.layout")
    return statements, f"SET search_path = {literal(','.join(search_path))}"


def sandbox_setup(
    datasets: Sequence[PinnedDataset], snapshots: Sequence[Snapshot]
) -> tuple[str, ...]:
    """What makes the same views in a process for statements that a model wrote."""
    views, search_path = view_statements(datasets, snapshots)
    return ("SET temp_directory = ''", *views, search_path, *LOCKDOWN)


class DuckdbDatasets:
    """Pinned datasets as views of one engine."""

    def __init__(
        self,
        connections: Sequence[duckdb.DuckDBPyConnection],
        datasets: Sequence[PinnedDataset],
        paths: Mapping[str, str],
        executor: ThreadPoolExecutor,
        sandbox: Sandbox,
        setup: tuple[str, ...],
        cost_of: CostOf,
    ) -> None:
        self._cost_of = cost_of
        self._costs: SharedWork[QueryCost | None] = SharedWork(executor)
        self._sandbox = sandbox
        self._setup = setup
        self._connections = connections
        self._alone = Lock()
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for connection in connections:
            self._idle.put(connection)
        self._tables = {dataset.name: dataset for dataset in datasets}
        self._paths = paths
        self._work: SharedWork[tuple[Row, ...]] = SharedWork(executor)
        self._examinations: SharedWork[StoreAccess | None] = SharedWork(executor)
        self._remembered: OrderedDict[tuple[Any, ...], tuple[Row, ...]] = OrderedDict()

    @property
    def tables(self) -> Mapping[str, PinnedDataset]:
        return self._tables

    def table(self, name: str) -> PinnedDataset:
        try:
            return self._tables[name]
        except KeyError:
            known = ", ".join(self._tables)
            raise UnknownTableError(
                f"There is no dataset {name!r}; this task has: {known}."
            ) from None

    def path(self, name: str) -> str:
        self.table(name)
        return self._paths[name]

    async def access(self, name: str) -> StoreAccess | None:
        dataset, place = self.table(name), self._paths[name]
        return await self._examinations.run(
            name, lambda interruption: store_access(dataset, place, interruption)
        )

    async def query(
        self, sql: str, parameters: Sequence[Any] = (), *, limit: int = 100_000
    ) -> Sequence[Row]:
        key = (sql, tuple(map(repr, parameters)), limit)
        if (known := self._remembered.get(key)) is not None:
            self._remembered.move_to_end(key)
            return known
        given = list(parameters)
        with query_errors():
            rows = await self._work.run(
                key, lambda interruption: self._select(sql, given, limit, interruption)
            )
        if len(rows) <= MAX_REMEMBERED_ROWS:
            self._remembered[key] = rows
            while len(self._remembered) > MAX_REMEMBERED_STATEMENTS:
                self._remembered.popitem(last=False)
        return rows

    async def cost(self, sql: str, tables: Sequence[str]) -> QueryCost | None:
        names = [self.table(name).name for name in tables]
        with query_errors():
            return await self._costs.run(
                sql, lambda interruption: self._cost_of(sql, names, interruption)
            )

    async def query_untrusted(self, sql: str) -> SandboxAnswer:
        def admit(sql: str) -> None:
            # Imported when the first model asks: it takes a fifth of a second, and most never do.
            from agents.datasets import sandbox_rules

            sandbox_rules.admit(sql, self._tables)

        return await self._sandbox.query(self._setup, sql, admit=admit)

    def interrupt(self) -> None:
        """Stop what is running."""
        self._work.interrupt()
        self._costs.interrupt()
        self._examinations.interrupt()

    def close(self) -> None:
        """Let go of the files; may run in any thread."""
        for connection in self._connections:
            connection.close()

    def _select(
        self, sql: str, parameters: list[Any], limit: int, interruption: Interruption
    ) -> tuple[Row, ...]:
        try:
            with self._taken(1) as connection:
                return _rows(connection, sql, parameters, limit, interruption)
        except duckdb.OutOfMemoryException:
            # It shared the memory with other statements: once it has all of it.
            with self._alone, self._taken(len(self._connections)) as connection:
                return _rows(connection, sql, parameters, limit, interruption)

    @contextmanager
    def _taken(self, number: int) -> Iterator[duckdb.DuckDBPyConnection]:
        """One of so many connections that nobody else has meanwhile."""
        taken = [self._idle.get() for _ in range(number)]
        try:
            yield taken[0]
        finally:
            for connection in taken:
                self._idle.put(connection)


def _rows(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: list[Any],
    limit: int,
    interruption: Interruption,
) -> tuple[Row, ...]:
    with interruption.of(connection):
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise QueryError("Only one SELECT at a time can be carried out here.")
        return tuple(connection.execute(statements[0], parameters).fetchmany(limit))
