"""How many messages a broker had no queue for."""

from agents.dataset import Datasets
from agents.datasets.sql import identifier, literal
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.broker_relations import unroutable_sql


class Unroutable(Part):
    """Messages of a virtual host or node that no queue was bound for.

    They were `returned` to publishers that had asked for that, or else `dropped`, of all that were
    `published` since the broker began to count. Rates are messages a second. `channels` are those
    that published some of them and are still open.
    """

    name: str
    published: int | None
    returned: int
    dropped: int
    return_rate: float | None
    drop_rate: float | None
    channels: int = 0


@tool(permission="read_data", only_observations=True)
async def broker_unroutable(
    data: Datasets, table: str, channels: str = ""
) -> tuple[Unroutable, ...]:
    """Measure how many messages a broker returned or dropped since no queue was bound for them.

    `channels` is the table of the same broker's channels, if there is one.
    """
    rows = await data.query(
        f"""
        SELECT name, CAST(published AS BIGINT), CAST(coalesce(returned, 0) AS BIGINT),
            CAST(coalesce(dropped, 0) AS BIGINT), CAST(return_rate AS DOUBLE),
            CAST(drop_rate AS DOUBLE)
        FROM ({unroutable_sql(data.table(table))})
        WHERE returned > 0 OR dropped > 0 ORDER BY name
        """
    )
    publishing: dict[str, int] = {}
    if channels:
        counted = await data.query(
            f"SELECT vhost, count(*) FROM ({channels_sql(channels)}) GROUP BY vhost"
        )
        publishing = {vhost: number for vhost, number in counted if vhost is not None}
    return tuple(
        Unroutable(
            name=name,
            published=published,
            returned=returned,
            dropped=dropped,
            return_rate=return_rate,
            drop_rate=drop_rate,
            channels=publishing.get(name, 0),
        )
        for name, published, returned, dropped, return_rate, drop_rate in rows
    )


def channels_sql(channels: str, vhost: str | None = None) -> str:
    """A SELECT of the channels that published what no queue was bound for."""
    within = "" if vhost is None else f"vhost = {literal(vhost)} AND "
    return (
        "SELECT row_id, * EXCLUDE (row_id) "
        f"FROM {identifier(channels)} WHERE {within}(returned > 0 OR dropped > 0)"
    )
