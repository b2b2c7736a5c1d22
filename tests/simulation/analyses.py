"""`Analyses`: a panel shared among machines, and a client that asks it and may change its mind."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

from agents.analysis import PendingAnalysis, request_analysis
from agents.domain.request import (
    AnalysisCancelled,
    AnalysisRequested,
    DatasetReference,
    GatherPolicy,
)
from agents.domain.role import ORCHESTRATOR
from agents.messages import CANCEL_TOPIC, REGISTRY
from agents.service import serve_panel
from bus import (
    BusError,
    MessageBus,
    Registry,
    RequestFaultedError,
    RequestTimeoutError,
    UnroutableError,
)
from tests.simulation.chance import Chance
from tests.simulation.journal import Asked, Journal
from tests.simulation.panel import ROLES, ConstantCatalog, paid_panel
from tests.simulation.process import Process
from tests.simulation.trace import Trace

STRANGER: Final = "stranger"
"""A role that nobody ever serves."""


GRACE: Final = 2.0
"""Seconds that a process gives its handlers when it is told to stop."""


class Analyses:
    """Implements `Workload`: several requests, each on its own."""

    registry: ClassVar[Registry] = REGISTRY

    def __init__(self, chance: Chance, journal: Journal, trace: Trace) -> None:
        self._chance = chance
        self._journal = journal
        self._trace = trace
        self._loop = asyncio.get_running_loop()

    def draw_roles(self) -> list[list[str]]:
        """Every role and the orchestrator somewhere, some of them twice."""
        count = 2 + self._chance.below(2)
        served: list[list[str]] = [[] for _ in range(count)]
        for role in (ORCHESTRATOR, *ROLES):
            first = self._chance.below(count)
            served[first].append(role)
            if self._chance.is_so(0.5):
                served[(first + 1) % count].append(role)
        return [roles for roles in served if roles]

    def serve(
        self, bus: MessageBus, process: Process, roles: Sequence[str]
    ) -> AbstractAsyncContextManager[object]:
        panel = paid_panel(process, chance=self._chance, journal=self._journal, trace=self._trace)
        return serve_panel(bus, panel, catalog=ConstantCatalog(), roles=roles, grace=GRACE)

    async def ask(self, bus: MessageBus) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(1 + self._chance.below(3)):
                group.create_task(self._ask(bus))

    async def _ask(self, bus: MessageBus) -> None:
        await asyncio.sleep(self._chance.between(0.5, 15.0))
        request = self._draw_request()
        try:
            async with request_analysis(bus, request) as pending:
                asked = Asked()
                self._journal.asked[pending.request_id] = asked
                self._trace.note("client", "asked", pending.request_id[:6])
                if self._chance.is_so(0.2):
                    asyncio.get_running_loop().create_task(self._cancel(bus, pending.request_id))
                await self._wait(pending, asked)
        except UnroutableError:
            self._trace.note("client", "found nobody there")
        except BusError as error:
            self._trace.note("client", "could not ask", str(error))

    async def _wait(self, pending: PendingAnalysis, asked: Asked) -> None:
        while asked.ending is None:
            try:
                report = await pending.report()
            except RequestFaultedError as fault:
                asked.ending, asked.fault = "faulted", fault.reason
            except RequestTimeoutError:
                asked.ending = "timed_out"
            except BusError as error:  # the history was asked and did not answer
                self._trace.note("client", "asks again", str(error))
            else:
                asked.ending, asked.report = "reported", report.model_dump_json().encode()
        asked.ended_at = self._loop.time()
        self._trace.note("client", asked.ending, f"{pending.request_id[:6]} {asked.fault}")

    async def _cancel(self, bus: MessageBus, request_id: str) -> None:
        await asyncio.sleep(self._chance.between(0.0, 8.0))
        order = AnalysisCancelled(request_id=request_id)
        while True:
            try:
                await bus.publish(order, to=CANCEL_TOPIC)
            except BusError:
                await asyncio.sleep(0.5)
            else:
                self._trace.note("client", "cancelled", request_id[:6])
                return

    def _draw_request(self) -> AnalysisRequested:
        chance = self._chance
        panel = chance.some_of(ROLES, 1 + chance.below(len(ROLES)))
        if chance.is_so(0.05):
            panel.append(STRANGER)
        location = "no such data" if chance.is_so(0.05) else "data"
        return AnalysisRequested(
            question="What does it cost?",
            datasets=(DatasetReference(location=location),),
            panel=tuple(panel),
            gather=GatherPolicy(
                task_timeout=chance.between(5.0, 60.0), absent_timeout=chance.between(1.0, 30.0)
            ),
            deadline=chance.between(2.0, 20.0)
            if chance.is_so(0.2)
            else chance.between(60.0, 120.0),
        )
