"""Clients of a Redis that the agents can do without: they do not wait and do not try twice.

*Not here*: the ledger's client, which must wait; that is `bus.ledgers.redis`.
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents.errors import AgentUsageError


def impatient_client(url: str, *, timeout: float) -> Redis:
    """A client that connects when first used, within `timeout` seconds.

    How long a reply may take is for the caller to bound; whoever stops waiting takes the
    connection along.

    Raises:
        AgentUsageError: `url` is no Redis URL.
    """
    try:
        return Redis.from_url(
            url,
            socket_timeout=None,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise AgentUsageError(
            f"{without_password(url)!r} is no Redis URL: use redis://HOST:PORT/0 or "
            "rediss://HOST:PORT/0."
        ) from error


def without_password(url: str) -> str:
    """`url` as it may be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
