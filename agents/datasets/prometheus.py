"""What a Prometheus server answers to a query, one row for each value of each series.

*Guarantees*: the same answer gives the same table, whatever order the server gives series in.

*Source*: Prometheus, "HTTP API"; what it is asked without a query, RabbitMQ's "Monitoring with
Prometheus".
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
from pydantic import JsonValue

from agents.datasets.endpoint import AnsweredError, Endpoint, endpoint_of
from agents.datasets.interruptible import Interruption
from agents.datasets.location import split_table
from agents.datasets.readers import Reading
from agents.datasets.spool import SpooledColumn, read_spool, write_spool
from agents.errors import DatasetFormatError

PORT: Final = 9090

HINT: Final = "write prometheus+http://host:9090?query=up&range=1h&step=15s"

DEFAULT_QUERY: Final = (
    '{__name__=~"up|rabbitmq_(detailed_)?queue_(messages_ready|messages_unacked|consumers)|'
    "rabbitmq_global_messages_(received|unroutable_(returned|dropped))_total|"
    "rabbitmq_alarms_(memory_used|free_disk_space)_watermark|"
    "rabbitmq_process_resident_memory_bytes|rabbitmq_resident_memory_limit_bytes|"
    'rabbitmq_disk_space_available(_limit)?_bytes"}'
)
"""Whether targets answer, and what RabbitMQ tells of its queues, messages, memory and disk."""

DEFAULT_RANGE: Final = 900.0
DEFAULT_STEP: Final = 15.0
"""Seconds."""

MAX_POINTS: Final = 11_000
"""Of one series, as Prometheus has it."""

MAX_LABELS: Final = 200

PARAMETERS: Final = ("query", "range", "step")

NAME: Final = "__name__"
"""The label that holds a metric's name."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values of one metric under one set of labels, in order of time."""

    labels: Mapping[str, str]
    values: Sequence[tuple[float, float]]

    @property
    def place(self) -> tuple[str, ...]:
        """What series are put in order by."""
        names = sorted(name for name in self.labels if name != NAME)
        return (self.labels.get(NAME, ""), *(f"{name}={self.labels[name]}" for name in names))


def copy_series(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    interruption: Interruption,
    *,
    location: str,
) -> Reading:
    """Fill the table `data` with the answer: `time`, `metric`, `value` and a column for each label.

    Raises:
        DatasetUnreachableError: the server cannot be reached, or refuses the query.
        DatasetFormatError: the answer has no values.
    """
    endpoint = endpoint_of(location, default_port=PORT, hint=HINT)
    path, question = _question(endpoint)
    try:
        answer = endpoint.get(path, question, interruption)
    except AnsweredError as error:
        if error.status in (400, 422):
            raise endpoint.failed(f"the query is refused: {error.told or error.status}") from error
        raise
    series = sorted(_series(endpoint, answer), key=lambda each: each.place)
    if not any(each.values for each in series):
        raise DatasetFormatError(
            f"{location}: the query gives no values; check the names of metrics and labels, or ask "
            "for a longer range."
        )
    labels = sorted({name for each in series for name in each.labels if name != NAME})
    if len(labels) > MAX_LABELS:
        raise DatasetFormatError(
            f"{location}: the series have {len(labels)} labels, and {MAX_LABELS} can be read: ask "
            "for fewer metrics."
        )
    longest = write_spool(spool, _rows(series, labels))
    columns = [
        SpooledColumn(name="time", type="TIMESTAMP"),
        SpooledColumn(name="metric", type="VARCHAR"),
        SpooledColumn(name="value", type="DOUBLE"),
        *(SpooledColumn(name=name, type="VARCHAR") for name in labels),
    ]
    with interruption.of(connection):
        return read_spool(connection, spool, columns, format="prometheus", longest=longest)


def _rows(series: Sequence[Series], labels: Sequence[str]) -> Iterator[list[str | None]]:
    for each in series:
        own = [each.labels.get(name) for name in labels]
        metric = each.labels.get(NAME)
        for at, value in each.values:
            instant = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)
            yield [instant.replace(tzinfo=None).isoformat(sep=" "), metric, repr(value), *own]


def _question(endpoint: Endpoint) -> tuple[str, Mapping[str, str]]:
    """The path and what is asked there: a range with `range`, `step` or no query, else now."""
    given = endpoint.parameters
    unknown = [name for name in given if name not in PARAMETERS]
    if unknown or split_table(endpoint.location)[1]:
        raise endpoint.failed(
            f"{(unknown or ['table'])[0]} means nothing here; there are {', '.join(PARAMETERS)}"
        )
    query = given.get("query") or DEFAULT_QUERY
    base = f"{endpoint.path.rstrip('/')}/api/v1"
    if given.get("query") and not {"range", "step"} & given.keys():
        return f"{base}/query", {"query": query}
    span = _seconds(endpoint, "range", DEFAULT_RANGE)
    step = _seconds(endpoint, "step", DEFAULT_STEP)
    if span / step > MAX_POINTS:
        raise endpoint.failed(
            f"range and step make {span / step:,.0f} values of each series, and {MAX_POINTS:,} are "
            "the most; give a longer step"
        )
    now = time.time()
    start, end = f"{now - span:.3f}", f"{now:.3f}"
    return f"{base}/query_range", {"query": query, "start": start, "end": end, "step": f"{step:g}"}


def _seconds(endpoint: Endpoint, name: str, default: float) -> float:
    written = endpoint.parameters.get(name)
    if written is None:
        return default
    found = _DURATION.fullmatch(written)
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if seconds <= 0:
        raise endpoint.failed(f"{name}={written} is no duration; write one such as 90s, 15m or 2h")
    return seconds


def _series(endpoint: Endpoint, answer: JsonValue) -> Iterator[Series]:
    """0..n series. Native histograms have no single values and are left out."""
    data = answer.get("data") if isinstance(answer, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    kind = data.get("resultType") if isinstance(data, dict) else None
    if kind == "scalar":
        yield Series(labels={}, values=_values([result]))
        return
    if kind not in ("matrix", "vector") or not isinstance(result, list):
        raise endpoint.failed(f"the answer holds no series; {endpoint.hint}")
    for each in result:
        if not isinstance(each, dict):
            continue
        labels, one, many = each.get("metric"), each.get("value"), each.get("values")
        yield Series(
            labels={name: str(value) for name, value in labels.items()}
            if isinstance(labels, dict)
            else {},
            values=_values(many if isinstance(many, list) else [one]),
        )


def _values(pairs: Sequence[JsonValue]) -> list[tuple[float, float]]:
    values = []
    for pair in pairs:
        match pair:
            case [int() | float() as at, str() as written]:
                values.append((float(at), float(written)))
            case _:
                pass
    return values
