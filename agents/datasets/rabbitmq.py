"""What a RabbitMQ broker says of itself, by its management interface, on the way into a snapshot.

*Guarantees*: the broker is only asked, never told to do anything. Objects come in pages, and no
more than `MAX_OBJECTS` of them.

*Not here*: what the columns of each table are taken from (`rabbitmq_tables.py`).

*Source*: RabbitMQ, "Management HTTP API" (`/api/index.html` of the broker itself).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

import duckdb
from pydantic import JsonValue

from agents.datasets.endpoint import AnsweredError, Endpoint, endpoint_of
from agents.datasets.interruptible import Interruption
from agents.datasets.location import TABLE, split_table
from agents.datasets.rabbitmq_tables import QUESTIONS, TABLES, row_of
from agents.datasets.readers import Reading
from agents.datasets.spool import SpooledColumn, read_spool, write_spool
from agents.errors import DatasetFormatError, DatasetUnreachableError

PORT: Final = 15672
DEFAULT_LOGIN: Final = ("guest", "guest")
"""What a fresh broker lets in from its own host."""

PAGE: Final = 500
"""Objects in one answer, the most that the interface gives."""

MAX_OBJECTS: Final = 100_000

HINT: Final = (
    "write rabbitmq://user@host:15672/vhost?table=queues with the port of the management plugin "
    "(rabbitmq-plugins enable rabbitmq_management)"
)

PAGED: Final = frozenset({"queues", "exchanges", "connections", "channels"})
ALWAYS_ALL: Final = frozenset({"nodes", "vhosts"})
"""Not asked by virtual host."""

FORBIDDEN: Final = (401, 403)

_Object: TypeAlias = Mapping[str, JsonValue]


def tables_of(location: str, interruption: Interruption) -> tuple[str, ...]:
    """The tables that have rows and that the user may see.

    Raises:
        DatasetUnreachableError: the broker cannot be reached, or refuses.
    """
    endpoint, vhost = _endpoint(location)
    filled = []
    refused: AnsweredError | None = None
    for table in TABLES:
        asking = _objects(endpoint, vhost, table, interruption, page=1, columns="name")
        try:
            if next(asking, None) is not None:
                filled.append(table)
        except AnsweredError as error:
            if error.status not in FORBIDDEN:
                raise
            refused = error
    if refused is not None and not filled:
        raise refused
    return tuple(filled)


def copy_table(
    connection: duckdb.DuckDBPyConnection,
    spool: Path,
    interruption: Interruption,
    *,
    location: str,
) -> Reading:
    """Fill the table `data` with what the broker says now.

    Raises:
        DatasetUnreachableError: the broker cannot be reached, refuses, or has no such table.
    """
    table = split_table(location)[1]
    if table not in TABLES:
        raise DatasetUnreachableError(
            f"{location}: there is no table {table}; there are: {', '.join(TABLES)}."
        )
    endpoint, vhost = _endpoint(location)
    fields = TABLES[table]
    rows = (row_of(table, each) for each in _objects(endpoint, vhost, table, interruption))
    longest = write_spool(spool, rows)
    columns = [SpooledColumn(name=each.name, type=each.type) for each in fields]
    with interruption.of(connection):
        return read_spool(connection, spool, columns, format="rabbitmq", longest=longest)


def _endpoint(location: str) -> tuple[Endpoint, str]:
    """The management interface, and the virtual host that was named."""
    base, _ = split_table(location)
    endpoint = endpoint_of(base, default_port=PORT, hint=HINT)
    if unknown := next(iter(endpoint.parameters), None):
        raise DatasetUnreachableError(f"{location}: {unknown} means nothing here, {TABLE} does.")
    if not endpoint.user:
        user, password = DEFAULT_LOGIN
        endpoint = replace(endpoint, user=user, password=password)
    return endpoint, unquote(endpoint.path.removeprefix("/"))


def _objects(
    endpoint: Endpoint,
    vhost: str,
    table: str,
    interruption: Interruption,
    *,
    page: int = PAGE,
    columns: str = "",
) -> Iterator[_Object]:
    """The objects of a table, asked for as they are needed."""
    path, is_paged = _path(vhost, table)
    question = {"columns": columns} if columns else dict(QUESTIONS.get(table, {}))
    number = 1
    while True:
        pages = {"page": str(number), "page_size": str(page)} if is_paged else {}
        try:
            answer = endpoint.get(path, question | pages, interruption)
        except AnsweredError as error:
            if error.status == 404 and vhost:
                raise _no_vhost(endpoint, vhost, interruption) from error
            raise
        items, total, count = _listed(endpoint, answer)
        if total > MAX_OBJECTS:
            raise DatasetFormatError(
                f"{endpoint.location} has {total:,} {table}, and {MAX_OBJECTS:,} can be read: name "
                "one virtual host."
            )
        yield from (
            each for each in items if table != "vhosts" or not vhost or each.get("name") == vhost
        )
        if number >= count:
            return
        number += 1


def _path(vhost: str, table: str) -> tuple[str, bool]:
    named = quote(vhost, safe="")
    if not vhost or table in ALWAYS_ALL:
        return f"/api/{table}", table in PAGED
    if table in ("connections", "channels"):
        return f"/api/vhosts/{named}/{table}", False
    return f"/api/{table}/{named}", True


def _listed(endpoint: Endpoint, answer: JsonValue) -> tuple[list[_Object], int, int]:
    """Objects, how many there are in all, and on how many pages."""
    items: JsonValue = answer
    total, pages = 0, 1
    if isinstance(answer, dict):
        items = answer.get("items")
        counted, paged = answer.get("filtered_count"), answer.get("page_count")
        total = counted if isinstance(counted, int) else 0
        pages = paged if isinstance(paged, int) else 1
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise endpoint.failed(f"the answer is not that of a management interface; {endpoint.hint}")
    objects: list[_Object] = [each for each in items if isinstance(each, dict)]
    return objects, max(total, len(objects)), pages


def _no_vhost(
    endpoint: Endpoint, vhost: str, interruption: Interruption
) -> DatasetUnreachableError:
    answer = endpoint.get("/api/vhosts", {"columns": "name"}, interruption)
    names = sorted(str(each.get("name")) for each in _listed(endpoint, answer)[0])
    shown = ", ".join(quote(name, safe="") for name in names)
    return endpoint.failed(
        f"there is no virtual host {vhost}; as they are written, there are: {shown}"
    )
