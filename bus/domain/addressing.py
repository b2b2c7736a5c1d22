"""Whether a message came where it is addressed to, or by a way round that."""

from typing import Any

from bus.domain.envelope import CARBON_COPIES, Envelope
from bus.domain.message import AgentMessage
from bus.domain.topic import matches
from bus.errors import NotPermittedError


def refuse_misdirected(message: AgentMessage[Any], envelope: Envelope, *, pattern: str) -> None:
    """Refuse what reached a subscriber of `pattern` round its address, such as by a carbon copy.

    Raises:
        NotPermittedError: it did.
    """
    if any(name in envelope.headers for name in CARBON_COPIES):
        raise NotPermittedError("It asks for carbon copies, which are not accepted.")
    if not (matches(pattern, envelope.topic) and matches(pattern, message.recipient)):
        raise NotPermittedError(
            f"It is addressed to {message.recipient!r} and was published to "
            f"{envelope.topic!r}, not to {pattern!r}."
        )
