"""Reaching a Redis server, and turning the driver's errors into ours.

*Not here*: clients that do not wait; those are `agents.caching.redis_client`.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from bus.errors import (
    ConnectionLostError,
    StoreError,
    StoreFullError,
    UnreachableError,
    UsageError,
)
from bus.logs.redaction import without_password
from bus.tls import ENCRYPTED, split_files, tls_context, tls_problem

CALL_TIMEOUT: Final = 5.0
"""Seconds that the server may take to answer."""
RETRIES: Final = 2
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 0.5
"""Seconds before a call is tried again on a fresh connection. A server that was restarted leaves a
broken one for every call that was ever made at once; without this each would fail one call more."""


class TlsConnection(SSLConnection):
    """A connection opened with a context that it shares with others."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls


def redis_client(url: str, *, timeout: float, call_timeout: float | None, retry: Retry) -> "Redis":
    """A client that connects when first used, within `timeout` seconds; reads files.

    A call whose connection breaks is made again as `retry` says. A reply may take `call_timeout`.

    Raises:
        UsageError: `url` is no Redis URL, or names a file that cannot be used.
    """
    plain, files = split_files(url)
    encryption: dict[str, Any] = {}
    if files is not None:
        encryption = {"connection_class": TlsConnection, "tls": tls_context(files)}
        plain = plain.replace("rediss:", "redis:", 1)
    try:
        return Redis.from_url(
            plain,
            socket_timeout=call_timeout,
            socket_connect_timeout=timeout,
            retry=retry,
            **encryption,
        )
    except ValueError as error:
        raise UsageError(
            f"{without_password(url)!r} is no Redis URL: use redis://HOST:PORT/0 or "
            "rediss://HOST:PORT/0."
        ) from error


async def open_redis(url: str) -> "tuple[Redis, str]":
    """A client of the server at `url`, which has answered, and its URL without the password.

    A call whose connection breaks is made again.

    Raises:
        ConnectionLostError, UnreachableError, StoreError: it did not answer, or refused us.
        UsageError: `url` is no Redis URL, or names a file that cannot be used.
    """
    retry = Retry(
        ExponentialBackoff(cap=LONGEST_PAUSE, base=FIRST_PAUSE),
        RETRIES,
        supported_errors=(exceptions.ConnectionError,),
    )
    client = await asyncio.to_thread(
        redis_client, url, timeout=CALL_TIMEOUT, call_timeout=CALL_TIMEOUT, retry=retry
    )
    name = without_password(url)
    try:
        with translated(name, "the ledger"):
            await client.ping()
    except BaseException:
        await client.aclose()
        raise
    return client, name


@contextmanager
def translated(url: str, kept: str) -> Iterator[None]:
    """Turn the driver's errors into ours, about the server at `url`, which has what is `kept`."""
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.AuthorizationError) as error:
        raise UnreachableError(f"Redis at {url} refused us: check user and password.") from error
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        if problem := tls_problem(error, urlsplit(url).hostname or ""):
            raise UnreachableError(f"Cannot connect to Redis at {url}: {problem}") from error
        # It closes on whom it does not know without a word that would reach us.
        known = ", and whether it asks for a CONVENER_CERTIFICATE" if _is_encrypted(url) else ""
        raise ConnectionLostError(
            f"Redis at {url} does not answer: check that it runs there{known}."
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise StoreFullError(f"Redis at {url} is full: raise its maxmemory.") from error
    except exceptions.RedisError as error:
        raise StoreError(f"Redis at {url} cannot keep {kept}: {error}.") from error


def _is_encrypted(url: str) -> bool:
    return urlsplit(url).scheme in ENCRYPTED
