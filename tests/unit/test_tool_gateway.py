"""The gateway lets a call through only when everything about it is right, and records it anyway."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreakers, CircuitChange
from agents.calling.tool_gateway import Caller, ToolGateway
from agents.domain.breaker import BreakerPolicy
from agents.domain.call import ToolCalled
from agents.errors import (
    AgentUsageError,
    CircuitOpenError,
    QueryError,
    ResultTooLargeError,
    ToolArgumentsError,
    ToolDeniedError,
    ToolFailedError,
    ToolTimeoutError,
    UnknownToolError,
)
from agents.tool import Tool, tool
from bus import AgentMessage, Fault, MessageId, Principal, UnconfirmedError
from tests.support.clock import ManualClock

READER = Principal(subject="ada", scopes=frozenset({"read_data"}))


@tool(permission="read_data")
async def double(number: int, times: int = 1) -> int:
    """Double a number."""
    return number * 2**times


@tool(permission="write_data", effect="effect")
async def erase() -> None:
    """Erase everything."""
    raise AssertionError("it must never be called")


@tool(permission="read_data", timeout=0.01)
async def dawdle() -> None:
    """Take forever."""
    await asyncio.Event().wait()


@tool(permission="read_data")
async def break_down() -> None:
    """Fail."""
    raise ConnectionResetError("the line is dead")


@tool(permission="read_data")
async def ask_wrongly() -> None:
    """Fail because of the data."""
    raise QueryError("There is no such column.")


@tool(permission="read_data")
async def talk() -> str:
    """Say too much."""
    return "x" * 300_000


@tool(permission="read_data")
async def look_up(email: str) -> dict[str, str]:
    """Tell about somebody."""
    return {"email": email, "note": f"write to {email}", "city": "Bern"}


TOOLS: tuple[Tool[Any], ...] = (double, erase, dawdle, break_down, ask_wrongly, talk, look_up)


class Desk:
    """A gateway and what it recorded."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.recorded: list[ToolCalled] = []
        self.changes: list[CircuitChange] = []
        self.fail_to_record = False
        breakers = CircuitBreakers(
            clock=self.clock, listener=self._listen, policy=BreakerPolicy(consecutive_failures=2)
        )
        self.cache = ResponseCache(store=None, clock=self.clock)
        self.gateway = ToolGateway(
            breakers=breakers, cache=self.cache, clock=self.clock, record=self._record
        )

    async def call(self, tool: Tool[Any], principal: Principal = READER, **arguments: Any) -> Any:
        caller = self.caller(principal)
        return await self.gateway.call(tool, arguments, caller=caller, data=None)

    def caller(self, principal: Principal = READER) -> Caller:
        return Caller(
            name="tester",
            message=AgentMessage(
                id=MessageId("m"),
                sender="s",
                recipient="r",
                timestamp=self.clock.now(),
                content=Fault(reason="failed", error=""),
            ),
            principal=principal,
            deadline=self.clock.now() + timedelta(seconds=60),
            tools=[each.name for each in TOOLS],
        )

    async def _record(self, called: ToolCalled, cause: AgentMessage[Any]) -> None:
        if self.fail_to_record:
            raise UnconfirmedError("nobody took it")
        self.recorded.append(called)

    def _listen(self, change: CircuitChange) -> None:
        self.changes.append(change)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_good_call_returns_the_result_and_is_recorded_with_it(desk: Desk) -> None:
    assert await desk.call(double, number=4, times=2) == 16
    (called,) = desk.recorded
    assert (called.tool, called.arguments, called.result) == (
        "double",
        {"number": 4, "times": 2},
        16,
    )
    assert (called.status, called.caller, called.effect) == ("succeeded", "tester", "pure")


@pytest.mark.parametrize(
    ("tool", "arguments", "error", "status"),
    [
        (erase, {}, ToolDeniedError, "denied"),
        (double, {"number": "many"}, ToolArgumentsError, "refused"),
        (double, {"number": 1, "colour": "red"}, ToolArgumentsError, "refused"),
        (dawdle, {}, ToolTimeoutError, "timed_out"),
        (break_down, {}, ToolFailedError, "failed"),
        (ask_wrongly, {}, ToolFailedError, "failed"),
        (talk, {}, ResultTooLargeError, "failed"),
    ],
)
async def test_every_other_ending_has_its_error_and_its_record(
    desk: Desk, tool: Tool[Any], arguments: dict[str, Any], error: type[Exception], status: str
) -> None:
    with pytest.raises(error):
        await desk.call(tool, **arguments)
    (called,) = desk.recorded
    assert called.status == status
    assert called.error


