"""What one worker process runs: workers for some roles, perhaps an orchestrator, and their tools.

*Guarantees*: an order to cancel reaches running work at once and leaves a tombstone for work that
comes later; a circuit that opens in one process is known to all. Leaving the context drains every
role at the same time.
"""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from agents.circuit_breaker import CircuitBreakers, CircuitChange
from agents.dataset import DatasetCatalog
from agents.domain.call import CircuitChanged, ToolCalled
from agents.domain.identity import cancel_key
from agents.domain.request import AnalysisCancelled
from agents.domain.role import ORCHESTRATOR, role_group, task_topic
from agents.messages import REQUEST_TOPIC
from agents.orchestrator import Orchestrator
from agents.specialist import Panel
from agents.tool_gateway import ToolGateway
from agents.worker import Worker
from bus import (
    AgentMessage,
    Consumer,
    Handler,
    MessageBus,
    StoreError,
    TransportError,
    event_topic,
    task_group,
)

_log = structlog.get_logger(__name__)


class Service:
    """The running consumers of one process."""

    def __init__(self, bus: MessageBus) -> None:
        self.consumers: list[Consumer] = []
        self.orchestrator: Orchestrator | None = None
        self.breakers = CircuitBreakers(clock=bus.clock, listener=self._announce_change)
        self.gateway = ToolGateway(
            breakers=self.breakers, clock=bus.clock, record=self._record_call
        )
        self._bus = bus
        self._host = socket.gethostname()

    def stop(self) -> None:
        """Take no more work; a second call does not wait for what is running."""
        for consumer in self.consumers:
            consumer.stop()

    async def obey(self, orders: AsyncIterator[AgentMessage[Any]]) -> None:
        """Carry out orders to all processes until they end."""
        async for order in orders:
            if isinstance(order.content, AnalysisCancelled):
                await self._cancel(order)

    async def listen(self, changes: AsyncIterator[AgentMessage[Any]]) -> None:
        """Open our circuits as those of other processes open."""
        async for change in changes:
            changed = change.content
            if not isinstance(changed, CircuitChanged) or change.sender == self._bus.instance:
                continue
            if changed.after == "open":
                self.breakers[changed.name].share(changed.retry_after)

    async def _cancel(self, order: AgentMessage[AnalysisCancelled]) -> None:
        request_id = order.content.request_id
        _log.info("agents.analysis.cancelled", request=request_id)
        try:
            await self._bus.ledger.record(cancel_key(request_id), b"cancelled")
        except (StoreError, TransportError) as error:
            _log.warning("agents.tombstone.unrecorded", request=request_id, error=str(error))
        if self.orchestrator is not None:
            self.orchestrator.cancel(request_id)
        for consumer in self.consumers:
            if consumer.group != ORCHESTRATOR:
                consumer.cancel(request_id)

    async def _announce_change(self, change: CircuitChange) -> None:
        await self._bus.announce(
            CircuitChanged(
                name=change.name,
                before=change.before,
                after=change.after,
                retry_after=change.retry_after,
                host=self._host,
            ),
            sender=self._bus.instance,
        )

    async def _record_call(self, called: ToolCalled, cause: AgentMessage[Any]) -> None:
        await self._bus.announce(called, sender=called.caller, cause=cause)


@asynccontextmanager
async def serve_panel(
    bus: MessageBus,
    panel: Panel,
    *,
    catalog: DatasetCatalog,
    roles: Sequence[str],
    concurrency: int = 8,
    grace: float = 10.0,
) -> AsyncIterator[Service]:
    """Serve `roles`, of `panel` or the orchestrator, for as long as the context lasts.

    `concurrency` bounds the tasks per role, and the gathers in flight of an orchestrator.

    Raises:
        AgentUsageError: the panel has no such role.
    """
    service = Service(bus)
    async with AsyncExitStack() as stack:
        orders = await stack.enter_async_context(bus.subscribe("control.#"))
        changes = await stack.enter_async_context(
            bus.subscribe(event_topic(CircuitChanged.message_type))
        )
        listeners = await stack.enter_async_context(task_group())
        listening = [
            listeners.create_task(service.obey(orders), name="orders"),
            listeners.create_task(service.listen(changes), name="circuits"),
        ]
        stack.callback(lambda: [task.cancel() for task in listening])
        for role in roles:
            if role == ORCHESTRATOR:
                service.orchestrator = Orchestrator(
                    bus=bus, catalog=catalog, gateway=service.gateway, panel=panel
                )
                handler: Handler = service.orchestrator.handle
                topic, group = REQUEST_TOPIC, ORCHESTRATOR
            else:
                worker = Worker(
                    bus=bus, catalog=catalog, gateway=service.gateway, specialist=panel[role]
                )
                handler, topic, group = worker.handle, task_topic(role), role_group(role)
            service.consumers.append(
                await stack.enter_async_context(
                    bus.serve(topic, handler, group=group, concurrency=concurrency, grace=grace)
                )
            )
        stack.callback(service.stop)
        yield service
