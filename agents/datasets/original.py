"""What queries cost on the Parquet files themselves, which the snapshot, laid out anew, can't tell.

*Guarantees*: only files that may be read here are opened, at the pinned version, read-only, by an
engine of their own that sees nothing else and is gone with the statement.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
from pydantic import BaseModel

from agents.datasets.engine import LOCKDOWN
from agents.datasets.interruptible import Interruption
from agents.datasets.origin import Access, origin_of
from agents.datasets.readers import Reading
from agents.datasets.snapshot import MAX_SPILL, content_version, state_of
from agents.datasets.sources import Source
from agents.datasets.sql import identifier, literal, literals
from agents.domain.query_cost import QueryCost
from agents.domain.task import PinnedDataset
from agents.errors import DatasetChangedError, QueryError

_ESTIMATE: Final = "Estimated Cardinality"


class _Operator(BaseModel):
    type: str = ""
    intermediate_rows: int = 0
    extra_info: dict[str, object] = {}
    children: tuple["_Operator", ...] = ()

    def joins(self) -> Iterator[tuple[int, int]]:
        """Rows expected and rows that came of each join, from the root down."""
        if self.type.endswith("JOIN") and _ESTIMATE in self.extra_info:
            yield int(str(self.extra_info[_ESTIMATE])), self.intermediate_rows
        for child in self.children:
            yield from child.joins()


class _Totals(BaseModel):
    total_row_groups_to_scan: int = 0
    total_row_groups_scanned: int = 0


class _System(BaseModel):
    peak_temp_dir_size: int = 0


class _Plan(BaseModel):
    """What `EXPLAIN (ANALYZE, FORMAT json)` says, as far as it is used.

    It says nothing of a query that the statistics in the footer answer, which costs nothing.
    """

    operator: tuple[_Operator, ...] = ()
    query: _Totals = _Totals()
    system: _System = _System()


class Originals:
    """The files behind pinned datasets; for threads, one statement at a time."""

    def __init__(
        self,
        access: Access,
        datasets: Sequence[tuple[PinnedDataset, Reading]],
        *,
        spill: Path,
        settings: Mapping[str, str | int],
    ) -> None:
        self._access = access
        self._datasets = {dataset.name: (dataset, reading) for dataset, reading in datasets}
        self._spill = spill
        self._settings = settings
        self._verified: dict[str, tuple[tuple[int, ...], ...]] = {}

    def cost_of(
        self, sql: str, tables: Sequence[str], interruption: Interruption
    ) -> QueryCost | None:
        """What the SELECT over `tables` cost; None unless all of them are kept as Parquet.

        Raises:
            QueryError: it is no SELECT.
            DatasetUnreachableError, DatasetChangedError: the files are not what they were.
        """
        if any(self._datasets[name][0].format != "parquet" for name in tables):
            return None
        sources = {name: self._source(name, interruption) for name in tables}
        with (
            duckdb.connect(":memory:", config=dict(self._settings)) as connection,
            interruption.of(connection),
        ):
            self._open(connection, sources)
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
                raise QueryError("Only one SELECT at a time can be measured.")
            explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}").fetchone()
        assert explained is not None
        plan = _Plan.model_validate_json(explained[1])
        joins = [each for root in plan.operator for each in root.joins()]
        estimated, joined = max(joins, key=_how_wrong, default=(0, 0))
        return QueryCost(
            row_groups=plan.query.total_row_groups_to_scan,
            row_groups_read=plan.query.total_row_groups_scanned,
            spilled_bytes=plan.system.peak_temp_dir_size,
            estimated=estimated,
            joined=joined,
        )

    def _source(self, name: str, interruption: Interruption) -> Source:
        """The files, which have the content that was pinned."""
        dataset, _ = self._datasets[name]
        source = origin_of(dataset.location, self._access, interruption)
        if isinstance(source, Source):
            state = state_of(source)
            if self._verified.get(name) == state:
                return source
            if content_version(source, interruption) == dataset.version:
                self._verified[name] = state
                return source
        raise DatasetChangedError(
            f"{dataset.location} has changed since the request was made: request it again."
        )

    def _open(self, connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> None:
        """Make a view of each file as it stands there, and lock the rest away."""
        folders = [str(each.path) for each in sources.values() if each.is_folder]
        files = [str(each.path) for each in sources.values() if not each.is_folder]
        connection.execute("SET enable_progress_bar = false")  # on in notebooks
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {literal(str(self._spill))}")
        connection.execute(f"SET max_temp_directory_size = {literal(MAX_SPILL)}")
        connection.execute(f"SET allowed_directories = [{literals(folders)}]")
        connection.execute(f"SET allowed_paths = [{literals(files)}]")
        *settings, last = LOCKDOWN
        for statement in settings:
            connection.execute(statement)
        for name, source in sources.items():
            _, reading = self._datasets[name]
            connection.execute(
                f"CREATE VIEW {identifier(name)} AS FROM {reading.source(source.pattern)}"
            )
        connection.execute(last)


def _how_wrong(join: tuple[int, int]) -> float:
    few, many = sorted(join)
    return many / max(few, 1)