async def test_arguments_that_no_record_can_hold_are_refused(desk: Desk) -> None:
    with pytest.raises(ToolArgumentsError, match="65,536 bytes"):
        await desk.call(look_up, email="x" * 70_000)
    (called,) = desk.recorded
    assert (called.status, called.arguments) == ("refused", {})


async def test_a_tool_that_there_is_not_is_refused_on_the_record_by_an_inert_name(
    desk: Desk,
) -> None:
    name = "\x1b[31mdrop\n" + "x" * 100_000
    error = await desk.gateway.refuse(name, {"all": True}, caller=desk.caller())
    (called,) = desk.recorded
    assert (called.status, called.arguments) == ("refused", {"all": True})
    assert called.tool.startswith("?[31mdrop?x")
    assert len(called.tool) == 80
    assert called.error == str(error)


async def test_the_record_is_masked_and_the_result_is_not(desk: Desk) -> None:
    told = await desk.call(look_up, email="ann@example.org")
    assert told["note"] == "write to ann@example.org"
    (called,) = desk.recorded
    assert called.result == {"email": "a*******", "note": "write to a***@***", "city": "Bern"}
    assert "ann@" not in called.model_dump_json()


async def test_a_tool_outside_the_plan_is_unknown_to_the_caller(desk: Desk) -> None:
    @tool(permission="read_data")
    async def unplanned() -> int:
        """Count nothing."""
        return 0

    with pytest.raises(UnknownToolError, match="not among the tools"):
        await desk.call(unplanned)


async def test_failures_of_the_tool_open_its_circuit_and_the_change_is_told(desk: Desk) -> None:
    for _ in range(2):
        with pytest.raises(ToolFailedError):
            await desk.call(break_down)
    with pytest.raises(CircuitOpenError):
        await desk.call(break_down)
    assert desk.recorded[-1].status == "circuit_open"
    assert [(change.name, change.after) for change in desk.changes] == [("break_down", "open")]
    assert await desk.call(double, number=1) == 2


@pytest.mark.parametrize("refused", [ask_wrongly, erase])
async def test_mistakes_of_the_caller_never_open_a_circuit(desk: Desk, refused: Tool[Any]) -> None:
    for _ in range(10):
        with pytest.raises((ToolFailedError, ToolDeniedError)):
            await desk.call(refused)
    assert desk.gateway.breakers[refused.name].circuit == "closed"


async def test_nothing_begins_after_the_deadline(desk: Desk) -> None:
    original = desk.clock.now

    calls = iter([original(), original(), original() + timedelta(seconds=61)])
    desk.clock.now = lambda: next(calls)  # type: ignore[method-assign]
    with pytest.raises(ToolTimeoutError, match="deadline passed before"):
        await desk.call(double, number=1)


async def test_a_cancelled_call_is_recorded_as_cancelled(desk: Desk) -> None:
    @tool(permission="read_data")
    async def double() -> int:  # takes the planned name
        """Wait."""
        await asyncio.Event().wait()
        return 0

    call = asyncio.create_task(desk.call(double))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [called.status for called in desk.recorded] == ["cancelled"]


async def test_a_record_that_cannot_be_kept_does_not_cost_the_result(desk: Desk) -> None:
    desk.fail_to_record = True
    assert await desk.call(double, number=2) == 4


@pytest.mark.parametrize("flaw", ["no docstring", "no result type", "no parameter type"])
def test_a_tool_must_say_what_it_takes_gives_and_measures(flaw: str) -> None:
    async def undocumented() -> int:
        return 0

    async def unresolved():  # type: ignore[no-untyped-def]
        """Count."""

    async def untyped(table) -> int:  # type: ignore[no-untyped-def]
        """Count."""
        return 0

    functions: dict[str, Callable[..., Any]] = {
        "no docstring": undocumented,
        "no result type": unresolved,
        "no parameter type": untyped,
    }
    with pytest.raises(AgentUsageError):
        tool(permission="read_data")(functions[flaw])
