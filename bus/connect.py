"""`connect`: from a URL to a `MessageBus`; the only importer of implementations."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import structlog

from bus.clock import Clock, SystemClock
from bus.domain.authority import Verify, trust_local_user
from bus.domain.message import Registry, derived_id
from bus.errors import UsageError
from bus.ledger import Ledger
from bus.message_bus import MessageBus
from bus.tasks import task_group

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def connect(
    url: str,
    *,
    registry: Registry | None = None,
    name: str = "convener",
    clock: Clock | None = None,
    verify: Verify = trust_local_user,
    redis: str | None = None,
    cache: Path | None = None,
) -> AsyncIterator[MessageBus]:
    """The bus at `url`, for as long as the context lasts.

    `url` is `sqlite:///PATH`, where PATH is taken from the root (or from `~`), or `amqp://` /
    `amqps://` with credentials, host and port. `registry` holds
    the payload types this process understands. `name` signs its messages. On RabbitMQ,
    `redis` is the URL of the ledger, else each process has its own; `cache` is a folder for what
    can be rebuilt at any time, the history's index, else that is built anew every time.

    Raises:
        UsageError: the URL is of no kind that the bus knows.
        UnreachableError: the server did not answer, or refused us.
        StoreError: the bus file cannot be used.

    Example:
        >>> import asyncio, tempfile
        >>> from bus import Payload, Registry, connect
        >>> class OrderPlaced(Payload):
        ...     message_type = "shop.order.placed.v1"
        ...     order_id: str
        >>> async def main(url: str) -> None:
        ...     async with connect(url, registry=Registry(OrderPlaced)) as bus:
        ...         async with bus.subscribe("event.#") as events:
        ...             await bus.announce(OrderPlaced(order_id="A1"))
        ...             print((await anext(events)).content.order_id)
        >>> asyncio.run(main(f"sqlite:///{tempfile.mkdtemp()}/bus.db"))
        A1
    """
    _log_quietly_unless_configured()
    clock = clock or SystemClock()
    registry = registry or Registry()
    scheme = urlsplit(url).scheme
    async with AsyncExitStack() as stack:
        if scheme == "sqlite":
            bus = await _embedded(
                stack, url, registry=registry, name=name, clock=clock, verify=verify
            )
        elif scheme in ("amqp", "amqps"):
            bus = await _rabbitmq(
                stack,
                url,
                registry=registry,
                name=name,
                clock=clock,
                verify=verify,
                redis=redis,
                cache=cache,
            )
        else:
            raise UsageError(
                f"{url!r} is no bus URL: use sqlite:///PATH or amqp://USER:PASSWORD@HOST:PORT/."
            )
        yield await stack.enter_async_context(aclosing(bus))


async def _embedded(
    stack: AsyncExitStack,
    url: str,
    *,
    registry: Registry,
    name: str,
    clock: Clock,
    verify: Verify,
) -> MessageBus:
    from bus.dead_letters.sqlite import SqliteDeadLetters
    from bus.histories.sqlite import SqliteHistory
    from bus.ledgers.sqlite import SqliteLedger
    from bus.sqlite.database import Database
    from bus.transports.sqlite import SqliteTransport

    database = await stack.enter_async_context(await Database.open(str(database_path(url))))

    def open_private(scope: str) -> SqliteTransport:
        return SqliteTransport(database, clock=clock, scope=scope)

    transport = await stack.enter_async_context(aclosing(open_private("")))
    return MessageBus(
        transport=transport,
        history=await stack.enter_async_context(aclosing(SqliteHistory(database))),
        ledger=SqliteLedger(database, clock=clock),
        dead_letters=SqliteDeadLetters(database, clock=clock),
        registry=registry,
        name=name,
        clock=clock,
        verify=verify,
        tasks=await stack.enter_async_context(task_group()),
        open_private=open_private,
    )


async def _rabbitmq(
    stack: AsyncExitStack,
    url: str,
    *,
    registry: Registry,
    name: str,
    clock: Clock,
    verify: Verify,
    redis: str | None,
    cache: Path | None,
) -> MessageBus:
    from bus.dead_letters.rabbitmq import RabbitmqDeadLetters
    from bus.histories.stream import StreamHistory
    from bus.recorder import Recorder
    from bus.transports.rabbitmq import RabbitmqTransport

    transport = await stack.enter_async_context(
        aclosing(await RabbitmqTransport.connect(url, name=name, clock=clock))
    )
    if cache is None:
        cache = Path(stack.enter_context(TemporaryDirectory(prefix="convener-")))
    index = cache / "history" / f"{derived_id(transport.address)}.db"
    companions = [Recorder(transport, clock=clock).run]
    if redis is None:
        companions.append(_warn_of_private_ledger)
    return MessageBus(
        transport=transport,
        history=await stack.enter_async_context(
            aclosing(await StreamHistory.open(transport, str(index), clock=clock))
        ),
        ledger=await _ledger(stack, redis, clock),
        dead_letters=RabbitmqDeadLetters(transport),
        registry=registry,
        name=name,
        clock=clock,
        verify=verify,
        tasks=await stack.enter_async_context(task_group()),
        companions=companions,
    )


async def _ledger(stack: AsyncExitStack, redis: str | None, clock: Clock) -> Ledger:
    """The ledger in Redis, or without one in the memory of this process."""
    if redis is not None:
        from bus.ledgers.redis import RedisLedger

        return await stack.enter_async_context(aclosing(await RedisLedger.connect(redis)))
    from bus.ledgers.sqlite import SqliteLedger
    from bus.sqlite.database import Database

    database = await stack.enter_async_context(await Database.open(":memory:"))
    return SqliteLedger(database, clock=clock)


async def _warn_of_private_ledger() -> None:
    _log.warning(
        "bus.ledger.private",
        hint="Set CONVENER_REDIS: without it work is done again when its process dies.",
    )


def _log_quietly_unless_configured() -> None:
    """Warnings to standard error, where a program has not decided about its logs itself."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )


def database_path(url: str) -> Path:
    """The file that a `sqlite:///PATH` URL names; `~` is the user's home.

    Raises:
        UsageError: there is no path in it.
    """
    parts = urlsplit(url)
    path = parts.path.lstrip("/")
    if parts.netloc or not path:
        raise UsageError(f"{url!r} names no file: use sqlite:///absolute/path/to/bus.db.")
    return Path(path).expanduser() if path.startswith("~") else Path("/", path)
