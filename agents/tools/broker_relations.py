"""The SQL that brings what RabbitMQ and Prometheus tell of brokers into one form.

*Guarantees*: of series over time, those count that still had a value at the last instant, so that
nothing is said of what is gone.
"""

from typing import Final

from agents.datasets.location import split_table
from agents.datasets.sql import identifier, literal, literals
from agents.domain.task import PinnedDataset

MINUTE: Final = 60.0
"""Seconds for which a queue must have been long before that is called a backlog."""

QUEUE_METRICS: Final = (
    "rabbitmq_queue_messages_ready",
    "rabbitmq_queue_messages_unacked",
    "rabbitmq_queue_consumers",
)
NODE_METRICS: Final = (
    "rabbitmq_alarms_memory_used_watermark",
    "rabbitmq_alarms_free_disk_space_watermark",
    "rabbitmq_process_resident_memory_bytes",
    "rabbitmq_resident_memory_limit_bytes",
    "rabbitmq_disk_space_available_bytes",
    "rabbitmq_disk_space_available_limit_bytes",
)
UNROUTABLE_METRICS: Final = (
    "rabbitmq_global_messages_received_total",
    "rabbitmq_global_messages_unroutable_returned_total",
    "rabbitmq_global_messages_unroutable_dropped_total",
)
UP: Final = "up"

KNOWN_METRICS: Final = (*QUEUE_METRICS, *NODE_METRICS, *UNROUTABLE_METRICS, UP)

METRIC: Final = "replace(metric, 'rabbitmq_detailed_', 'rabbitmq_')"
"""The name of a metric, whichever of its two pages the broker tells it on."""


def shows(dataset: PinnedDataset, what: str) -> bool:
    """Whether a table of a broker is its `queues`, `nodes` or `vhosts`; series may be any."""
    return dataset.format == "prometheus" or split_table(dataset.location)[1] == what


def queues_sql(dataset: PinnedDataset) -> str:
    """Queues with messages, or of unknown length; by node where series do not tell queues apart."""
    if dataset.format == "rabbitmq":
        return f"""
            SELECT vhost, name, type, ready, unacked,
                consumers, ready_low, unacked_low, growth_per_second AS growth,
                coalesce(observed_seconds, 0.0) AS observed, deliver_rate, redeliver_rate,
                message_ttl_ms IS NOT NULL AND dead_letter_exchange IS NOT NULL AS is_delay,
                EXISTS (
                    FROM {identifier(dataset.name)} AS other
                    WHERE other.vhost = queue.vhost AND other.dead_letter_exchange = ''
                        AND other.dead_letter_routing_key = queue.name
                ) AS holds_dead_letters
            FROM {identifier(dataset.name)} AS queue
            WHERE ready > 0 OR unacked > 0 OR ready IS NULL
        """
    ready, unacked, consumers = map(literal, QUEUE_METRICS)
    now, lately = "moment = last", "moment >= since"
    return f"""
        WITH {_series(dataset, QUEUE_METRICS, ("vhost", "queue", "instance"))},
        apart AS (
            SELECT vhost, queue, if(queue IS NULL, instance, NULL) AS node, metric, moment,
                max(value) AS value, any_value(last) AS last, any_value(since) AS since
            FROM series WHERE queue IS NOT NULL OR NOT EXISTS (FROM series WHERE queue IS NOT NULL)
            GROUP BY ALL
        )
        SELECT vhost, coalesce(queue, 'node ' || node, 'the broker') AS name,
            NULL AS type,
            coalesce(max(value) FILTER (metric = {ready} AND {now}), 0) AS ready,
            coalesce(max(value) FILTER (metric = {unacked} AND {now}), 0) AS unacked,
            max(value) FILTER (metric = {consumers} AND {now}
                AND (queue IS NOT NULL OR value = 0)) AS consumers,
            min(value) FILTER (metric = {ready} AND {lately}) AS ready_low,
            min(value) FILTER (metric = {unacked} AND {lately}) AS unacked_low,
            (arg_max(value, moment) FILTER (metric = {ready})
                - arg_min(value, moment) FILTER (metric = {ready}))
                / nullif(epoch(max(moment) - min(moment)), 0) AS growth,
            epoch(max(moment) - min(moment) FILTER ({lately})) AS observed,
            NULL AS deliver_rate, NULL AS redeliver_rate,
            false AS is_delay, false AS holds_dead_letters
        FROM apart GROUP BY vhost, queue, node HAVING max(moment) = any_value(last)
            AND (ready > 0 OR unacked > 0)
    """


