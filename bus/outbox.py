"""`Outbox`: what one process says is composed, encoded, signed and handed to the transport here."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from bus.authority import Authority
from bus.clock import Clock
from bus.consumer import Received
from bus.domain import codec
from bus.domain.authority import Principal
from bus.domain.envelope import Envelope, at_reply_address
from bus.domain.message import AgentMessage, MessageId, Payload, Registry, Scalar
from bus.errors import MessageError
from bus.transport import Transport

P = TypeVar("P", bound=Payload)


class Outbox:
    """Sends under `authority`; what gives no other sender is signed with `name`."""

    def __init__(
        self,
        transport: Transport,
        *,
        authority: Authority,
        registry: Registry,
        name: str,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._authority = authority
        self._registry = registry
        self._name = name
        self._clock = clock

    def compose(
        self,
        content: P,
        *,
        to: str,
        sender: str | None = None,
        cause: AgentMessage[Any] | None = None,
        reply_to: str | None = None,
        expires_at: datetime | None = None,
        metadata: Mapping[str, Scalar] | None = None,
        id: MessageId | None = None,
        timestamp: datetime | None = None,
    ) -> AgentMessage[P]:
        """The message; with a `cause` it is part of that one's conversation."""
        return AgentMessage(
            id=id or MessageId(str(uuid4())),
            sender=sender or self._name,
            recipient=to,
            content=content,
            timestamp=timestamp or self._clock.now(),
            metadata=metadata or {},
            correlation_id=cause.conversation if cause else None,
            causation_id=cause.id if cause else None,
            reply_to=reply_to,
            expires_at=expires_at,
            traceparent=cause.traceparent if cause else None,
        )

    async def send(
        self, message: AgentMessage[Any], *, on_behalf_of: Principal | None = None
    ) -> None:
        """Publish `message`; raises as `MessageBus.publish` does."""
        envelope = self._authority.signed(codec.seal(message), message, on_behalf_of=on_behalf_of)
        await self._transport.publish(envelope)

    async def reply(self, message: AgentMessage[Any], echo: str | None) -> None:
        """Publish `message` to a reply address; raises as `MessageBus.reply` does."""
        envelope = self._authority.signed(codec.seal(message), message)
        await self._transport.publish(at_reply_address(envelope, echo))

    async def answer(self, received: Received, content: Payload) -> None:
        """Publish `content` to where an answer to what was received is awaited, if anywhere."""
        if received.reply_to is None:
            return
        message = self.compose(content, to=received.reply_to, cause=received.message)
        if received.message is None:
            message = replace(
                message,
                causation_id=received.id or None,
                correlation_id=received.envelope.correlation_id,
            )
        await self.reply(message, received.envelope.correlation_id)

    def signed_anew(self, envelope: Envelope) -> Envelope:
        """An envelope from somebody else, under the authority of this process.

        One that cannot be decoded stays as it is: whoever gets it decides.

        Raises:
            NotPermittedError: this process may not send such a message.
        """
        try:
            event = codec.parse(envelope.body)
            message = codec.decode(
                event, self._registry, topic=envelope.topic, now=self._clock.now()
            )
        except MessageError:
            return envelope
        return self._authority.signed(envelope, message)
