"""`RedisLedger`: claims and results in Redis, for a bus of many machines.

*Guarantees*: those of `bus.ledger` for as long as Redis keeps what it accepted: with `appendonly
yes` and `maxmemory-policy noeviction`, all but the last second before a crash. Losing it costs work
done twice, never a result. Leases run by the server's clock.

A call whose connection breaks is made again. Every script gives the same when it runs twice, except
for a claim, which then finds its key leased until the lease ends.

*Source*: Redis manual, "Distributed Locks" and "Scripting with Lua": a script is one atomic step.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Self, cast

from redis.asyncio import Redis

from bus.ledger import Claim, Entry, Leased, Recorded
from bus.redis_client import open_redis, translated

KEEP: Final = 7 * 24 * 3600
"""Seconds for which a result is kept; a request lives for 20 minutes at most."""

_CLAIM: Final = """
local value = redis.call('GET', KEYS[1])
if value then return {'recorded', value} end
local left = redis.call('PTTL', KEYS[2])
if left > 0 then return {'leased', left} end
local token = redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], ARGV[3])
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. token, 'PX', ARGV[2])
return {'claimed', token}
"""
_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0
"""
_RECORD: Final = """
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
redis.call('DEL', KEYS[2])
return redis.call('GET', KEYS[1])
"""
_FORGET: Final = """
for index = 1, #KEYS, 2 do
  redis.call('SET', KEYS[index], '', 'EX', ARGV[1])
  redis.call('DEL', KEYS[index + 1])
end
return 0
"""
_LOOK_UP: Final = """
local found = {}
for index = 1, #KEYS, 2 do
  found[index] = redis.call('GET', KEYS[index])
  found[index + 1] = redis.call('PTTL', KEYS[index + 1])
end
return found
"""


class RedisLedger:
    """The ledger in the Redis at `url`, `redis://` or `rediss://`."""

    def __init__(self, client: "Redis", *, url: str) -> None:
        self._client = client
        self._url = url
        self._claim = client.register_script(_CLAIM)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._record = client.register_script(_RECORD)
        self._forget = client.register_script(_FORGET)
        self._look_up = client.register_script(_LOOK_UP)

    @classmethod
    async def connect(cls, url: str) -> Self:
        """The ledger, once the server has answered; raises as `open_redis` does."""
        client, name = await open_redis(url)
        return cls(client, url=name)

    async def claim(self, key: str, *, owner: str, lease: float) -> Claim | Entry:
        keys = [_record_key(key), _claim_key(key), _token_key(key)]
        with translated(self._url, "the ledger"):
            kind, detail = await self._claim(keys=keys, args=[owner, _milliseconds(lease), KEEP])
        match kind:
            case b"claimed":
                return Claim(key=key, owner=owner, token=int(detail))
            case b"leased":
                return Leased(seconds=int(detail) / 1000)
            case _:
                return Recorded(value=detail)

    async def renew(self, claim: Claim, *, lease: float) -> bool:
        with translated(self._url, "the ledger"):
            renewed = await self._renew(
                keys=[_claim_key(claim.key)], args=[_holder(claim), _milliseconds(lease)]
            )
        return bool(renewed)

    async def release(self, claim: Claim) -> None:
        with translated(self._url, "the ledger"):
            await self._release(keys=[_claim_key(claim.key)], args=[_holder(claim)])

    async def record(self, key: str, value: bytes) -> bytes:
        with translated(self._url, "the ledger"):
            kept = await self._record(keys=[_record_key(key), _claim_key(key)], args=[value, KEEP])
        return cast("bytes", kept)

    async def look_up(self, keys: Sequence[str]) -> Mapping[str, Entry]:
        if not keys:
            return {}
        names = [name for key in keys for name in (_record_key(key), _claim_key(key))]
        with translated(self._url, "the ledger"):
            found = await self._look_up(keys=names)
        entries: dict[str, Entry] = {}
        for key, value, left in zip(keys, found[::2], found[1::2], strict=True):
            if value is not None:
                entries[key] = Recorded(value=value)
            elif left > 0:
                entries[key] = Leased(seconds=left / 1000)
        return entries

    async def forget(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        names = [name for key in keys for name in (_record_key(key), _claim_key(key))]
        with translated(self._url, "the ledger"):
            await self._forget(keys=names, args=[KEEP])

    async def aclose(self) -> None:
        await self._client.aclose()


def _record_key(key: str) -> str:
    return f"convener:record:{key}"


def _claim_key(key: str) -> str:
    return f"convener:claim:{key}"


def _token_key(key: str) -> str:
    return f"convener:token:{key}"


def _holder(claim: Claim) -> str:
    return f"{claim.owner} {claim.token}"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
