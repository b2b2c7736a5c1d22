"""`MemoryVault`: keys of conversations that one process has."""

from collections.abc import Mapping, Sequence
from secrets import token_bytes

from bus.sealing.encryption import KEY_BYTES


class MemoryVault:
    """Implements `Vault`."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    async def make(self, conversation: str) -> bytes | None:
        return self._keys.setdefault(conversation, token_bytes(KEY_BYTES)) or None

    async def look_up(self, conversations: Sequence[str]) -> Mapping[str, bytes]:
        return {each: key for each in conversations if (key := self._keys.get(each))}

    async def shred(self, conversations: Sequence[str]) -> int:
        had = len(await self.look_up(conversations))
        self._keys |= dict.fromkeys(conversations, b"")
        return had

    async def aclose(self) -> None:
        pass
