"""Somebody who asks a panel that works in other processes, and sees what became of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agents import REGISTRY, AnalysisRequested, DatasetReference, request_analysis
from agents.analysis import OVERTIME, PendingAnalysis
from agents.domain.call import ModelCalled, ToolCalled
from agents.domain.report import Member, ReportPublished
from agents.domain.task import TaskProgressed
from agents.recorded import read
from bus import HistoryQuery, MessageBus, connect
from tests.support.command_line import CommandLine

DEADLINE = 150.0


class ModelClient:
    """Asks about one dataset over `bus`."""

    def __init__(self, bus: MessageBus, location: str) -> None:
        self.bus = bus
        self._location = location

    def request(self, *roles: str, **details: Any) -> AnalysisRequested:
        return AnalysisRequested.model_validate(
            {
                "datasets": [DatasetReference(location=self._location)],
                "panel": roles,
                "deadline": DEADLINE,
                **details,
            }
        )

    @asynccontextmanager
    async def asking(self, *roles: str, **details: Any) -> AsyncIterator[PendingAnalysis]:
        """A request that is under way, with its progress."""
        request = self.request(*roles, **details)
        async with request_analysis(self.bus, request, watch=True) as pending:
            yield pending

    async def report(self, *roles: str, **details: Any) -> ReportPublished:
        async with request_analysis(self.bus, self.request(*roles, **details)) as pending:
            return await pending.report()

    async def calls(self, report: ReportPublished) -> Sequence[ModelCalled | ToolCalled]:
        """All calls of models and tools for the report, as they were recorded."""
        query = HistoryQuery(request=report.request_id, limit=10_000)
        messages = map(read, await self.bus.history.query(query))
        contents = (message.content for message in messages if message is not None)
        return [each for each in contents if isinstance(each, ModelCalled | ToolCalled)]


@asynccontextmanager
async def model_client(line: CommandLine, file: str) -> AsyncIterator[ModelClient]:
    """A client of the bus that `line` uses, who asks about `file` in its folder."""
    url = line.environment["CONVENER_BUS"]
    at_broker = None if url.startswith("sqlite:") else await asyncio.to_thread(line.authority)
    async with connect(
        url,
        registry=REGISTRY,
        authority=at_broker,
        redis=line.environment.get("CONVENER_REDIS"),
        cache=line.home / "client",
    ) as bus:
        yield ModelClient(bus, str(line.folder / file) if bus.is_embedded else f"data/{file}")


async def heard(
    pending: PendingAnalysis, expected: Callable[[TaskProgressed], bool]
) -> TaskProgressed:
    """The first sign of progress that is as expected."""
    async with asyncio.timeout(DEADLINE + OVERTIME):
        async for progressed in pending.progress():
            if expected(progressed):
                return progressed
    raise AssertionError("The progress ended.")


def is_written(progressed: TaskProgressed) -> bool:
    """Whether it shows a sentence that a model is writing."""
    return progressed.phase == "asking" and len(progressed.text.split()) > 1


def member(report: ReportPublished, role: str) -> Member:
    (found,) = (each for each in report.panel if each.role == role)
    return found
