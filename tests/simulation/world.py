"""`run_world`: one run of a few processes, a client and faults, from one seed to its end.

What the processes do and the client asks for is the `Workload`. Faults befall everybody until
`CALM_AT`; then the world is kind, every process lives, and what was accepted must come to its end.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from bus import MessageBus, Registry, TrustingAuthority, task_group
from tests.simulation.broker import NOTICE, Broker
from tests.simulation.chance import Chance, FaultProfile
from tests.simulation.faulty_transport import FaultyTransport
from tests.simulation.journal import Journal
from tests.simulation.memory_history import MemoryDeadLetters, MemoryHistory
from tests.simulation.memory_ledger import FaultyLedger, MemoryLedger
from tests.simulation.process import Process, Wire, adopting_tasks
from tests.simulation.reproducible import reproducible
from tests.simulation.trace import Trace
from tests.simulation.variant import RIGHT, Variant
from tests.simulation.virtual_loop import VirtualClock, run_virtually

CALM_AT: Final = 40.0
"""Seconds for which faults befall the world."""

END: Final = 600.0
"""Seconds after which a world that has not come to rest counts as stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that can be known of a run once it is over."""

    seed: int
    profile: FaultProfile
    journal: Journal
    broker: Broker
    ledger: MemoryLedger
    trace: Trace


def run_world(
    seed: int,
    *,
    workload: type["Workload"],
    variant: Variant = RIGHT,
    profile: FaultProfile | None = None,
    has_log: bool = False,
) -> Outcome:
    """The run of `seed`; `has_log` puts the code's own log lines into the trace."""
    log: list[Trace] = []

    def tell(line: str) -> None:
        for trace in log:
            trace.note("", "log", line)

    async def main() -> Outcome:
        world = World(seed, workload, variant, profile)
        log.append(world.trace)
        return await world.run()

    try:
        with reproducible(seed, tell if has_log else None):
            return run_virtually(main())
    except Exception as error:
        error.add_note(f"This was the run of seed {seed}.")
        raise


class Workload(Protocol):
    """What processes do and clients want of them."""

    registry: ClassVar[Registry]

    def __init__(self, chance: Chance, journal: Journal, trace: Trace) -> None: ...

    def draw_roles(self) -> list[list[str]]:
        """What each machine serves, one entry per machine."""
        ...

    def serve(
        self, bus: MessageBus, process: Process, roles: Sequence[str]
    ) -> AbstractAsyncContextManager[object]:
        """Be a process that serves `roles`."""
        ...

    async def ask(self, bus: MessageBus) -> None:
        """Be the client; returns once nothing is awaited any more."""
        ...


