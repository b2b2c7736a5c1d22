"""How long the queues of a broker are, for how long, and who takes from them."""

from typing import Final

from agents.dataset import Datasets
from agents.domain.finding import Part
from agents.tool import tool
from agents.tools.broker_relations import queues_sql

MAX_QUEUES: Final = 500
"""The longest, of those with messages in them."""

STREAM: Final = "stream"
"""The type of a queue that keeps its messages, however often they are read."""


class BrokerQueue(Part):
    """A queue with messages in it.

    `ready_low` and `unacked_low` are the least of the last `observed` seconds, `growth` is messages
    a second. `is_delay` says that messages leave it by themselves, for another queue;
    `holds_dead_letters` that another queue sends what it could not get rid of.
    """

    vhost: str | None
    name: str
    ready: int
    unacked: int
    consumers: int | None
    ready_low: int | None
    unacked_low: int | None
    growth: float | None
    observed: float
    deliver_rate: float | None
    redeliver_rate: float | None
    is_delay: bool
    holds_dead_letters: bool


class BrokerQueues(Part):
    """0..500 `queues` with messages, the longest first; of `untold` more the length is not known.

    Streams, which keep what is read, are left out.
    """

    queues: tuple[BrokerQueue, ...]
    untold: int


@tool(permission="read_data", only_observations=True)
async def broker_queues(data: Datasets, table: str) -> BrokerQueues:
    """Measure backlog, consumers and redeliveries of the longest queues of a broker."""
    queues = f"({queues_sql(data.table(table))}) WHERE type IS DISTINCT FROM '{STREAM}'"
    rows = await data.query(
        f"""
        SELECT vhost, name, CAST(ready AS BIGINT), CAST(coalesce(unacked, 0) AS BIGINT),
            CAST(consumers AS BIGINT), CAST(ready_low AS BIGINT), CAST(unacked_low AS BIGINT),
            CAST(growth AS DOUBLE), CAST(observed AS DOUBLE), CAST(deliver_rate AS DOUBLE),
            CAST(redeliver_rate AS DOUBLE), is_delay, holds_dead_letters
        FROM {queues} AND ready IS NOT NULL
        ORDER BY ready + coalesce(unacked, 0) DESC, vhost, name LIMIT {MAX_QUEUES}
        """
    )
    ((untold,),) = await data.query(f"SELECT count(*) FROM {queues} AND ready IS NULL")
    names = tuple(BrokerQueue.model_fields)
    return BrokerQueues(
        queues=tuple(
            BrokerQueue.model_validate(dict(zip(names, row, strict=True))) for row in rows
        ),
        untold=untold,
    )