def nodes_sql(dataset: PinnedDataset) -> str:
    """Nodes with what they use of memory and disk."""
    if dataset.format == "rabbitmq":
        return f"SELECT * FROM {identifier(dataset.name)}"
    names = (
        "memory_alarm", "disk_alarm", "memory_used_bytes", "memory_limit_bytes",
        "disk_free_bytes", "disk_limit_bytes",
    )  # fmt: skip
    items = ", ".join(
        f"max(value) FILTER (metric = {literal(metric)} AND moment = last) AS {name}"
        for metric, name in zip(NODE_METRICS, names, strict=True)
    )
    return f"""
        WITH {_series(dataset, NODE_METRICS, ("instance",))}
        SELECT coalesce(instance, 'the broker') AS name, true AS running, NULL AS partitions,
            NULL AS files_used, NULL AS files_limit, NULL AS sockets_used, NULL AS sockets_limit,
            {items}
        FROM series GROUP BY instance HAVING max(moment) = any_value(last)
    """


def unroutable_sql(dataset: PinnedDataset) -> str:
    """Messages that had nowhere to go, by virtual host, of Prometheus by node."""
    if dataset.format == "rabbitmq":
        return f"SELECT * FROM {identifier(dataset.name)}"
    published, returned, dropped = map(literal, UNROUTABLE_METRICS)
    return f"""
        WITH {_series(dataset, UNROUTABLE_METRICS, ("instance", "protocol"))},
        steps AS (
            SELECT *, value - lag(value) OVER (
                PARTITION BY metric, instance, protocol ORDER BY moment) AS step
            FROM (SELECT metric, instance, protocol, moment, max(value) AS value,
                    any_value(last) AS last FROM series GROUP BY ALL)
        ),
        counted AS (
            SELECT metric, instance, max(value) FILTER (moment = last) AS value,
                sum(greatest(step, 0)) / nullif(epoch(max(moment) - min(moment)), 0) AS rate
            FROM steps GROUP BY metric, instance, protocol
        )
        SELECT coalesce(instance, 'the broker') AS name,
            sum(value) FILTER (metric = {published}) AS published,
            coalesce(sum(value) FILTER (metric = {returned}), 0) AS returned,
            coalesce(sum(value) FILTER (metric = {dropped}), 0) AS dropped,
            sum(rate) FILTER (metric = {returned}) AS return_rate,
            sum(rate) FILTER (metric = {dropped}) AS drop_rate
        FROM counted GROUP BY instance
    """


def rows_sql(dataset: PinnedDataset, what: tuple[str, ...], **labels: str | None) -> str:
    """A SELECT of the rows behind a statement: those with these labels, of series also `what`."""
    known = {column.name for column in dataset.columns}
    conditions = [
        f"{identifier(name)} = {literal(value)}"
        for name, value in labels.items()
        if value is not None and name in known
    ]
    if dataset.format == "prometheus":
        conditions.insert(0, f"{METRIC} IN ({literals(what)})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "time, row_id" if dataset.format == "prometheus" else "row_id"
    table = identifier(dataset.name)
    return f"SELECT row_id, * EXCLUDE (row_id) FROM {table}{where} ORDER BY {order}"


def _series(dataset: PinnedDataset, metrics: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """The common table `series` of these metrics, with the `last` instant and a minute before."""
    known = {column.name for column in dataset.columns}
    columns = ", ".join(
        identifier(name) if name in known else f"NULL::VARCHAR AS {identifier(name)}"
        for name in labels
    )
    table = identifier(dataset.name)
    return f"""
        instants AS (
            SELECT last, least(last - to_seconds({MINUTE}),
                (SELECT max(time) FROM {table} WHERE time < last)) AS since
            FROM (SELECT max(time) AS last FROM {table})
        ),
        series AS (
            SELECT {METRIC} AS metric, {columns}, time AS moment, value, last, since
            FROM {table}, instants WHERE {METRIC} IN ({literals(metrics)})
        )
    """
