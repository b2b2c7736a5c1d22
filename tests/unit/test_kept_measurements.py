"""What a pure tool measured on pinned data is measured once, for those who may see it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from agents import Datasets
from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreakers
from agents.calling.tool_gateway import Caller, ToolGateway
from agents.domain.breaker import BreakerPolicy
from agents.domain.call import ToolCalled
from agents.domain.finding import Part
from agents.domain.task import PinnedDataset
from agents.errors import CircuitOpenError, ToolFailedError
from agents.tool import Tool, tool
from bus import AgentMessage, Fault, MessageId, Principal
from bus.clock import SystemClock

ADA = Principal(subject="ada", scopes=frozenset({"read_data", "write_data"}))
BOB = Principal(subject="bob", scopes=frozenset({"read_data", "write_data"}))
CALLS: list[str] = []


class Counted(Part):
    """A result of a type of its own."""

    rows: int
    shares: tuple[float, ...]


@tool(permission="read_data")
async def measure(data: Datasets, table: str) -> Counted:
    """Count the rows."""
    CALLS.append(table)
    await asyncio.sleep(0)
    return Counted(rows=data.table(table).rows, shares=(0.5, 0.25))


@tool(permission="read_data")
async def look_at_the_world(place: str) -> int:
    """Say how things are now."""
    CALLS.append(place)
    return len(CALLS)


@tool(permission="write_data", effect="effect")
async def mark(data: Datasets, table: str) -> int:
    """Leave a mark."""
    CALLS.append(table)
    return len(CALLS)


@tool(permission="read_data")
async def break_down(data: Datasets, table: str) -> int:
    """Fail."""
    CALLS.append(table)
    raise ConnectionResetError("the line is dead")


TOOLS: Sequence[Tool[Any]] = (measure, look_at_the_world, mark, break_down)


class Data:
    """One dataset at one version."""

    def __init__(self, version: str, rows: int = 7) -> None:
        self._dataset = PinnedDataset(
            name="data",
            location="/d.csv",
            format="csv",
            version=version,
            rows=rows,
            columns=(),
            size_bytes=1,
            setup_sql="",
        )

    @property
    def tables(self) -> Mapping[str, PinnedDataset]:
        return {"data": self._dataset}

    def table(self, name: str) -> PinnedDataset:
        return self.tables[name]

    def path(self, name: str) -> str:
        raise NotImplementedError

    async def query(self, sql: str, parameters: Sequence[Any] = (), *, limit: int = 1) -> Any:
        raise NotImplementedError


class Desk:
    """A gateway with a cache in memory."""

    def __init__(self) -> None:
        CALLS.clear()
        self.clock = SystemClock()
        self.recorded: list[ToolCalled] = []
        self.breakers = CircuitBreakers(
            clock=self.clock,
            listener=lambda change: None,
            policy=BreakerPolicy(consecutive_failures=2),
        )
        self.cache = ResponseCache(store=None, clock=self.clock)
        self.gateway = ToolGateway(
            breakers=self.breakers, cache=self.cache, clock=self.clock, record=self._record
        )

    async def call(
        self,
        tool: Tool[Any],
        *,
        by: Principal = ADA,
        version: str = "v1",
        is_fresh: bool = False,
        **arguments: Any,
    ) -> Any:
        caller = Caller(
            name="tester",
            message=AgentMessage(
                id=MessageId("m"),
                sender="s",
                recipient="r",
                timestamp=self.clock.now(),
                content=Fault(reason="failed", error=""),
            ),
            principal=by,
            deadline=self.clock.now() + timedelta(seconds=60),
            tools=[each.name for each in TOOLS],
            is_fresh=is_fresh,
        )
        return await self.gateway.call(tool, arguments, caller=caller, data=Data(version))

    async def _record(self, called: ToolCalled, cause: AgentMessage[Any]) -> None:
        self.recorded.append(called)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_the_second_call_is_answered_from_what_is_kept_with_the_same_result(
    desk: Desk,
) -> None:
    first = await desk.call(measure, table="data")
    second = await desk.call(measure, table="data")
    assert first == second == Counted(rows=7, shares=(0.5, 0.25))
    assert CALLS == ["data"]
    assert [called.source for called in desk.recorded] == ["made", "memory"]
    assert desk.recorded[0].result == desk.recorded[1].result


async def test_calls_at_the_same_time_measure_once(desk: Desk) -> None:
    results = await asyncio.gather(*(desk.call(measure, table="data") for _ in range(20)))
    assert len(CALLS) == 1
    assert len(set(results)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"version": "v2"},
        {"by": BOB},
        {"by": Principal(subject="ada", scopes=frozenset({"read_data"}))},
        {"is_fresh": True},
    ],
    ids=["another version", "another user", "fewer rights", "asked anew"],
)
async def test_it_is_measured_anew_for(desk: Desk, other: dict[str, Any]) -> None:
    await desk.call(measure, table="data")
    await desk.call(measure, table="data", **other)
    assert len(CALLS) == 2


async def test_what_does_not_follow_from_the_data_alone_is_never_kept(desk: Desk) -> None:
    for each, arguments in ((look_at_the_world, {"place": "here"}), (mark, {"table": "data"})):
        before = len(CALLS)
        await desk.call(each, **arguments)
        await desk.call(each, **arguments)
        assert len(CALLS) == before + 2


async def test_a_failure_is_not_kept(desk: Desk) -> None:
    for _ in range(2):
        with pytest.raises(ToolFailedError):
            await desk.call(break_down, table="data")
    assert len(CALLS) == 2


async def test_what_is_kept_answers_although_the_circuit_is_open(desk: Desk) -> None:
    await desk.call(measure, table="data")
    desk.breakers["measure"].force("forced_open")
    assert (await desk.call(measure, table="data")).rows == 7
    with pytest.raises(CircuitOpenError):
        await desk.call(measure, table="data", version="v2")


async def test_another_version_of_the_tool_measures_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.call(measure, table="data")
    monkeypatch.setattr("agents.calling.tool_gateway.INSTALLED", "another")
    await desk.call(measure, table="data")
    assert len(CALLS) == 2


async def test_an_invalidated_dataset_is_measured_anew(desk: Desk) -> None:
    await desk.call(measure, table="data")
    await desk.cache.invalidate("dataset:v1")
    await desk.call(measure, table="data")
    assert len(CALLS) == 2
