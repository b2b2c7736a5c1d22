"""A consumer that acknowledges a message before it has handled it: a kill loses the message."""

from bus.consumer import Consumer, Received
from bus.domain.settlement import Outcome
from tests.fault.kill_harness.panel import PANEL

__all__ = ["PANEL"]

_handle = Consumer._outcome


async def _acknowledge_and_handle(self: Consumer, received: Received) -> Outcome:
    await received.delivery.ack()
    return await _handle(self, received)


Consumer._outcome = _acknowledge_and_handle