class World:
    """Everything that outlives processes, and the machines that they run on."""

    def __init__(
        self,
        seed: int,
        workload: type["Workload"],
        variant: Variant,
        profile: FaultProfile | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(adopting_tasks)
        loop.set_exception_handler(self._note_unhandled)
        self.trace = Trace(loop)
        self._seed = seed
        self._loop = loop
        self._variant = variant
        self._chance = Chance(seed, profile)
        self._clock = VirtualClock(loop)
        self._journal = Journal(loop)
        self._workload = workload(self._chance, self._journal, self.trace)
        self._broker = Broker(clock=self._clock, chance=self._chance, trace=self.trace)
        self._ledger = MemoryLedger(clock=self._clock)

    async def run(self) -> Outcome:
        """Live through it."""
        self.trace.note("world", "begins", str(self._chance.profile))
        self._loop.call_later(CALM_AT, self._calm_down)
        async with asyncio.TaskGroup() as group:
            machines = [
                Machine(f"host{number}", self, roles)
                for number, roles in enumerate(self._workload.draw_roles(), start=1)
            ]
            running = [group.create_task(machine.run()) for machine in machines]
            try:
                async with asyncio.timeout(END):
                    await self._serve_client()
                    await self._come_to_rest()
            except TimeoutError:
                self._journal.note_accident(f"The world did not come to rest in {END:g} s.")
            for machine in machines:
                machine.close()
            await asyncio.wait(running)
        return Outcome(
            seed=self._seed,
            profile=self._chance.profile,
            journal=self._journal,
            broker=self._broker,
            ledger=self._ledger,
            trace=self.trace,
        )

    async def _come_to_rest(self) -> None:
        """Returns once nothing waits, and whoever lost a delivery has had time to hear of it."""
        quiet = 0.0
        while quiet <= NOTICE:
            await asyncio.sleep(1.0)
            quiet = quiet + 1.0 if self._broker.is_empty else 0.0

    # What machines need

    @property
    def chance(self) -> Chance:
        return self._chance

    @property
    def journal(self) -> Journal:
        return self._journal

    async def _open_bus(
        self, stack: AsyncExitStack, process: Process
    ) -> tuple[MessageBus, FaultyTransport]:
        """The bus as `process` has it, as `bus.connect` puts it together."""
        transport = FaultyTransport(
            process,
            self._broker,
            chance=self._chance,
            trace=self.trace,
            journal=self._journal,
        )
        ledger = FaultyLedger(
            process,
            self._ledger,
            chance=self._chance,
            trace=self.trace,
            journal=self._journal,
        )
        await stack.enter_async_context(aclosing(transport))
        bus = self._variant.bus(
            transport=self._variant.transport(transport),
            history=MemoryHistory(
                self._broker, Wire(process, chance=self._chance, trace=self.trace)
            ),
            ledger=self._variant.ledger(ledger, process),
            dead_letters=MemoryDeadLetters(self._broker),
            registry=self._workload.registry,
            name="convener",
            clock=self._clock,
            authority=TrustingAuthority(),
            tasks=await stack.enter_async_context(task_group()),
        )
        return await stack.enter_async_context(aclosing(bus)), transport

    async def serve(self, process: Process, roles: Sequence[str], stopping: asyncio.Event) -> None:
        """Be a worker process for `roles` until told to stop."""
        async with AsyncExitStack() as stack:
            bus, transport = await self._open_bus(stack, process)
            self._befall(process, transport)
            if self._chance.happens(self._chance.profile.dead_letterbox):
                self._journal.dead_letterboxes.add(bus.reply_topic)
            await stack.enter_async_context(self._workload.serve(bus, process, roles))
            self.trace.note(process.name, "serves", " ".join(roles))
            await stopping.wait()
            self._journal.note_stop(process.name)
            self.trace.note(process.name, "is told to stop")

    # Clients

    async def _serve_client(self) -> None:
        process = Process("client", trace=self.trace, is_mortal=False)
        await process.start(self._ask(process))

    async def _ask(self, process: Process) -> None:
        async with AsyncExitStack() as stack:
            bus, transport = await self._open_bus(stack, process)
            self._befall(process, transport)
            await self._workload.ask(bus)

    # Faults

    def _befall(self, process: Process, transport: FaultyTransport) -> None:
        """Have connection and leases of `process` fail from time to time, from now on."""
        chance, profile = self._chance, self._chance.profile

        def cut() -> None:
            if process.is_alive and not chance.calm:
                transport.cut(chance.between(0.1, 5.0))
                self._loop.call_later(chance.until_next(profile.cut), cut)

        def expire() -> None:
            if process.is_alive and not chance.calm:
                self._broker.expire(process)
                self._loop.call_later(chance.until_next(profile.expired), expire)

        if profile.cut:
            self._loop.call_later(chance.until_next(profile.cut), cut)
        if profile.expired and process.is_mortal:
            self._loop.call_later(chance.until_next(profile.expired), expire)

    def _note_unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._journal.note_accident(f"Nobody handled this: {context['message']}: {error!r}")

    def _calm_down(self) -> None:
        self.trace.note("world", "calms down")
        self._chance.calm = True


class Machine:
    """Starts its process again whenever it has ended, until closed."""

    def __init__(self, name: str, world: World, roles: Sequence[str]) -> None:
        self._name = name
        self._world = world
        self._roles = roles
        self._stopping = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """Let the last life come to its end."""
        self._is_closed = True
        self._stopping.set()

    async def run(self) -> None:
        """One life after the other."""
        lives = 0
        while not self._is_closed:
            lives += 1
            await self._live(f"{self._name}.{lives}")
            if not self._is_closed:
                await asyncio.sleep(self._world.chance.between(0.0, 8.0))

    async def _live(self, name: str) -> None:
        world, self._stopping = self._world, asyncio.Event()
        if self._is_closed:
            return
        process = Process(name, trace=world.trace)
        process.on_death.append(lambda: world.journal.note_death(name))
        main = process.start(world.serve(process, self._roles, self._stopping))
        self._plan_fate(process, self._stopping)
        await asyncio.wait({main})
        if process.is_alive and not main.cancelled() and main.exception() is not None:
            error = main.exception()
            world.trace.note(name, "ENDS BY ITSELF", repr(error))
            world.journal.note_accident(f"{name} ended by itself: {error!r}")
            process.die()
        if not process.is_alive:
            await process.bury()

    def _plan_fate(self, process: Process, stopping: asyncio.Event) -> None:
        chance, loop = self._world.chance, asyncio.get_running_loop()

        def stop() -> None:
            if not chance.calm:
                stopping.set()

        if chance.profile.stopped:
            loop.call_later(chance.until_next(chance.profile.stopped), stop)
        if chance.profile.dies:
            loop.call_later(chance.until_next(chance.profile.dies), self._strike, process)

    def _strike(self, process: Process) -> None:
        if process.is_mortal and not self._world.chance.calm:
            process.die()
