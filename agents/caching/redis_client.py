"""Clients of a Redis that the agents can do without: they do not wait and do not try twice.

*Not here*: the ledger's client, which must wait; that is `bus.redis_client`.
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents.errors import AgentUsageError
from bus import UsageError
from bus.redis_client import redis_client


def impatient_client(url: str, *, timeout: float) -> Redis:
    """A client that connects when first used, within `timeout` seconds; reads files.

    How long a reply may take is for the caller to bound; whoever stops waiting takes the
    connection along.

    Raises:
        AgentUsageError: `url` is no Redis URL, or names a file that cannot be used.
    """
    try:
        return redis_client(url, timeout=timeout, call_timeout=None, retry=Retry(NoBackoff(), 0))
    except UsageError as error:
        raise AgentUsageError(str(error)) from error
