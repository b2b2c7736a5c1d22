"""Authority: on whose behalf a message is handled, and what that covers.

*Not here*: how a token is issued or checked. A `Verify` function given to the bus does that and
returns the principal; the bus calls it before any handler sees the message.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from bus.domain.envelope import Envelope
from bus.domain.message import AgentMessage

PERMISSIONS: Final = frozenset({"read_data", "execute_queries", "write_data", "admin_operations"})
"""Everything that a tool can need; a principal's scopes are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, and the scopes they hold. Scopes can be narrowed, never widened."""

    subject: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether `scope` is covered."""
        return scope in self.scopes

    def narrowed(self, scopes: Collection[str]) -> "Principal":
        """The same subject with only those of its scopes that are also in `scopes`."""
        return replace(self, scopes=self.scopes & frozenset(scopes))


Verify: TypeAlias = Callable[[AgentMessage[Any], Envelope], Awaitable[Principal]]
"""The principal of a message and the envelope that it came in; raises NotPermittedError."""

LOCAL_USER: Final = Principal(subject="local", scopes=PERMISSIONS)


async def trust_local_user(message: AgentMessage[Any], envelope: Envelope) -> Principal:
    """The `Verify` of a bus that only its own user can reach: that user may do everything."""
    return LOCAL_USER
