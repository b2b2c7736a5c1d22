"""What one worker process runs: workers for some roles, perhaps an orchestrator, and their tools.

*Guarantees*: an order to cancel reaches running work at once and leaves a tombstone for work that
comes later; a circuit that opens in one process is known to all, and an order to set one is carried
out by every process that runs. Leaving the context drains every role at the same time.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog

from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreaker, CircuitBreakers, CircuitChange
from agents.calling.tool_gateway import ToolGateway
from agents.dataset import DatasetCatalog
from agents.domain.breaker import ForcedCircuit
from agents.domain.call import CircuitChanged, ModelCalled, ToolCalled
from agents.domain.circuit import CircuitForced, CircuitsAsked, CircuitsShown
from agents.domain.identity import cancel_key
from agents.domain.request import AnalysisCancelled
from agents.domain.role import ORCHESTRATOR, role_group, task_topic
from agents.examination.worker import Worker
from agents.messages import REQUEST_TOPIC
from agents.orchestration.orchestrator import Orchestrator
from agents.persistence import persistently
from agents.reasoning.model_gateway import ModelGateway
from agents.reasoning.reasoning import ModelKit, Reasoning
from agents.specialist import Panel
from bus import (
    AgentMessage,
    BusError,
    Consumer,
    Handler,
    Heard,
    Late,
    MessageBus,
    NotPermittedError,
    Principal,
    StoreError,
    TransportError,
    event_topic,
    task_group,
)

UNTOLD: Final = 1024
"""Changes of circuits that may wait to be told before further ones are dropped."""

TOMBSTONE_TIME: Final = 10.0
"""Seconds for which a tombstone is tried to be recorded while the ledger is out of reach."""

_log = structlog.get_logger(__name__)


class Service:
    """The running consumers of one process."""

    def __init__(self, bus: MessageBus, *, cache: ResponseCache, kit: ModelKit | None) -> None:
        self.consumers: list[Consumer] = []
        self.orchestrator: Orchestrator | None = None
        self.breakers = CircuitBreakers(clock=bus.clock, listener=self._note_change)
        self.gateway = ToolGateway(
            breakers=self.breakers,
            cache=cache,
            clock=bus.clock,
            record=self._record_call,
            audit=bus.audit,
        )
        self.reasoning = None if kit is None else self._reasoning(bus, cache, kit)
        self._bus = bus
        self._host = socket.gethostname()
        self._untold: asyncio.Queue[CircuitChange] = asyncio.Queue(UNTOLD)

    def stop(self) -> None:
        """Take no more work; what is running has its grace, however often this is called."""
        for consumer in self.consumers:
            consumer.stop()

    def hurry(self) -> None:
        """Take no more work, and hand back what is running."""
        for consumer in self.consumers:
            consumer.hurry()

    async def obey(self, orders: AsyncIterator[Heard]) -> None:
        """Carry out orders to all processes until they end."""
        async for heard in orders:
            order = heard.message
            match order.content:
                case AnalysisCancelled(request_id=id) if heard.principal is not None:
                    if await self._record_order(heard, "cancel", request=id):
                        await self._cancel(order, heard.principal)
                case CircuitForced(name=name, circuit=circuit):
                    if await self._record_order(heard, f"circuit:{circuit}:{name}"):
                        await self._show(order, self._force(name, circuit))
                case CircuitsAsked():
                    await self._show(order, self.breakers)

    async def listen(self, changes: AsyncIterator[AgentMessage[Any]]) -> None:
        """Let our circuits follow those of other processes."""
        async for change in changes:
            changed = change.content
            if isinstance(changed, CircuitChanged) and change.sender != self._bus.instance:
                self.breakers.follow(
                    CircuitChange(
                        name=changed.name,
                        before=changed.before,
                        after=changed.after,
                        retry_after=changed.retry_after,
                    )
                )

    async def tell(self) -> None:
        """Tell other processes, in order, how our circuits change."""
        while True:
            change = await self._untold.get()
            changed = CircuitChanged(
                name=change.name,
                before=change.before,
                after=change.after,
                retry_after=change.retry_after,
                host=self._host,
            )
            try:
                await self._bus.announce(changed, sender=self._bus.instance)
            except BusError as error:
                _log.warning("agents.circuit.untold", name=change.name, error=str(error))

    async def _record_order(self, order: Heard, action: str, *, request: str = "") -> bool:
        """Have it in the audit that the order is carried out; if it cannot be, it is not."""
        audit = self._bus.audit
        audit.note(action, order.message, principal=order.principal, request=request)
        try:
            await persistently(audit.flush, clock=self._bus.clock, seconds=TOMBSTONE_TIME)
        except (StoreError, TransportError, NotPermittedError) as error:
            _log.warning("agents.order.unrecorded", action=action, error=str(error))
            return False
        return True

    def _force(self, name: str, circuit: ForcedCircuit) -> Sequence[CircuitBreaker]:
        """The breaker of that name, put to `circuit`; none if there is nothing to reset."""
        if circuit == "closed" and self.breakers.get(name) is None:
            return ()
        breaker = self.breakers[name]
        breaker.force(circuit)
        return (breaker,)

    async def _show(self, order: AgentMessage[Any], breakers: Iterable[CircuitBreaker]) -> None:
        circuits = sorted((each.snapshot() for each in breakers), key=lambda each: each.name)
        shown = CircuitsShown(host=self._host, process=os.getpid(), circuits=tuple(circuits))
        try:
            await self._bus.reply(order, shown, sender=self._bus.instance)
        except BusError as error:
            _log.warning("agents.circuits.unshown", error=str(error))

    async def _cancel(self, order: AgentMessage[AnalysisCancelled], by: Principal) -> None:
        request_id = order.content.request_id
        _log.info("agents.analysis.cancelled", request=request_id)
        if self.orchestrator is not None:
            self.orchestrator.cancel(request_id, by)
        for consumer in self.consumers:
            if consumer.group != ORCHESTRATOR:
                consumer.cancel(request_id, by=by)
        key = cancel_key(request_id, "" if by.may("admin_operations") else by.subject)
        try:
            await persistently(
                lambda: self._bus.ledger.record(key, b"cancelled"),
                clock=self._bus.clock,
                seconds=TOMBSTONE_TIME,
            )
        except (StoreError, TransportError) as error:
            _log.warning("agents.tombstone.unrecorded", request=request_id, error=str(error))

    def _note_change(self, change: CircuitChange) -> None:
        try:
            self._untold.put_nowait(change)
        except asyncio.QueueFull:
            _log.warning("agents.circuit.untold", name=change.name)

    def _reasoning(self, bus: MessageBus, cache: ResponseCache, kit: ModelKit) -> Reasoning:
        gateway = ModelGateway(
            model=kit.model,
            cache=cache,
            throttle=kit.throttle,
            breakers=self.breakers,
            prices=kit.prices,
            clock=bus.clock,
            record=self._record_call,
        )
        return Reasoning(bus=bus, gateway=gateway, prompts=kit.prompts)

    async def _record_call(
        self, called: ToolCalled | ModelCalled, cause: AgentMessage[Any]
    ) -> None:
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
    cache: ResponseCache | None = None,
    kit: ModelKit | None = None,
) -> AsyncIterator[Service]:
    """Serve `roles`, of `panel` or the orchestrator, for as long as the context lasts.

    `concurrency` bounds the tasks per role, and the gathers in flight of an orchestrator. Without a
    `cache` answers are kept in the memory of this process; without a `kit` no model is used.

    Raises:
        AgentUsageError: the panel has no such role.
    """
    cache = cache or ResponseCache(store=None, clock=bus.clock)
    service = Service(bus, cache=cache, kit=kit)
    async with AsyncExitStack() as stack:
        orders = await stack.enter_async_context(bus.listen("control.#"))
        changes = await stack.enter_async_context(
            bus.subscribe(event_topic(CircuitChanged.message_type))
        )
        listeners = await stack.enter_async_context(task_group())
        listening = [
            listeners.create_task(service.obey(orders), name="orders"),
            listeners.create_task(service.listen(changes), name="circuits"),
            listeners.create_task(service.tell(), name="circuits told"),
        ]
        stack.callback(lambda: [task.cancel() for task in listening])
        for role in roles:
            if role == ORCHESTRATOR:
                service.orchestrator = Orchestrator(
                    bus=bus,
                    catalog=catalog,
                    gateway=service.gateway,
                    panel=panel,
                    reasoning=service.reasoning,
                )
                handler: Handler = service.orchestrator.handle
                late: Late | None = service.orchestrator.answer_late
                topic, group = REQUEST_TOPIC, ORCHESTRATOR
            else:
                worker = Worker(
                    bus=bus,
                    catalog=catalog,
                    gateway=service.gateway,
                    specialist=panel[role],
                    reasoning=service.reasoning,
                )
                handler, late = worker.handle, None
                topic, group = task_topic(role), role_group(role)
            service.consumers.append(
                await stack.enter_async_context(
                    bus.serve(
                        topic,
                        handler,
                        group=group,
                        concurrency=concurrency,
                        grace=grace,
                        late=late,
                        outlives_delivery=role != ORCHESTRATOR,
                    )
                )
            )
        stack.callback(service.stop)
        yield service
