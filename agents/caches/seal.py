"""Entries as they lie in a store: JSON under a seal, so that nobody else can plant or swap one.

*Guarantees*: `unseal` returns what `seal` was given with the same secret and key, or raises;
nothing that lies in a store is ever run, and nothing of it is parsed before the seal is checked.
What we sealed ourselves can still be deleted, or put back until its time is over.

*Source*: RFC 2104, HMAC; NIST SP 800-107, key lengths.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from agents.cache_store import Stamp, Stored
from agents.errors import AgentUsageError

SECRET_BYTES: Final = 16
"""How long a secret must be at least."""

FUTURE: Final = 5.0
"""Seconds that an entry may come from the future before its clock counts as changed."""

_PURPOSE: Final = b"convener cache entry 1"
_SEAL_LENGTH: Final = hashlib.sha256().digest_size


class BrokenSealError(ValueError):
    """The entry was not sealed with this secret for this key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is sealed: JSON, when it was made in seconds of the store's clock, and how it ends."""

    value: bytes
    made_at: float
    ttl: float
    stamp: Stamp

    def at(self, now: float) -> Stored | None:
        """The entry as it is at `now`; None once its time is over, or when that cannot be told."""
        age = now - self.made_at
        if not -FUTURE < age < self.ttl:
            return None
        age = max(0.0, age)
        return Stored(value=self.value, age=age, left=self.ttl - age, tags=frozenset(self.stamp))


def checked_secret(secret: bytes) -> bytes:
    """`secret`, if it is long enough.

    Raises:
        AgentUsageError: it is not.
    """
    if len(secret) < SECRET_BYTES:
        raise AgentUsageError(
            f"The secret of the response cache has {len(secret)} bytes: give it {SECRET_BYTES} at "
            "least, the same in every process."
        )
    return secret


def seal(entry: Entry, *, secret: bytes, key: str) -> bytes:
    """`entry` as bytes that only `key` and `secret` open."""
    about = {"made_at": entry.made_at, "ttl": entry.ttl, "stamp": dict(entry.stamp)}
    text = json.dumps(about).encode() + b"\n" + entry.value
    return _seal_of(text, secret, key) + text


def unseal(sealed: bytes, *, secret: bytes, key: str) -> Entry:
    """What was sealed.

    Raises:
        BrokenSealError: with another secret or for another key, or it was altered, or never was.
    """
    given, text = sealed[:_SEAL_LENGTH], sealed[_SEAL_LENGTH:]
    if not hmac.compare_digest(given, _seal_of(text, secret, key)):
        raise BrokenSealError("An entry of the response cache is not ours.")
    about, _, value = text.partition(b"\n")
    fields = json.loads(about)
    return Entry(value=value, made_at=fields["made_at"], ttl=fields["ttl"], stamp=fields["stamp"])


def _seal_of(text: bytes, secret: bytes, key: str) -> bytes:
    name = key.encode()
    bound = b"%s\n%d\n%s" % (_PURPOSE, len(name), name)
    return hmac.digest(secret, bound + text, "sha256")
