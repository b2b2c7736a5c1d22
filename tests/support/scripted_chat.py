"""A chat model of LangChain that says what a test tells it to, without HTTP."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

PIECE = 7
"""Characters in one piece of a stream."""

Script = Callable[[Sequence[BaseMessage], dict[str, Any]], AIMessage | str]


class ScriptedChat(BaseChatModel):
    """Says what `reply` returns for the messages and settings of each exchange."""

    reply: Script = Field(exclude=True)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **settings: Any) -> Runnable[Any, AIMessage]:
        given = {name: value for name, value in settings.items() if value is not None}
        return self.bind(tools=[convert_to_openai_tool(each) for each in tools], **given)

    def _said(self, messages: Sequence[BaseMessage], settings: dict[str, Any]) -> AIMessage:
        said = self.reply(messages, settings)
        return AIMessage(said) if isinstance(said, str) else said

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **settings: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._said(messages, settings))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **settings: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _pieces(self._said(messages, settings)):
            yield ChatGenerationChunk(message=chunk)


def _pieces(said: AIMessage) -> Iterator[AIMessageChunk]:
    text = said.text
    for start in range(0, len(text), PIECE):
        yield AIMessageChunk(text[start : start + PIECE])
    calls = [
        (call["name"], AIMessageChunk("", tool_calls=[call]).tool_call_chunks[0]["args"] or "")
        for call in said.tool_calls
    ]
    calls += [(call["name"], call["args"] or "") for call in said.invalid_tool_calls]
    for index, (name, arguments) in enumerate(calls):
        opening = tool_call_chunk(name=name, args="", id=f"random-{id(said)}", index=index)
        yield AIMessageChunk("", tool_call_chunks=[opening])
        for start in range(0, len(arguments), PIECE):
            piece = arguments[start : start + PIECE]
            chunk = tool_call_chunk(name=None, args=piece, id=None, index=index)
            yield AIMessageChunk("", tool_call_chunks=[chunk])
    usage: UsageMetadata | None = said.usage_metadata
    yield AIMessageChunk(
        "",
        usage_metadata=usage,
        response_metadata=said.response_metadata,
        additional_kwargs=said.additional_kwargs,
    )
