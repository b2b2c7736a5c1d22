"""The tools of one task in the hands of a model.

*Guarantees*: a call goes through the tool gateway like any other, with the task's authority; what
that does not cover is not offered, and if it is called all the same, refused and noted. What a tool
answers gets an id by which it can be cited, the same for the same call. A wrong call or a failing
tool is an answer that the model can read, never an error.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from pydantic import JsonValue

from agents.calling.tool_gateway import Caller, ToolGateway
from agents.dataset import Datasets
from agents.domain.claim import Measurement
from agents.domain.synthesis.wording import counted, listed
from agents.errors import DatasetError, ToolError
from agents.model import OfferedTool, ToolAnswer
from agents.tool import Tool
from agents.tools.record_masking import masked_record

MAX_SHOWN: Final = 6_000
"""Characters of a result that a model is given."""

MAX_CALLS: Final = 64
"""Calls of one task: eight in each of the exchanges that a model has."""

ENOUGH: Final = "There have been too many calls: answer with what you know."


class Toolbox:
    """Offers tools, and keeps what they measured: `measurements` by id, with the text shown."""

    def __init__(
        self,
        *,
        gateway: ToolGateway,
        caller: Caller,
        data: Datasets,
        tools: Sequence[Tool[Any]],
        tell: Callable[[str], Awaitable[None]],
    ) -> None:
        self.measurements: dict[str, Measurement] = {}
        self._gateway = gateway
        self._caller = caller
        self._data = data
        self._tools = {tool.name: tool for tool in tools if tool.name in caller.tools}
        self._refused: list[str] = []
        self._left = MAX_CALLS
        self._tell = tell

    def offered(self) -> tuple[OfferedTool, ...]:
        """The tools as a model sees them."""
        may = self._caller.principal.may
        return tuple(self._offer(tool) for tool in self._tools.values() if may(tool.permission))

    @property
    def notes(self) -> Sequence[str]:
        """What the model asked for and was refused, in a sentence; none if there was nothing."""
        if not self._refused:
            return ()
        calls, names = counted(len(self._refused), "call"), listed(sorted(self._refused))
        return (f"The model was refused {calls} that it may not make: {names}.",)

    async def refuse(self, name: str, arguments: Mapping[str, JsonValue]) -> str:
        """Why there is no answer to a call of a tool that was not offered; it is recorded."""
        self._refused.append(name)
        if self._is_enough():
            return ENOUGH
        if (tool := self._tools.get(name)) is not None:
            return (await self._answer(tool, arguments)).text
        error = await self._gateway.refuse(name, arguments, caller=self._caller)
        return f"{error} Available: {', '.join(each.name for each in self.offered()) or 'none'}."

    def _offer(self, tool: Tool[Any]) -> OfferedTool:
        async def call(arguments: Mapping[str, JsonValue]) -> ToolAnswer:
            return await self._call(tool, arguments)

        return OfferedTool(
            name=tool.name,
            description=tool.description,
            parameters=tool.parameters(),
            call=call,
            is_available=lambda: self._gateway.is_available(tool.name),
        )

    async def _call(self, tool: Tool[Any], arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        if self._is_enough():
            self._refused.append(tool.name)
            return ToolAnswer(text=ENOUGH, is_error=True)
        await self._tell(f"looking up {tool.name}")
        return await self._answer(tool, arguments)

    def _is_enough(self) -> bool:
        self._left -= 1
        return self._left < 0

    async def _answer(self, tool: Tool[Any], arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        try:
            result = await self._gateway.call(tool, arguments, caller=self._caller, data=self._data)
        except (ToolError, DatasetError) as error:
            return ToolAnswer(text=str(error), is_error=True)
        plain = masked_record(tool.result.dump_python(result, mode="json"))
        text = json.dumps(plain, ensure_ascii=False)
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} … (shortened)"
        id = measurement_id(tool.name, arguments)
        self.measurements[id] = Measurement(
            id=id, tool=tool.name, arguments=dict(arguments), result=shown
        )
        return ToolAnswer(text=json.dumps({"id": id, "result": shown}, ensure_ascii=False))


def measurement_id(tool: str, arguments: Mapping[str, JsonValue]) -> str:
    """The id by which the result of that call is cited."""
    called = json.dumps([tool, arguments], sort_keys=True)
    return f"{tool}-{blake2b(called.encode(), digest_size=4).hexdigest()}"
