"""Claims and results: who works on what, and what came of it.

*Guarantees*: a key is claimed by one owner at a time, and by none once it has a value; the first
value stays, unless it is forgotten.
"""

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection

from bus.ledger import Claim, Entry, Leased, Recorded
from bus.sqlite.boot import horizon
from bus.sqlite.queries import QUERIES


def claim(
    connection: Connection, key: str, *, owner: str, until: float, now: float
) -> Claim | Entry:
    """A claim that lasts `until` then, or why there is none."""
    arguments = (key, owner, until, now, horizon(now))
    claimed = connection.execute(QUERIES["claim_key"], arguments).fetchone()
    if claimed is not None:
        return Claim(key=key, owner=owner, token=claimed[0])
    lease_until, value = connection.execute(QUERIES["look_up_key"], (key,)).fetchone()
    return Leased(seconds=lease_until - now) if value is None else Recorded(value=value)


def renew(connection: Connection, claimed: Claim, *, until: float, now: float) -> bool:
    """Prolong a claim; False if it is over."""
    arguments = (claimed.key, claimed.owner, claimed.token, until, now)
    return connection.execute(QUERIES["renew_claim"], arguments).rowcount == 1


def release(connection: Connection, claimed: Claim) -> None:
    """End a claim, if it is not over yet."""
    connection.execute(QUERIES["release_claim"], (claimed.key, claimed.owner, claimed.token))


def record(connection: Connection, key: str, value: bytes) -> bytes:
    """The value that `key` has from now on: `value`, or the one it had."""
    (kept,) = connection.execute(QUERIES["record_value"], (key, value)).fetchone()
    assert isinstance(kept, bytes)
    return kept


def look_up(connection: Connection, keys: Sequence[str], *, now: float) -> Mapping[str, Entry]:
    """What is known of `keys`."""
    found: dict[str, Entry] = {}
    rows = connection.execute(QUERIES["look_up_keys"], (json.dumps(list(keys)),))
    for key, since, lease_until, value in rows:
        if value is not None:
            found[key] = Recorded(value=value)
        elif since <= horizon(now) and lease_until > now:
            found[key] = Leased(seconds=lease_until - now)
    return found


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Have `keys` be done, without a value."""
    connection.executemany(QUERIES["forget_value"], [(key,) for key in keys])
