"""Own copies of notices, decoded and verified: what `MessageBus.subscribe` and `listen` yield.

*Guarantees*: a message is yielded whether or not it could be acknowledged; one that could not may
come a second time. What was addressed elsewhere, or whose authority does not hold, is not yielded.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import structlog

from bus.auditing.audit import Audit
from bus.authority import Authority
from bus.clock import Clock
from bus.domain import codec
from bus.domain.addressing import refuse_misdirected
from bus.domain.authority import Principal
from bus.domain.envelope import Envelope
from bus.domain.message import AgentMessage, Registry
from bus.errors import (
    MessageError,
    NotPermittedError,
    SettlementError,
    StoreError,
    TransportError,
)
from bus.transport import Delivery

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and on whose behalf it was sent; nobody's if it is transient."""

    message: AgentMessage[Any]
    principal: Principal | None


async def heard(
    deliveries: AsyncIterator[Delivery],
    pattern: str,
    registry: Registry,
    authority: Authority,
    clock: Clock,
    audit: Audit,
) -> AsyncGenerator[Heard, None]:
    """The messages of `deliveries` to `pattern`, each acknowledged first.

    What cannot be decoded is skipped.
    """
    async for delivery in deliveries:
        envelope = delivery.envelope
        try:
            await delivery.ack()
        except SettlementError:
            _log.debug("bus.delivery.lost", topic=envelope.topic)
        except (TransportError, StoreError) as error:
            _log.warning("bus.settlement.failed", error=str(error))
        try:
            event = codec.parse(envelope.body)
            message = codec.decode(event, registry, topic=envelope.topic, now=clock.now())
            refuse_misdirected(message, envelope, pattern=pattern)
            principal = None
            if not envelope.is_transient:
                principal = await authority.verify(message, envelope)
        except MessageError as error:
            _log.debug("bus.message.skipped", topic=envelope.topic, error=str(error))
        except NotPermittedError as error:
            _log.warning("bus.message.refused", topic=envelope.topic, error=str(error))
            await _note_refusal(audit, envelope, error)
        except StoreError as error:
            _log.warning("bus.message.refused", topic=envelope.topic, error=str(error))
        else:
            yield Heard(message, principal)


async def _note_refusal(audit: Audit, envelope: Envelope, error: NotPermittedError) -> None:
    """Have it recorded with what is recorded next; at once only where much waits for that."""
    if audit.is_full:
        try:
            await audit.flush()
        except (TransportError, StoreError, NotPermittedError) as outage:
            _log.warning("bus.audit.unnoted", message_id=envelope.id, error=str(outage))
            return
    audit.note("listen", envelope=envelope, denial=error)
