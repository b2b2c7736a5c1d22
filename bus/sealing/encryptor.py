"""`Encryptor`: encrypts what a recorder is about to append, each conversation with its own key."""

from collections import OrderedDict
from secrets import token_bytes
from typing import Final

from bus.clock import Clock
from bus.domain.envelope import Envelope
from bus.sealing.encryption import KEY_BYTES, encryptable
from bus.vault import Vault

MAX_KEYS: Final = 10_000
"""Keys that are held in memory."""

KEY_TIME: Final = 60.0
"""Seconds for which they are: what is encrypted with a key shredded meanwhile nobody can read."""


class Encryptor:
    """Encrypts with the keys of `vault`."""

    def __init__(self, vault: Vault, *, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._keys: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def encrypted(self, record: Envelope) -> Envelope:
        """`record` as it is to be kept; one that belongs to nobody stays as it is.

        Raises:
            StoreError, TransportError: the key cannot be had now.
        """
        part = encryptable(record)
        return record if part is None else part.encrypted(await self._key(part.conversation))

    async def _key(self, conversation: str) -> bytes:
        now = self._clock.monotonic()
        key, until = self._keys.get(conversation, (b"", now))
        if until > now:
            return key
        # What is said after all was forgotten is recorded, and forgotten at once.
        key = await self._vault.make(conversation) or token_bytes(KEY_BYTES)
        self._keys[conversation] = key, now + KEY_TIME
        self._keys.move_to_end(conversation)
        if len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
        return key
