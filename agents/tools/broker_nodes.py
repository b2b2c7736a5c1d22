"""What the nodes of a broker use of their memory, disk, files and sockets."""

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.broker_relations import nodes_sql


class BrokerNode(Part):
    """A node; what it does not tell is null. `partitions` names nodes that it lost sight of."""

    name: str
    running: bool
    memory_alarm: bool | None
    memory_used: int | None
    memory_limit: int | None
    disk_alarm: bool | None
    disk_free: int | None
    disk_limit: int | None
    files_used: int | None
    files_limit: int | None
    sockets_used: int | None
    sockets_limit: int | None
    partitions: str | None


@tool(permission="read_data", only_observations=True)
async def broker_nodes(data: Datasets, table: str) -> tuple[BrokerNode, ...]:
    """Measure alarms and the use of memory, disk, files and sockets of each node of a broker."""
    rows = await data.query(
        f"""
        SELECT name, coalesce(running, false), CAST(memory_alarm AS BOOLEAN),
            CAST(memory_used_bytes AS BIGINT), CAST(memory_limit_bytes AS BIGINT),
            CAST(disk_alarm AS BOOLEAN), CAST(disk_free_bytes AS BIGINT),
            CAST(disk_limit_bytes AS BIGINT), CAST(files_used AS BIGINT),
            CAST(files_limit AS BIGINT), CAST(sockets_used AS BIGINT),
            CAST(sockets_limit AS BIGINT), partitions
        FROM ({nodes_sql(data.table(table))}) ORDER BY name
        """
    )
    names = tuple(BrokerNode.model_fields)
    return tuple(BrokerNode.model_validate(dict(zip(names, row, strict=True))) for row in rows)
