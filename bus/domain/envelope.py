"""`Envelope`: a message as transports see it, bytes with an address and marks beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from bus.domain.topic import is_transient
from bus.errors import NotPermittedError

Headers: TypeAlias = Mapping[str, str]

TOKEN_HEADER: Final = "convener-token"  # noqa: S105  (a name, not a token)
"""The authority a message travels under; stripped before anything is recorded or parked."""

CARBON_COPIES: Final = ("CC", "BCC")
"""Headers by which a publisher reaches queues that topic permissions keep from it (RabbitMQ)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message on its way.

    `body` is the event; `id`, `message_type`, `correlation_id` and `reply_to` mirror it so that a
    transport never needs to decode. On receipt from a foreign client the mirrors may be empty, and
    the event in `body` is what counts. `topic` is the name of one queue instead of a topic where
    `direct` is set.
    """

    topic: str
    body: bytes
    id: str = ""
    message_type: str = ""
    correlation_id: str | None = None
    reply_to: str | None = None
    headers: Headers = field(default_factory=lambda: MappingProxyType({}))
    direct: bool = False

    @property
    def is_transient(self) -> bool:
        """Whether it is sent without confirmation or record."""
        return not self.direct and is_transient(self.topic)

    def without_token(self) -> "Envelope":
        """The same envelope without the authority it travelled under."""
        if TOKEN_HEADER not in self.headers:
            return self
        kept = {name: value for name, value in self.headers.items() if name != TOKEN_HEADER}
        return replace(self, headers=kept)


def at_reply_address(envelope: Envelope, echo: str | None) -> Envelope:
    """`envelope` on its way to a reply address: a reply topic of ours, or a foreign client's queue.

    A foreign client finds `echo`, its own AMQP correlation id, on the reply.

    Raises:
        NotPermittedError: the address names a queue of the bus.
    """
    if envelope.topic.startswith("reply."):
        return envelope
    if envelope.topic.startswith("convener"):
        raise NotPermittedError(
            f"{envelope.topic!r} is no reply address: name a queue of your own."
        )
    return replace(envelope, direct=True, correlation_id=echo or envelope.correlation_id)
