"""`TrustingAuthority`: everybody who reaches the bus is its local user."""

from datetime import datetime
from typing import Any

from bus.domain.audit import Seal
from bus.domain.authority import LOCAL_USER, Principal
from bus.domain.envelope import Envelope
from bus.domain.message import AgentMessage


class TrustingAuthority:
    """For a bus that only its own user can reach, or whose users all trust each other."""

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
        return LOCAL_USER

    def attest(self, statement: bytes) -> Seal | None:
        return None

    async def attested(self, statement: bytes, seal: Seal, *, name: str) -> bool:
        return False
