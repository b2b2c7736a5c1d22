"""`connect`: from a URL to a `MessageBus`; the only importer of implementations."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import platformdirs
import structlog

from bus.auditing.head_file import HeadFile
from bus.authority import Authority
from bus.clock import Clock, SystemClock
from bus.domain.authority import ANYBODY_TRUSTED, Policy, Rules
from bus.domain.message import Registry, derived_id
from bus.errors import TransportClosedError, TransportError, UsageError
from bus.keyring import Keyring
from bus.ledger import Ledger
from bus.logs.lines import inert, inert_traceback
from bus.logs.redaction import without_password, written_without_secrets
from bus.message_bus import MessageBus
from bus.tasks import task_group
from bus.vault import Vault

if TYPE_CHECKING:
    from bus.recorder import Recorder

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
KEY_FILE: Final = "bus.key"
_RECORD_AGAIN_AFTER: Final = 1.0
"""Seconds after which a recorder that could not begin tries again."""
HEADS_FILE: Final = "audit-heads.jsonl"

Companion: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def connect(
    url: str,
    *,
    registry: Registry | None = None,
    name: str = "convener",
    clock: Clock | None = None,
    authority: Authority | None = None,
    redis: str | None = None,
    vault: str | None = None,
    cache: Path | None = None,
    heads: Path | None = None,
) -> AsyncIterator[MessageBus]:
    """The bus at `url`, for as long as the context lasts.

    `url` is `sqlite:///PATH`, where PATH is taken from the root (or from `~`), or `amqp://` /
    `amqps://` with credentials, host and port. `registry` holds
    the payload types this process understands. `name` signs its messages. `authority` says whose
    messages are trusted; without one, only those of this user on this machine. On RabbitMQ,
    `redis` is the URL of the ledger, else each process has its own; with a `vault`, the URL of a
    Redis that never loses what it has, the history is encrypted with keys that are kept there, so
    that it can be forgotten. `cache` is a folder for what
    can be rebuilt at any time, the history's index, else that is built anew every time. Heads of
    the audit are kept in the file `heads`, else beside the bus file, or on RabbitMQ in the user's
    state directory.

    Raises:
        UsageError: the URL is of no kind that the bus knows, or of another machine's bus and no
            `authority` is given.
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
    scheme = urlsplit(url).scheme
    if scheme not in ("sqlite", "amqp", "amqps"):
        raise UsageError(
            f"{without_password(url)!r} is no bus URL: use sqlite:///PATH or "
            "amqp://USER:PASSWORD@HOST:PORT/."
        )
    clock = clock or SystemClock()
    registry = registry or Registry()
    if authority is None:
        authority = await asyncio.to_thread(local_authority, url, clock=clock)
    async with AsyncExitStack() as stack:
        if scheme == "sqlite":
            bus = await _embedded(
                stack,
                url,
                registry=registry,
                name=name,
                clock=clock,
                authority=authority,
                heads=heads,
            )
        else:
            bus = await _rabbitmq(
                stack,
                url,
                registry=registry,
                name=name,
                clock=clock,
                authority=authority,
                redis=redis,
                vault=vault,
                cache=cache,
                heads=heads,
            )
        yield await stack.enter_async_context(aclosing(bus))


async def _embedded(
    stack: AsyncExitStack,
    url: str,
    *,
    registry: Registry,
    name: str,
    clock: Clock,
    authority: Authority,
    heads: Path | None,
) -> MessageBus:
    from bus.dead_letters.sqlite import SqliteDeadLetters
    from bus.histories.sqlite import SqliteHistory
    from bus.ledgers.sqlite import SqliteLedger
    from bus.sqlite.database import Database
    from bus.transports.sqlite import SqliteTransport

    file = database_path(url)
    database = await stack.enter_async_context(await Database.open(str(file)))

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
        authority=authority,
        tasks=await stack.enter_async_context(task_group()),
        open_private=open_private,
        heads=HeadFile(
            heads or file.with_name(f"{file.name}.{HEADS_FILE}"), bus=derived_id(str(file))
        ),
    )


