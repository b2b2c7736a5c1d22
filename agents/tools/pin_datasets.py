"""Finding the data that a request names and fixing its version."""

from typing import Final

from agents.dataset import DatasetCatalog
from agents.domain.request import MAX_DEADLINE, DatasetReference
from agents.domain.task import PinnedDataset
from agents.tool import Tool, tool

MAX_BYTES: Final = 768 * 1024
"""Of all schemas, for they go with every task, and a message has at most 1 MiB: some ten thousand
columns. Ours."""


def pin_datasets_of(catalog: DatasetCatalog) -> Tool[tuple[PinnedDataset, ...]]:
    """The tool that pins datasets of `catalog`."""

    @tool(permission="read_data", timeout=MAX_DEADLINE, max_bytes=MAX_BYTES)
    async def pin_datasets(references: tuple[DatasetReference, ...]) -> tuple[PinnedDataset, ...]:
        """Find each dataset and fix the version, schema and size at which it is analysed."""
        return await catalog.pin(references)

    return pin_datasets
