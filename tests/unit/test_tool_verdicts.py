"""The audit has the verdict on every call of a tool, before it matters."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from agents.caching.response_cache import ResponseCache
from agents.calling.circuit_breaker import CircuitBreakers
from agents.calling.tool_gateway import Caller, ToolGateway
from agents.domain.call import ToolCalled
from agents.errors import ToolDeniedError, UnknownToolError
from agents.tool import Tool, tool
from bus import (
    AgentMessage,
    Audit,
    AuditRecorded,
    Fault,
    MessageId,
    Principal,
    TrustingAuthority,
    UnconfirmedError,
)
from tests.support.clock import ManualClock

READER = Principal(subject="ada", scopes=frozenset({"read_data"}))
WRITER = Principal(subject="eve", scopes=frozenset({"read_data", "write_data"}))


class Desk:
    """A gateway with an audit, whose records are kept or refused, and a tool with an effect."""

    def __init__(self) -> None:
        self.kept: list[AuditRecorded] = []
        self.called: list[ToolCalled] = []
        self.effects = 0
        self.is_out_of_reach = False
        self._clock = ManualClock()
        self.audit = Audit(
            "desk-0a1b2c3d4e5f", self._keep, authority=TrustingAuthority(), clock=self._clock
        )
        self._gateway = ToolGateway(
            breakers=CircuitBreakers(clock=self._clock, listener=lambda change: None),
            cache=ResponseCache(store=None, clock=self._clock),
            clock=self._clock,
            record=self._record,
            audit=self.audit,
        )

        @tool(permission="read_data")
        async def look() -> int:
            """Say how many effects there are."""
            return self.effects

        @tool(permission="write_data", effect="effect")
        async def act() -> None:
            """Have one more effect."""
            self.effects += 1

        self.look, self.act = look, act

    async def call(
        self, tool: Tool[Any], principal: Principal, *, tools: Collection[str] = ("look", "act")
    ) -> Any:
        caller = Caller(
            name="tester",
            message=AgentMessage(
                id=MessageId("m"),
                sender="s",
                recipient="r",
                timestamp=self._clock.now(),
                content=Fault(reason="failed", error=""),
            ),
            principal=principal,
            deadline=self._clock.now() + timedelta(seconds=60),
            tools=tools,
        )
        return await self._gateway.call(tool, {}, caller=caller, data=None)

    @property
    def verdicts(self) -> list[tuple[str, str, str]]:
        decisions = [each for one in self.kept for each in one.decisions]
        return [(each.action, each.verdict, each.subject) for each in decisions]

    async def _keep(self, message: AgentMessage[AuditRecorded]) -> None:
        if self.is_out_of_reach:
            raise UnconfirmedError("No confirmation came.")
        self.kept.append(message.content)

    async def _record(self, called: ToolCalled, cause: AgentMessage[Any]) -> None:
        self.called.append(called)


async def test_a_denial_is_recorded_before_the_caller_hears_of_it() -> None:
    desk = Desk()
    with pytest.raises(ToolDeniedError):
        await desk.call(desk.act, READER)
    with pytest.raises(UnknownToolError):
        await desk.call(desk.look, READER, tools=())
    assert desk.verdicts == [("tool:act", "denied", "ada"), ("tool:look", "denied", "ada")]


async def test_a_call_that_changes_nothing_waits_for_the_next_record() -> None:
    desk = Desk()
    assert await desk.call(desk.look, READER) == 0
    assert desk.verdicts == []
    await desk.audit.flush()
    assert desk.verdicts == [("tool:look", "allowed", "ada")]


async def test_a_tool_has_no_effect_that_is_not_recorded_first() -> None:
    desk = Desk()
    desk.is_out_of_reach = True
    with pytest.raises(UnconfirmedError):
        await desk.call(desk.act, WRITER)
    assert desk.effects == 0
    assert [each.status for each in desk.called] == ["failed"]
    desk.is_out_of_reach = False
    await desk.call(desk.act, WRITER)
    assert desk.effects == 1
    assert desk.verdicts == [("tool:act", "allowed", "eve")] * 2
