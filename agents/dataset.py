"""The seam to data: pinned datasets as read-only SQL views.

The engine stands in `agents/datasets/`.

*Guarantees*: what is queried is the pinned version, whatever happens to the file meanwhile; a host
reads a file once, however many specialists look at it; nothing here can write, or reach another
file.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from pydantic import JsonValue

from agents.domain.query_cost import QueryCost
from agents.domain.request import DatasetReference
from agents.domain.store_access import StoreAccess
from agents.domain.task import PinnedDataset

Row: TypeAlias = tuple[Any, ...]


class Answer(Protocol):
    """0..n rows of plain values, bounded in number and size; `is_cut` if there are more."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> tuple[tuple[JsonValue, ...], ...]: ...

    @property
    def is_cut(self) -> bool: ...


class Datasets(Protocol):
    """The datasets of one task, each a view under its name with a `row_id`, 0-based."""

    @property
    def tables(self) -> Mapping[str, PinnedDataset]:
        """By view name, in the order of the request."""
        ...

    def table(self, name: str) -> PinnedDataset:
        """The dataset of that name.

        Raises:
            UnknownTableError: there is none; the message lists those there are.
        """
        ...

    def path(self, name: str) -> str:
        """The absolute path of the file or folder behind a dataset, or the address of its table."""
        ...

    async def access(self, name: str) -> StoreAccess | None:
        """Who else may read that dataset where it is kept, now; None of what no store keeps.

        Raises:
            DatasetUnreachableError: it is not there any more, or does not answer.
        """
        ...

    async def query(
        self, sql: str, parameters: Sequence[Any] = (), *, limit: int = 100_000
    ) -> Sequence[Row]:
        """0..limit rows of one SELECT, computed off the event loop.

        Raises:
            QueryError: the engine refused the statement or could not carry it out.
        If cancelled, the statement is interrupted.
        """
        ...

    async def cost(self, sql: str, tables: Sequence[str]) -> QueryCost | None:
        """What one SELECT over `tables` costs on their files, where columns may have other types.

        None unless all of them are kept as Parquet files. It is carried out.

        Raises:
            QueryError: the engine refused the statement or could not carry it out.
            DatasetUnreachableError, DatasetChangedError: a file is not there, or not as pinned.
        If cancelled, the statement is interrupted.
        """
        ...

    async def query_untrusted(self, sql: str) -> Answer:
        """The answer to a statement that somebody else wrote, such as a model.

        Raises:
            QueryError: the statement is not permitted, failed, or was stopped for what it costs.
        If cancelled, the statement is stopped.
        """
        ...


class DatasetCatalog(Protocol):
    """Turns references into pinned datasets and opens them."""

    async def pin(self, references: Sequence[DatasetReference]) -> tuple[PinnedDataset, ...]:
        """The present version of each, in order; a reference without a name gets one.

        The first one's name is `data` unless it was given.

        Raises:
            DatasetUnreachableError: there is no such file, it is empty or unreadable, or it lies
                outside the named roots.
            DatasetFormatError: the file is none that the engine can read.
        """
        ...

    def open(self, datasets: Sequence[PinnedDataset]) -> AbstractAsyncContextManager[Datasets]:
        """The datasets at exactly the pinned versions.

        Raises:
            DatasetUnreachableError, DatasetFormatError: as for `pin`.
            DatasetChangedError: the content is no longer that of the version.
        """
        ...
