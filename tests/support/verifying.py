"""An authority whose verdict on one type of message a test decides; nothing is signed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from bus import AgentMessage, Payload, Principal
from bus.domain.audit import Seal
from bus.domain.authority import LOCAL_USER
from bus.domain.envelope import Envelope


class Verifying:
    def __init__(
        self,
        verdict: Callable[[AgentMessage[Any], Envelope], Awaitable[Principal]],
        *contents: type[Payload],
    ) -> None:
        self._contents = contents
        self._verdict = verdict

    def signed(
        self,
        envelope: Envelope,
        message: AgentMessage[Any],
        *,
        on_behalf_of: Principal | None = None,
    ) -> Envelope:
        return envelope

    async def verify(
        self, message: AgentMessage[Any], envelope: Envelope, *, at: datetime | None = None
    ) -> Principal:
        if not isinstance(message.content, self._contents):
            return LOCAL_USER
        return await self._verdict(message, envelope)

    def attest(self, statement: bytes) -> Seal | None:
        return None

    async def attested(self, statement: bytes, seal: Seal, *, name: str) -> bool:
        return False