async def _rabbitmq(
    stack: AsyncExitStack,
    url: str,
    *,
    registry: Registry,
    name: str,
    clock: Clock,
    authority: Authority,
    redis: str | None,
    vault: str | None,
    cache: Path | None,
    heads: Path | None,
) -> MessageBus:
    from bus.dead_letters.rabbitmq import RabbitmqDeadLetters
    from bus.histories.stream import StreamHistory
    from bus.recorder import Recorder
    from bus.sealing.encryptor import Encryptor
    from bus.transports.rabbitmq import RabbitmqTransport

    transport = await stack.enter_async_context(
        aclosing(await RabbitmqTransport.connect(url, name=name, clock=clock))
    )
    if cache is None:
        cache = Path(stack.enter_context(TemporaryDirectory(prefix="convener-")))
    index = cache / "history" / f"{derived_id(transport.address)}.db"
    keys = None if vault is None else await _vault(stack, vault)
    encryptor = None if keys is None else Encryptor(keys, clock=clock)
    recorder = Recorder(transport, authority=authority, clock=clock, encryptor=encryptor)
    companions: list[Companion] = [partial(_record, recorder)]
    if redis is None:
        companions.append(_warn_of_private_ledger)
    return MessageBus(
        transport=transport,
        history=await stack.enter_async_context(
            aclosing(await StreamHistory.open(transport, str(index), clock=clock, vault=keys))
        ),
        ledger=await _ledger(stack, redis, clock),
        dead_letters=RabbitmqDeadLetters(transport),
        registry=registry,
        name=name,
        account=transport.account,
        clock=clock,
        authority=authority,
        tasks=await stack.enter_async_context(task_group()),
        companions=companions,
        heads=HeadFile(heads or state_folder() / HEADS_FILE, bus=derived_id(transport.address)),
    )


async def _record(recorder: "Recorder") -> None:
    """Record, however often the broker goes away, unless that is left to users of it who may."""
    from bus.transports.rabbitmq_errors import ForbiddenError

    while True:
        try:
            return await recorder.run()
        except ForbiddenError as error:
            _log.info("bus.recorder.not_permitted", error=str(error))
            return None
        except TransportClosedError:
            return None
        except TransportError as error:
            _log.warning("bus.recorder.interrupted", error=str(error))
            await asyncio.sleep(_RECORD_AGAIN_AFTER)


async def _ledger(stack: AsyncExitStack, redis: str | None, clock: Clock) -> Ledger:
    """The ledger in Redis, or without one in the memory of this process."""
    if redis is not None:
        from bus.ledgers.redis import RedisLedger

        return await stack.enter_async_context(aclosing(await RedisLedger.connect(redis)))
    from bus.ledgers.sqlite import SqliteLedger
    from bus.sqlite.database import Database

    database = await stack.enter_async_context(await Database.open(":memory:"))
    return SqliteLedger(database, clock=clock)


async def _vault(stack: AsyncExitStack, url: str) -> Vault:
    """The keys of the history."""
    from bus.vaults.redis import RedisVault

    return await stack.enter_async_context(aclosing(await RedisVault.connect(url)))


async def _warn_of_private_ledger() -> None:
    _log.warning(
        "bus.ledger.private",
        hint="Set CONVENER_REDIS: without it work is done again when its process dies.",
    )


def _log_quietly_unless_configured() -> None:
    """Warnings to standard error, where a program has not decided about its logs itself."""
    if not structlog.is_configured():
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=inert_traceback
        )
        structlog.configure(
            processors=[
                *structlog.get_config()["processors"][:-1],
                inert,
                written_without_secrets(renderer),
            ],
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
    try:
        return Path(path).expanduser() if path.startswith("~") else Path("/", path)
    except RuntimeError as error:
        raise UsageError(f"{url!r} begins with the home of nobody who is known here.") from error


def local_authority(
    url: str, *, clock: Clock | None = None, rules: Rules = ANYBODY_TRUSTED
) -> Authority:
    """That of the one user of a bus on this machine, who trusts nobody else.

    Raises:
        UsageError: the bus is on another machine, or the key cannot be used.
    """
    from bus.authorities.tokens import TokenAuthority
    from bus.tokens import Tokens

    clock = clock or SystemClock()
    tokens = Tokens(local_keyring(url), clock=clock)
    return TokenAuthority(tokens, rules=rules, policy=Policy(), clock=clock)


def local_keyring(url: str) -> Keyring:
    """The key of the one user of a bus on this machine, made when it is first needed.

    The key of a bus file stands beside it; one key in the user's state directory is for brokers on
    this machine.

    Raises:
        UsageError: the bus is on another machine, or the key cannot be used.
    """
    from bus.keyrings.local import LocalKeyring

    if urlsplit(url).scheme == "sqlite":
        file = database_path(url)
        return LocalKeyring(file.with_name(f"{file.name}.key"))
    if is_on_this_machine(url):
        return LocalKeyring(state_folder() / KEY_FILE)
    raise UsageError(
        f"The bus at {urlsplit(url).hostname} is on another machine: say by which keys its "
        "messages are trusted, as the README shows under Security."
    )


def is_on_this_machine(url: str) -> bool:
    """Whether only users of this machine reach the bus at `url`."""
    parts = urlsplit(url)
    return parts.scheme == "sqlite" or parts.hostname in LOOPBACK


def state_folder() -> Path:
    """Where this user's keys, and heads of audits, are kept for brokers."""
    return platformdirs.user_state_path("convener", appauthor=False)
