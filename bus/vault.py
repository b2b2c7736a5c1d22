"""The seam to the keys with which conversations are encrypted in a history that only grows.

Implementations stand in `bus/vaults/`; `tests/contract/test_vault.py` is the specification.

*Guarantees*: a conversation has one key, the same for all who ask; once shredded it has none, and
never gets another one.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Vault(Protocol):
    """One key a conversation, of 32 bytes. Every method may raise StoreError or TransportError."""

    async def make(self, conversation: str) -> bytes | None:
        """The key of `conversation`, made if it had none; None if it was shredded."""
        ...

    async def look_up(self, conversations: Sequence[str]) -> Mapping[str, bytes]:
        """The keys of those that have one."""
        ...

    async def shred(self, conversations: Sequence[str]) -> int:
        """Destroy the keys of `conversations`; how many had one. May be done again."""
        ...

    async def aclose(self) -> None:
        """Let go of everything. Idempotent."""
        ...
