"""What runs in the simulation keeps the contracts of the seams, as long as nothing fails.

So what is found there is found in the code, not in the world around it. Time is virtual here too.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from bus.dead_letter import DeadLetters
from bus.history import History
from bus.transport import Transport
from tests.contract import test_ledger, test_transport
from tests.simulation.broker import Broker
from tests.simulation.chance import KIND, Chance
from tests.simulation.faulty_transport import FaultyTransport
from tests.simulation.journal import Journal
from tests.simulation.memory_history import MemoryDeadLetters, MemoryHistory
from tests.simulation.memory_ledger import MemoryLedger
from tests.simulation.process import Process, Wire
from tests.simulation.trace import Trace
from tests.simulation.virtual_loop import VirtualClock, run_virtually
from tests.support.bus_under_test import fresh
from tests.support.clock import ManualClock


class SimulatedBus:
    """Implements `BusUnderTest` over the simulated broker."""

    def __init__(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        self._stack = stack
        self._chance = Chance(0, KIND)
        self._trace = Trace(loop)
        self._journal = Journal(loop)
        self._broker = Broker(clock=VirtualClock(loop), chance=self._chance, trace=self._trace)
        self._opened = 0

    async def transport(self) -> Transport:
        self._opened += 1
        process = Process(f"test{self._opened}", trace=self._trace)
        transport = FaultyTransport(
            process, self._broker, chance=self._chance, trace=self._trace, journal=self._journal
        )
        return await self._stack.enter_async_context(aclosing(transport))

    async def history(self) -> History:
        process = Process("reader", trace=self._trace)
        return MemoryHistory(self._broker, Wire(process, chance=self._chance, trace=self._trace))

    async def dead_letters(self) -> DeadLetters:
        return MemoryDeadLetters(self._broker)

    async def break_off(self, transport: Transport) -> None:
        assert isinstance(transport, FaultyTransport)
        transport.cut(3600.0)


def cases_of(module: ModuleType) -> Iterator[Any]:
    """Every asynchronous test of `module` with each combination of its parameters."""
    for name, function in vars(module).items():
        if not name.startswith("test_") or not inspect.iscoroutinefunction(function):
            continue
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        for values in product(*(mark.args[1] for mark in marks)):
            given = dict(zip((mark.args[0] for mark in marks), values, strict=True))
            yield pytest.param(function, given, id="-".join([name, *map(str, values)]))


@pytest.mark.parametrize(("contract", "given"), [*cases_of(test_transport)])
def test_the_simulated_transport(
    contract: Callable[..., Awaitable[None]], given: Mapping[str, object]
) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            bus = SimulatedBus(stack)
            offered = {
                "bus": bus,
                "transport": await bus.transport(),
                "other": await bus.transport(),
                "dead_letters": await bus.dead_letters(),
                "topic": fresh("work"),
                **given,
            }
            wanted = inspect.signature(contract).parameters
            await contract(**{name: offered[name] for name in wanted})

    run_virtually(main())


class AsyncLedger:
    """The simulated ledger as the contract calls it, over no wire at all."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        act = getattr(self._ledger, name, lambda: None)

        async def call(*arguments: Any, **options: Any) -> Any:
            return act(*arguments, **options)

        return call


@pytest.mark.parametrize(("contract", "given"), [*cases_of(test_ledger)])
def test_the_simulated_ledger(
    contract: Callable[..., Awaitable[None]], given: Mapping[str, object]
) -> None:
    clock = ManualClock()
    ledger = AsyncLedger(MemoryLedger(clock=clock))
    offered = {
        "ledger": ledger,
        "ledgers": (ledger, ledger),
        "clock": clock,
        "key": "task:1",
        **given,
    }
    wanted = inspect.signature(contract).parameters
    run_virtually(contract(**{name: offered[name] for name in wanted}))
