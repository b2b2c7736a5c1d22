"""The seam to authority: what lets a message go out, and on whose behalf one that came in acts.

Implementations stand in `bus/authorities/`.

*Guarantees*: no handler sees a message that was not verified, and no order or reply is acted on.
"""

from datetime import datetime
from typing import Any, Protocol

from bus.domain.audit import Seal
from bus.domain.authority import Principal
from bus.domain.envelope import Envelope
from bus.domain.message import AgentMessage


class Authority(Protocol):
    """Signs what is sent and verifies what is received."""

    def signed(
        self,
        envelope: Envelope,
        message: AgentMessage[Any],
        *,
        on_behalf_of: Principal | None = None,
    ) -> Envelope:
        """`envelope`, which carries `message`, with the authority that it travels under.

        Raises:
            NotPermittedError: this process has none that lets it send such a message.
        """
        ...

    async def verify(
        self, message: AgentMessage[Any], envelope: Envelope, *, at: datetime | None = None
    ) -> Principal:
        """On whose behalf the message in `envelope` is to be handled.

        Whether its authority has expired is judged as of `at`, or of now.

        Raises:
            NotPermittedError: its authority is missing, forged, expired, another message's, or does
                not cover sending it.
            StoreError: the keys of its issuer cannot be had for now.
        """
        ...

    def attest(self, statement: bytes) -> Seal | None:
        """A signature over `statement` with this process's own key; None if it has none."""
        ...

    async def attested(self, statement: bytes, seal: Seal, *, name: str) -> bool:
        """Whether a service of that name has signed `statement` with `seal`, by a trusted key.

        Raises:
            StoreError: the keys of its issuer cannot be had for now.
        """
        ...
