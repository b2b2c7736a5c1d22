"""`Answering`: what makes an agent of LangChain keep to one brief.

*Guarantees*: no more exchanges than the brief allows; in the last of them, and in the one in which
a wrong answer may be put right, no tool is offered; a tool that became unavailable is not offered
again; the answer is of the type asked for.

*Not here*: what an exchange is; that is `agents.models.gated_chat`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from langchain.agents.middleware import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    ToolCallRequest,
)
from langchain.agents.structured_output import (
    ProviderStrategy,
    ResponseFormat,
    StructuredOutputError,
    ToolStrategy,
)
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.types import Command
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json

from agents.errors import ModelAnswerError
from agents.model import Brief, OfferedTool
from agents.models.messages import Said, said_from
from agents.models.schemas import enforced, schema_of, without_nulls

A = TypeVar("A", bound=BaseModel)

_Response = ModelResponse[Any]
_State = AgentState[Any]

_CUT_OFF: Final = frozenset({"length", "max_tokens"})
_FILTERED: Final = frozenset({"content_filter"})
_FLAWS_TOLD: Final = 5
_JSON: Final = TypeAdapter(JsonValue)


class _UnusableError(Exception):
    """The model said something that is no answer; the text tells it, and the user, why."""


class Answering(AgentMiddleware[_State, None, Any], Generic[A]):
    """One answer to one brief; `answer` is there once the agent has ended well.

    With `is_native` the provider enforces the schema of the answer itself; otherwise the answer is
    the arguments of a tool call.
    """

    def __init__(self, brief: Brief[A], *, model: str, is_native: bool) -> None:
        super().__init__()
        self.answer: A | None = None
        self._brief = brief
        self._model = model
        self._is_native = is_native
        self._offered = {each.name: each for each in brief.tools}
        self._left = brief.max_exchanges
        self._is_corrected = False
        self._schema = schema_of(brief.answer)
        strict = enforced(self._schema)
        self._native: ProviderStrategy[Any] = ProviderStrategy(
            strict or self._schema, strict=strict is not None
        )
        parameters = {each.name: enforced(each.parameters, optional=True) for each in brief.tools}
        self._is_strict = is_native and None not in parameters.values()
        self.agent_tools = [
            _tool(each, (parameters[each.name] if self._is_strict else None) or each.parameters)
            for each in brief.tools
        ]
        """The tools as LangChain calls them."""

    @property
    def form(self) -> str:
        """The name of the tool call that carries an answer."""
        return self._brief.answer.__name__

    @property
    def response_format(self) -> ResponseFormat[Any]:
        """How the answer is asked for while the conversation goes well."""
        return self._native if self._is_native else ToolStrategy(self._schema, handle_errors=False)

    async def awrap_model_call(
        self,
        request: ModelRequest[None],
        handler: Callable[[ModelRequest[None]], Awaitable[_Response]],
    ) -> _Response:
        """The exchanges until the model calls a tool or has answered.

        Raises:
            ModelAnswerError: it has not answered and may not be asked again.
        """
        added: list[AnyMessage] = []
        is_last = False
        while True:
            self._left -= 1
            is_last = is_last or self._left <= 0
            asked = self._shaped(request, added, is_last=is_last)
            try:
                message, found = _taken_apart(await handler(asked))
            except StructuredOutputError as error:
                message, found = error.ai_message, None
            said = said_from(message)
            if message.tool_calls and found is None and asked.tools and not self._is_form(said):
                return ModelResponse(result=[*added, message])
            if said.calls and not message.tool_calls and not is_last and not self._is_form(said):
                added += [
                    message,
                    *_answers(message, "The arguments were no JSON object.", "error"),
                ]
                continue
            try:
                self.answer = self._answer_in(said, found)
            except _UnusableError as flaw:
                if self._left <= 0 or self._is_corrected:
                    raise ModelAnswerError(f"{self._model} gave no answer: it {flaw}.") from flaw
                self._is_corrected = is_last = True
                added += [message, *self._correction(message, str(flaw))]
            else:
                # Alone: calls of tools beside the answer would keep the agent going.
                final = AIMessage(self.answer.model_dump_json())
                return ModelResponse(result=[final], structured_response=self.answer)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """The tool's answer, or why there is none."""
        name, id = request.tool_call["name"], request.tool_call["id"]
        offered = self._offered.get(name)
        if offered is not None and offered.is_available():
            return await handler(request)
        if offered is None and self._brief.refuse is not None:
            text = await self._brief.refuse(name, request.tool_call["args"])
            return ToolMessage(text, tool_call_id=id, name=name, status="error")
        names = ", ".join(each for each, tool in self._offered.items() if tool.is_available())
        why = "is not available now" if offered else "does not exist"
        text = f"The tool {name} {why}. Available: {names or 'none'}."
        return ToolMessage(text, tool_call_id=id, name=name, status="error")

    def _shaped(
        self, request: ModelRequest[None], added: list[AnyMessage], *, is_last: bool
    ) -> ModelRequest[None]:
        tools = [] if is_last else [each for each in request.tools if self._is_offered(each)]
        shaped = request.override(messages=[*request.messages, *added], tools=tools)
        if self._is_native:
            settings = {**request.model_settings, "strict": self._is_strict}
            return shaped.override(model_settings=settings)
        if self._is_corrected and not isinstance(added[-1], ToolMessage):
            # It did not use the form though it had to: an endpoint without tools.
            return shaped.override(response_format=self._native)
        return shaped

    def _is_offered(self, tool: BaseTool | dict[str, Any]) -> bool:
        offered = self._offered.get(tool.name) if isinstance(tool, BaseTool) else None
        return offered is not None and offered.is_available()

    def _is_form(self, said: Said) -> bool:
        return not self._is_native and any(call.name == self.form for call in said.calls)

    def _answer_in(self, said: Said, found: dict[str, JsonValue] | None) -> A:
        if said.refusal is not None or said.ending in _FILTERED:
            raise ModelAnswerError(
                f"{self._model} declined to answer: {said.refusal or 'its filter objected'}."
            )
        try:
            return self._read(said, found)
        except ValidationError as error:
            flaws = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'the answer'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False)[:_FLAWS_TOLD]
            )
            problem = f"did not keep to the form ({flaws})"
        except ValueError as error:
            problem = str(error)
        if said.ending in _CUT_OFF:
            problem = f"was cut off after {self._brief.max_output_tokens:,} tokens of output"
        raise _UnusableError(problem)

    def _read(self, said: Said, found: dict[str, JsonValue] | None) -> A:
        if found is None and self._is_form(said):
            raise ValueError("did not fill in the form once, with JSON")
        if found is None and said.calls:
            raise ValueError("called a tool when none was offered")
        try:
            value = found if found is not None else _json_in(said.text)
        except ValueError as error:
            raise ValueError("did not write the JSON that was asked for") from error
        return self._brief.answer.model_validate_json(_JSON.dump_json(value))

    def _correction(self, message: AIMessage, flaw: str) -> list[AnyMessage]:
        text = f"This cannot be used: you {flaw}. Answer again, in the form that was asked for."
        if message.tool_calls or message.invalid_tool_calls:
            return _answers(message, text, "success")
        return [HumanMessage(text)]


def _tool(offered: OfferedTool, parameters: Mapping[str, JsonValue]) -> StructuredTool:
    async def call(**arguments: JsonValue) -> str:
        answer = await offered.call(without_nulls(arguments, offered.parameters))
        if answer.is_error:
            raise ToolException(answer.text)
        return answer.text

    return StructuredTool(
        name=offered.name,
        description=offered.description,
        args_schema=dict(parameters),
        coroutine=call,
        handle_tool_error=True,
    )


def _taken_apart(response: _Response) -> tuple[AIMessage, dict[str, JsonValue] | None]:
    message = next(each for each in response.result if isinstance(each, AIMessage))
    return message, response.structured_response


def _answers(message: AIMessage, text: str, status: Any) -> list[AnyMessage]:
    return [
        ToolMessage(text, tool_call_id=call["id"], name=call["name"], status=status)
        for call in [*message.tool_calls, *message.invalid_tool_calls]
    ]


def _json_in(text: str) -> JsonValue:
    """The JSON object in a text that may have words or a fence around it."""
    value: JsonValue = from_json(text[max(0, text.find("{")) : text.rfind("}") + 1])
    return value
