"""What the simulation has found in the bus, each as the smallest case that shows it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from bus import (
    AgentMessage,
    BusError,
    ConnectionLostError,
    Context,
    Fault,
    MessageBus,
    NotPermittedError,
    Payload,
    Registry,
    RetryPolicy,
    StoreLockedError,
    TrustingAuthority,
    task_group,
)
from bus.domain.envelope import Envelope
from bus.transport import Delivery, Subscription, Transport
from tests.simulation.broker import Broker
from tests.simulation.chance import KIND, Chance
from tests.simulation.faulty_transport import FaultyTransport
from tests.simulation.journal import Journal
from tests.simulation.memory_history import MemoryDeadLetters, MemoryHistory
from tests.simulation.memory_ledger import FaultyLedger, MemoryLedger
from tests.simulation.process import Process, Wire
from tests.simulation.trace import Trace
from tests.simulation.virtual_loop import VirtualClock, run_virtually

POLICY = RetryPolicy(max_attempts=4)


class Asked(Payload):
    message_type = "test.question.asked.v1"


class FailsAtFirst:
    """A transport on which the first faults cannot be published, nor own copies acknowledged."""

    def __init__(self, transport: Transport, *errors: BusError) -> None:
        self._transport = transport
        self._errors = list(errors)
        self.consumers, self.aclose = transport.consumers, transport.aclose
        self.tries = 0

    async def publish(self, envelope: Envelope) -> None:
        if envelope.message_type == Fault.message_type:
            self.tries += 1
            if self._errors:
                raise self._errors.pop(0)
        await self._transport.publish(envelope)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with self._transport.subscribe(subscription) as deliveries:
            if subscription.group:
                yield deliveries
                return
            async with aclosing(_never_acknowledged(deliveries)) as unacknowledged:
                yield unacknowledged


async def _never_acknowledged(
    deliveries: AsyncIterator[Delivery],
) -> AsyncGenerator[Delivery, None]:
    async def ack() -> None:
        raise StoreLockedError("Another process holds the bus.")

    async for delivery in deliveries:
        delivery.ack = ack
        yield delivery


async def fail(message: AgentMessage[Asked], context: Context) -> None:
    raise KeyError("no such thing")


class Stage:
    """A bus on the simulated broker; `transport` fails at first with the errors given."""

    def __init__(self, stack: AsyncExitStack, *errors: BusError) -> None:
        loop = asyncio.get_running_loop()
        self._stack = stack
        self._chance, self._trace, self._journal = Chance(0, KIND), Trace(loop), Journal(loop)
        self._clock = VirtualClock(loop)
        self._process = Process("test", trace=self._trace)
        self.broker = Broker(clock=self._clock, chance=self._chance, trace=self._trace)
        self.wire = FaultyTransport(
            self._process,
            self.broker,
            chance=self._chance,
            trace=self._trace,
            journal=self._journal,
        )
        self.transport = FailsAtFirst(self.wire, *errors)

    async def bus(self) -> MessageBus:
        await self._stack.enter_async_context(aclosing(self.wire))
        wire = Wire(self._process, chance=self._chance, trace=self._trace)
        bus = MessageBus(
            transport=self.transport,
            history=MemoryHistory(self.broker, wire),
            ledger=FaultyLedger(
                self._process,
                MemoryLedger(clock=self._clock),
                chance=self._chance,
                trace=self._trace,
                journal=self._journal,
            ),
            dead_letters=MemoryDeadLetters(self.broker),
            registry=Registry(Asked),
            name="tester",
            clock=self._clock,
            authority=TrustingAuthority(),
            tasks=await self._stack.enter_async_context(task_group()),
        )
        return await self._stack.enter_async_context(aclosing(bus))

    async def park_one(self, bus: MessageBus) -> None:
        """Serve a handler that fails until it has parked a message that awaits an answer."""
        async with bus.serve("questions", fail, group="answerers", policy=POLICY):
            await bus.publish(Asked(), to="questions", reply_to="reply.nobody")
            while not self.broker.parked:
                await asyncio.sleep(0.1)

    @property
    def faults(self) -> int:
        """How many faults were accepted."""
        return sum(
            envelope.message_type == Fault.message_type for _, envelope in self.broker.accepted
        )


def lost(count: int) -> list[BusError]:
    return [ConnectionLostError("The connection broke.") for _ in range(count)]


def test_a_fault_that_cannot_be_sent_at_first_is_sent_before_its_message_is_parked() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            stage = Stage(stack, *lost(POLICY.max_attempts - 1))
            await stage.park_one(await stage.bus())
            assert (stage.faults, stage.transport.tries) == (1, POLICY.max_attempts)

    run_virtually(main())


def test_a_message_is_parked_in_the_end_although_nobody_can_be_told() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            stage = Stage(stack, *lost(100))
            await stage.park_one(await stage.bus())
            assert (stage.faults, stage.transport.tries) == (0, POLICY.max_attempts)

    run_virtually(main())


def test_a_fault_that_is_refused_for_good_is_not_tried_again() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            stage = Stage(stack, NotPermittedError("That is no address."))
            await stage.park_one(await stage.bus())
            assert stage.transport.tries == 1

    run_virtually(main())


def test_a_process_that_stops_does_not_wait_to_tell() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stage = Stage(stack, *lost(100))
            bus = await stage.bus()
            async with bus.serve("questions", fail, group="answerers", policy=POLICY) as consumer:
                await bus.publish(Asked(), to="questions", reply_to="reply.nobody")
                while not stage.transport.tries:
                    await asyncio.sleep(0.01)
                consumer.stop()
                stopped_at = loop.time()
            assert stage.broker.parked
            assert loop.time() - stopped_at < 0.2

    run_virtually(main())


def test_whoever_gets_the_message_next_tells_when_the_delivery_is_lost_meanwhile() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            stage = Stage(stack, *lost(1))
            bus = await stage.bus()
            async with bus.serve("questions", fail, group="answerers", policy=POLICY):
                await bus.publish(Asked(), to="questions", reply_to="reply.nobody")
                while not stage.transport.tries:
                    await asyncio.sleep(0.001)
                stage.wire.cut(0.1)
                while not stage.broker.parked:
                    await asyncio.sleep(0.1)
            assert (stage.faults, len(stage.broker.parked)) == (1, 1)

    run_virtually(main())


def test_a_notice_that_cannot_be_acknowledged_is_heard_and_the_next_one_too() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            bus = await Stage(stack).bus()
            async with bus.subscribe("event.#") as events:
                sent = [await bus.publish(Asked(), to="event.question.asked") for _ in range(2)]
                heard = [await anext(events), await anext(events)]
            assert [message.id for message in heard] == [message.id for message in sent]

    run_virtually(main())
