"""Who may read the data where it is kept."""

from agents.dataset import Datasets
from agents.domain.store_access import StoreAccess
from agents.tool import tool


@tool(permission="read_data", effect="idempotent", timeout=60.0)
async def store_access(data: Datasets, table: str) -> StoreAccess | None:
    """Tell who may read the file or the server's table behind a dataset, at this moment."""
    return await data.access(table)
