"""`RedisVault`: the keys of conversations in the Redis that has the ledger.

*Guarantees*: those of `bus.vault` for as long as Redis keeps what it accepted. What it loses can be
read by nobody any more: it needs `appendonly yes` and backups, as the history itself does. A key
that was shredded is taken out of Redis's own log as well, where that may be asked for.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from secrets import token_bytes
from typing import Final, Self, cast

from redis import exceptions
from redis.asyncio import Redis

from bus.redis_client import open_redis, translated
from bus.sealing.encryption import KEY_BYTES

KEEP: Final = 7 * 24 * 3600
"""Seconds for which it is known that a key was shredded; nothing of a request comes that late."""

_SHREDDED: Final = b""

_MAKE: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
"""
_SHRED: Final = """
local had = 0
for index = 1, #KEYS do
  local key = redis.call('SET', KEYS[index], '', 'EX', ARGV[1], 'GET')
  if key and key ~= '' then had = had + 1 end
end
return had
"""


class RedisVault:
    """The keys in the Redis at `url`, `redis://` or `rediss://`."""

    def __init__(self, client: "Redis", *, url: str) -> None:
        self._client = client
        self._url = url
        self._make = client.register_script(_MAKE)
        self._shred = client.register_script(_SHRED)

    @classmethod
    async def connect(cls, url: str) -> Self:
        """The vault, once the server has answered; raises as `open_redis` does."""
        client, name = await open_redis(url)
        return cls(client, url=name)

    async def make(self, conversation: str) -> bytes | None:
        with translated(self._url, "the keys of the history"):
            kept = await self._make(keys=[_name(conversation)], args=[token_bytes(KEY_BYTES)])
        return cast("bytes", kept) or None

    async def look_up(self, conversations: Sequence[str]) -> Mapping[str, bytes]:
        if not conversations:
            return {}
        with translated(self._url, "the keys of the history"):
            keys = await self._client.mget([_name(each) for each in conversations])
        found = zip(conversations, cast("list[bytes | None]", keys), strict=True)
        return {conversation: key for conversation, key in found if key}

    async def shred(self, conversations: Sequence[str]) -> int:
        if not conversations:
            return 0
        names = [_name(each) for each in conversations]
        with translated(self._url, "the keys of the history"):
            had = await self._shred(keys=names, args=[KEEP])
            await self._forget_how()
        return int(had)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _forget_how(self) -> None:
        """Have Redis's log on disk written anew, which still tells how the keys were set."""
        # A rewrite that is under way began before; whether one may be asked for is up to the ACL.
        with suppress(exceptions.ResponseError):
            persistence = await self._client.info("persistence")
            if persistence.get("aof_enabled"):
                await self._client.bgrewriteaof()


def _name(conversation: str) -> str:
    return f"convener:key:{conversation}"
