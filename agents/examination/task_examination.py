"""One task in the hands of its specialist: the tools it may call, and what became of the calls."""

from typing import Any, Final, TypeVar

from agents.calling.tool_gateway import Caller, ToolGateway
from agents.dataset import Datasets
from agents.domain.task import Fallback, FallbackLevel, TaskAssigned
from agents.errors import CircuitOpenError, ToolDeniedError, ToolError
from agents.progress import show
from agents.specialist import Specialist
from agents.tool import Tool
from bus import AgentMessage, MessageBus, Postpone

R = TypeVar("R")

TIME_AFTER_DELAY: Final = 30.0
"""Seconds that a task must have left after a delay, else it goes on with what there is."""


class TaskExamination:
    """An `agents.specialist.Examination` whose tools are called through the gateway.

    A tool that was cut off when the task was planned is used all the same if its circuit lets calls
    through by now.
    """

    def __init__(
        self,
        *,
        bus: MessageBus,
        gateway: ToolGateway,
        specialist: Specialist,
        message: AgentMessage[TaskAssigned],
        caller: Caller,
        data: Datasets,
    ) -> None:
        self.caller = caller
        self.notes: list[str] = []
        self._bus = bus
        self._gateway = gateway
        self._specialist = specialist
        self._message = message
        self._data = data
        self._succeeded = 0
        self._failures: list[ToolError] = []
        self._cut_off = [
            tool for tool in message.content.unavailable if not gateway.is_available(tool)
        ]
        self.notes += [
            f"{tool} is cut off, and what it measures was not examined." for tool in self._cut_off
        ]

    @property
    def task(self) -> TaskAssigned:
        return self._message.content

    def has(self, tool: Tool[Any]) -> bool:
        return tool.name in self.caller.tools and tool.name not in self._cut_off

    async def use(self, tool: Tool[R], /, **arguments: Any) -> R:
        try:
            result = await self._gateway.call(tool, arguments, caller=self.caller, data=self._data)
        except ToolError as error:
            self._failures.append(error)
            raise
        self._succeeded += 1
        return result

    async def note(self, text: str) -> None:
        self.notes.append(text)

    async def progress(self, text: str, *, findings: int = 0) -> None:
        await show(self._bus, self._message, self._specialist.role, "checking", text, findings)

    def put_off_if_cut_off(self) -> None:
        """Have the task come back later if nothing could be measured for open circuits alone.

        Raises:
            Postpone: they let calls through again while the task has time.
        """
        waits = [each.retry_after for each in self._failures if isinstance(each, CircuitOpenError)]
        tried_in_vain = waits and len(waits) == len(self._failures)
        if self._succeeded or not (tried_in_vain or set(self.caller.tools) <= set(self._cut_off)):
            return
        waits += [self._gateway.retry_after(tool) for tool in self._cut_off]
        delay = max(waits, default=0.0)
        left = (self.caller.deadline - self._bus.clock.now()).total_seconds()
        if delay > 0 and delay + TIME_AFTER_DELAY <= left:
            raise Postpone("All tools of this task are cut off.", delay=delay)

    @property
    def denied(self) -> tuple[str, ...]:
        """What the authority at hand did not permit, each once."""
        refused = [str(each) for each in self._failures if isinstance(each, ToolDeniedError)]
        return tuple(dict.fromkeys(refused))

    def fallback(self) -> Fallback | None:
        """What the checks came down to, if not all of them could be made."""
        missing = [f"{tool} is cut off." for tool in self._cut_off]
        missing += [str(error) for error in self._failures]
        if not missing:
            return None
        level: FallbackLevel = "partial" if self._succeeded else "degraded"
        return Fallback(level=level, reason=missing[0])
