"""Finding the data that a request names and fixing its version."""

from agents.dataset import DatasetCatalog
from agents.domain.request import DatasetReference
from agents.domain.task import PinnedDataset
from agents.tool import Tool, tool


def pin_datasets_of(catalog: DatasetCatalog) -> Tool[tuple[PinnedDataset, ...]]:
    """The tool that pins datasets of `catalog`."""

    @tool(permission="read_data", timeout=600.0)
    async def pin_datasets(references: tuple[DatasetReference, ...]) -> tuple[PinnedDataset, ...]:
        """Find each dataset and fix the version, schema and size at which it is analysed."""
        return await catalog.pin(references)

    return pin_datasets
