"""Who waits for which reply: one reply topic per process, shared by all its waiters.

*Guarantees*: a reply or Fault reaches the caller whose message caused it, and every collector of
its conversation; one that nobody waits for is dropped, since the record is the truth and a reply
only a hint.

*Source*: Hohpe & Woolf, "Enterprise Integration Patterns" (2003), Request-Reply and Correlation
Identifier.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog

from bus.domain.fault import Fault
from bus.domain.message import AgentMessage, MessageId
from bus.errors import RequestFaultedError

_BACKLOG: Final = 1024
"""Replies that a collector may leave unread before further ones are dropped."""

_log = structlog.get_logger(__name__)


class Requests:
    """Hands replies to those who wait for them."""

    def __init__(self) -> None:
        self._callers: dict[MessageId, asyncio.Future[AgentMessage[Any]]] = {}
        self._collectors: dict[str, list[asyncio.Queue[AgentMessage[Any]]]] = {}

    @contextmanager
    def expect(self, id: MessageId) -> Iterator[asyncio.Future[AgentMessage[Any]]]:
        """A future for the reply to the message `id`; a Fault becomes RequestFaultedError."""
        future = asyncio.get_running_loop().create_future()
        self._callers[id] = future
        try:
            yield future
        finally:
            del self._callers[id]
            future.cancel()

    @contextmanager
    def collect(self, correlation_id: str) -> Iterator[asyncio.Queue[AgentMessage[Any]]]:
        """A queue of every reply in that conversation, Faults included, in order of arrival."""
        queue: asyncio.Queue[AgentMessage[Any]] = asyncio.Queue(_BACKLOG)
        queues = self._collectors.setdefault(correlation_id, [])
        queues.append(queue)
        try:
            yield queue
        finally:
            queues.remove(queue)
            if not queues:
                del self._collectors[correlation_id]

    async def run(self, replies: AsyncIterator[AgentMessage[Any]]) -> None:
        """Hand out `replies` until they end."""
        async for message in replies:
            self._hand_out(message)

    def _hand_out(self, message: AgentMessage[Any]) -> None:
        caller = self._callers.get(message.causation_id) if message.causation_id else None
        if caller is not None and not caller.done():
            if isinstance(message.content, Fault):
                fault = message.content
                caller.set_exception(RequestFaultedError(fault.reason, fault.error))
            else:
                caller.set_result(message)
        for collector in self._collectors.get(message.correlation_id or "", ()):
            try:
                collector.put_nowait(message)
            except asyncio.QueueFull:
                _log.warning("bus.reply.dropped", correlation_id=message.correlation_id)
