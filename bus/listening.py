"""Own copies of notices, decoded: what `MessageBus.subscribe` yields.

*Guarantees*: a message is yielded whether or not it could be acknowledged. One that could not may
come a second time.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import structlog

from bus.clock import Clock
from bus.domain import codec
from bus.domain.message import AgentMessage, Registry
from bus.errors import MessageError, SettlementError, StoreError, TransportError
from bus.transport import Delivery

_log = structlog.get_logger(__name__)


async def decoded(
    deliveries: AsyncIterator[Delivery], registry: Registry, clock: Clock
) -> AsyncGenerator[AgentMessage[Any], None]:
    """The messages of `deliveries`, each acknowledged first; what cannot be decoded is skipped."""
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
        except MessageError as error:
            _log.debug("bus.message.skipped", topic=envelope.topic, error=str(error))
        else:
            yield message
