"""The tools of one task in the hands of a model.

*Guarantees*: a call goes through the tool gateway like any other, with the task's authority. What a
tool answers gets an id by which it can be cited, the same for the same call. A wrong call or a
failing tool is an answer that the model can read, never an error.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from pydantic import JsonValue

from agents.calling.tool_gateway import Caller, ToolGateway
from agents.dataset import Datasets
from agents.domain.claim import Measurement
from agents.errors import DatasetError, ToolError
from agents.model import OfferedTool, ToolAnswer
from agents.tool import Tool

MAX_SHOWN: Final = 6_000
"""Characters of a result that a model is given."""


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
        self._tools = [tool for tool in tools if tool.name in caller.tools]
        self._tell = tell

    def offered(self) -> tuple[OfferedTool, ...]:
        """The tools as a model sees them."""
        return tuple(self._offer(tool) for tool in self._tools)

    def _offer(self, tool: Tool[Any]) -> OfferedTool:
        async def call(arguments: Mapping[str, JsonValue]) -> ToolAnswer:
            return await self._call(tool, arguments)

        return OfferedTool(
            name=tool.name,
            description=tool.description,
            parameters=tool.arguments.model_json_schema(),
            call=call,
            is_available=lambda: self._gateway.is_available(tool.name),
        )

    async def _call(self, tool: Tool[Any], arguments: Mapping[str, JsonValue]) -> ToolAnswer:
        await self._tell(f"looking up {tool.name}")
        try:
            result = await self._gateway.call(tool, arguments, caller=self._caller, data=self._data)
        except (ToolError, DatasetError) as error:
            return ToolAnswer(text=str(error), is_error=True)
        text = tool.result.dump_json(result).decode()
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
