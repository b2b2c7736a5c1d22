"""The tables that a broker is read as, and where in its answers each of their columns stands.

*Guarantees*: what is not in an answer, or not of the type it should have, is null; versions of the
broker differ in what they tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from pydantic import JsonValue

WINDOW: Final = 60
"""Seconds over which the lengths of queues are looked back at."""

SAMPLE: Final = 5
"""Seconds between the lengths that brokers remember, unless they are told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column: its type in DuckDB, and the keys that lead to its value."""

    name: str
    type: str
    path: tuple[str, ...]


def _fields(**columns: str) -> tuple[Field, ...]:
    """Columns from `name="TYPE key.key"`."""
    fields = []
    for name, written in columns.items():
        kind, _, path = written.partition(" ")
        fields.append(Field(name=name, type=kind, path=tuple(path.split("."))))
    return tuple(fields)


TABLES: Final[Mapping[str, tuple[Field, ...]]] = {
    "queues": _fields(
        vhost="VARCHAR vhost",
        name="VARCHAR name",
        type="VARCHAR type",
        node="VARCHAR node",
        state="VARCHAR state",
        policy="VARCHAR policy",
        ready="BIGINT messages_ready",
        unacked="BIGINT messages_unacknowledged",
        total="BIGINT messages",
        consumers="BIGINT consumers",
        ready_low="BIGINT last_minute.ready_low",
        unacked_low="BIGINT last_minute.unacked_low",
        growth_per_second="DOUBLE last_minute.growth",
        observed_seconds="DOUBLE last_minute.seconds",
        publish_rate="DOUBLE message_stats.publish_details.rate",
        deliver_rate="DOUBLE message_stats.deliver_get_details.rate",
        ack_rate="DOUBLE message_stats.ack_details.rate",
        redeliver_rate="DOUBLE message_stats.redeliver_details.rate",
        published="BIGINT message_stats.publish",
        delivered="BIGINT message_stats.deliver_get",
        redelivered="BIGINT message_stats.redeliver",
        consumer_utilisation="DOUBLE consumer_utilisation",
        memory_bytes="BIGINT memory",
        message_bytes="BIGINT message_bytes",
        idle_since="TIMESTAMP idle_since",
        durable="BOOLEAN durable",
        dead_letter_exchange="VARCHAR settings.dead-letter-exchange",
        dead_letter_routing_key="VARCHAR settings.dead-letter-routing-key",
        message_ttl_ms="BIGINT settings.message-ttl",
        max_length="BIGINT settings.max-length",
        max_length_bytes="BIGINT settings.max-length-bytes",
    ),
    "nodes": _fields(
        name="VARCHAR name",
        running="BOOLEAN running",
        memory_used_bytes="BIGINT mem_used",
        memory_limit_bytes="BIGINT mem_limit",
        memory_alarm="BOOLEAN mem_alarm",
        disk_free_bytes="BIGINT disk_free",
        disk_limit_bytes="BIGINT disk_free_limit",
        disk_alarm="BOOLEAN disk_free_alarm",
        files_used="BIGINT fd_used",
        files_limit="BIGINT fd_total",
        sockets_used="BIGINT sockets_used",
        sockets_limit="BIGINT sockets_total",
        processes_used="BIGINT proc_used",
        processes_limit="BIGINT proc_total",
        uptime_ms="BIGINT uptime",
        partitions="VARCHAR partitions",
    ),
    "vhosts": _fields(
        name="VARCHAR name",
        ready="BIGINT messages_ready",
        unacked="BIGINT messages_unacknowledged",
        published="BIGINT message_stats.publish",
        returned="BIGINT message_stats.return_unroutable",
        dropped="BIGINT message_stats.drop_unroutable",
        publish_rate="DOUBLE message_stats.publish_details.rate",
        return_rate="DOUBLE message_stats.return_unroutable_details.rate",
        drop_rate="DOUBLE message_stats.drop_unroutable_details.rate",
    ),
    "exchanges": _fields(
        vhost="VARCHAR vhost",
        name="VARCHAR name",
        type="VARCHAR type",
        policy="VARCHAR policy",
        durable="BOOLEAN durable",
        internal="BOOLEAN internal",
        alternate_exchange="VARCHAR arguments.alternate-exchange",
        published_in="BIGINT message_stats.publish_in",
        published_out="BIGINT message_stats.publish_out",
        in_rate="DOUBLE message_stats.publish_in_details.rate",
        out_rate="DOUBLE message_stats.publish_out_details.rate",
    ),
    "connections": _fields(
        name="VARCHAR name",
        vhost="VARCHAR vhost",
        user="VARCHAR user",
        node="VARCHAR node",
        state="VARCHAR state",
        peer_host="VARCHAR peer_host",
        peer_port="BIGINT peer_port",
        tls="BOOLEAN ssl",
        protocol="VARCHAR protocol",
        client="VARCHAR client_properties.product",
        client_name="VARCHAR client_properties.connection_name",
        channels="BIGINT channels",
        connected_at="TIMESTAMP connected_at",
        received_bytes="BIGINT recv_oct",
        sent_bytes="BIGINT send_oct",
    ),
    "channels": _fields(
        name="VARCHAR name",
        connection="VARCHAR connection_details.name",
        vhost="VARCHAR vhost",
        user="VARCHAR user",
        node="VARCHAR node",
        state="VARCHAR state",
        consumers="BIGINT consumer_count",
        prefetch="BIGINT prefetch_count",
        unacked="BIGINT messages_unacknowledged",
        unconfirmed="BIGINT messages_unconfirmed",
        published="BIGINT message_stats.publish",
        returned="BIGINT message_stats.return_unroutable",
        dropped="BIGINT message_stats.drop_unroutable",
        idle_since="TIMESTAMP idle_since",
    ),
}
"""By name, the one that says most first."""

_SETTINGS: Final = (
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "message-ttl",
    "max-length",
    "max-length-bytes",
)

_LENGTHS: Final = ("messages_ready", "messages_unacknowledged", "messages")

QUESTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "queues": {
        "lengths_age": str(WINDOW + SAMPLE),
        "lengths_incr": str(SAMPLE),
        "sort": "name",
        "columns": ",".join(
            dict.fromkeys(
                (
                    *(
                        field.path[0]
                        for field in TABLES["queues"]
                        if field.path[0] not in ("last_minute", "settings")
                    ),
                    *(f"{name}_details" for name in _LENGTHS),
                    "arguments",
                    "effective_policy_definition",
                )
            )
        ),
    }
}
"""What is asked of a table besides its name."""

_Object: TypeAlias = Mapping[str, JsonValue]


def row_of(table: str, told: _Object) -> list[str | None]:
    """The texts of one row, from what the broker tells of an object."""
    known = {**told, **_derived(told)} if table == "queues" else told
    return [_text(_value(known, field.path), field.type) for field in TABLES[table]]


def _derived(queue: _Object) -> dict[str, JsonValue]:
    """What became of a queue over the window, and the settings in force."""
    ready, unacked, total = (_samples(queue, name) for name in _LENGTHS)
    minute: dict[str, JsonValue] = {}
    if len(total) > 1:
        (newest, last), (oldest, first) = total[0], total[-1]
        seconds = (newest - oldest) / 1000
        minute["seconds"] = seconds
        minute["growth"] = (last - first) / seconds if seconds else 0.0
        minute["ready_low"] = min((length for _, length in ready), default=None)
        minute["unacked_low"] = min((length for _, length in unacked), default=None)
    given, policy = queue.get("arguments"), queue.get("effective_policy_definition")
    settings: dict[str, JsonValue] = {}
    for name in _SETTINGS:
        for source, key in ((policy, name), (given, f"x-{name}")):
            if isinstance(source, dict) and key in source:
                settings[name] = source[key]
    return {"last_minute": minute, "settings": settings}


def _samples(queue: _Object, name: str) -> Sequence[tuple[int, int]]:
    """Instants in milliseconds and lengths, the latest first."""
    samples = _value(queue, (f"{name}_details", "samples"))
    found = []
    for each in samples if isinstance(samples, list) else ():
        if isinstance(each, dict):
            at, length = each.get("timestamp"), each.get("sample")
            if isinstance(at, int) and isinstance(length, int):
                found.append((at, length))
    return sorted(found, reverse=True)


def _value(told: JsonValue | _Object, path: Sequence[str]) -> JsonValue:
    value: JsonValue | _Object = told
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if not isinstance(value, Mapping) else None


def _text(value: JsonValue, kind: str) -> str | None:
    match kind, value:
        case "VARCHAR", str():
            return value
        case "VARCHAR", list() if value:
            return ", ".join(map(str, value))
        case "BOOLEAN", bool():
            return str(value).lower()
        case (("BIGINT" | "DOUBLE"), bool()):
            return None
        case "BIGINT", int():
            return str(value)
        case "DOUBLE", int() | float():
            return repr(float(value))
        case "TIMESTAMP", int():
            return _utc(datetime.fromtimestamp(value / 1000, UTC))
        case "TIMESTAMP", str():
            try:
                return _utc(datetime.fromisoformat(value))
            except ValueError:
                return None
        case _:
            return None


def _utc(instant: datetime) -> str:
    known = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return known.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
