"""`GatedChat`: a chat model of LangChain whose every exchange goes through a gate.

*Guarantees*: what the gate is shown is all that shapes the reply, and what it returns is all that
the conversation goes on with, whether it came from the provider or from a cache.

*Not here*: the conversation; that is `agents.models.answering`.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool
from pydantic import Field, JsonValue

from agents.errors import ModelUnavailableError
from agents.model import Exchange, Gate, Listen, Reply
from agents.models.failures import translated
from agents.models.messages import as_json, calls_in, message_from, said_from, said_in, usage_of

_REPORTS_ITS_END: Final = frozenset({"openai"})
"""Providers whose stream is broken if it ends without one of `_ENDS`."""

_ENDS: Final = frozenset({"finish_reason", "status"})


class GatedChat(BaseChatModel):
    """`chat` behind `gate`; `form` is the name of the tool call that carries an answer, if any."""

    chat: BaseChatModel
    gate: Gate = Field(exclude=True)
    listen: Listen = Field(exclude=True)
    model_name: str
    form: str
    max_output_tokens: int
    settings: Mapping[str, JsonValue] = Field(default_factory=dict)
    secret: str = Field(default="", exclude=True, repr=False)

    @property
    def _llm_type(self) -> str:
        return "gated"

    def bind_tools(
        self,
        tools: "Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool]",
        *,
        tool_choice: str | None = None,
        **settings: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The settings are those that the chat itself would bind."""
        bound = self.chat.bind_tools(tools, tool_choice=tool_choice, **settings)
        if not isinstance(bound, RunnableBinding):
            raise TypeError(f"{type(self.chat).__name__} binds tools in a way of its own.")
        terms = dict(bound.kwargs)
        if not terms.get("tools"):  # providers refuse an empty list
            terms.pop("tools", None)
        return self.bind(**terms)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **terms: Any,
    ) -> ChatResult:
        raise NotImplementedError("A gate can only be awaited: use ainvoke.")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **terms: Any,
    ) -> ChatResult:
        settings = {**self.settings, **terms}
        asked: list[JsonValue] = [as_json(each) for each in messages]
        shape: dict[str, JsonValue] = json.loads(
            json.dumps({"model": self.model_name, **settings}, sort_keys=True)
        )
        exchange = Exchange(
            messages=asked,
            terms=shape,
            max_output_tokens=self.max_output_tokens,
            is_tainted=any(
                isinstance(each, ToolMessage) and each.status == "error" for each in messages
            ),
        )

        async def send(max_output_tokens: int) -> Reply:
            said = await self._receive(messages, max_output_tokens, settings)
            return Reply(
                message=said_from(said).model_dump(mode="json"),
                usage=usage_of(said, asked=[*asked, shape]),
            )

        reply = await self.gate(exchange, send)
        message = message_from(said_in(reply.message), calls_before=calls_in(messages))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _receive(
        self, messages: list[BaseMessage], most: int, settings: Mapping[str, Any]
    ) -> AIMessage:
        pieces: list[AIMessageChunk] = []
        text = _TextPieces(self.form)
        with translated(self.model_name, secret=self.secret):
            stream = self.chat.astream(messages, max_tokens=most, **settings)
            async with aclosing(cast("AsyncGenerator[AIMessage, None]", stream)) as chunks:
                async for chunk in chunks:
                    if not isinstance(chunk, AIMessageChunk):  # a chat that cannot stream
                        self.listen(chunk.text)
                        return chunk
                    pieces.append(chunk)
                    for piece in text.of(chunk):
                        self.listen(piece)
            said = add_ai_message_chunks(pieces[0], *pieces[1:])
        ends = said.response_metadata
        if ends.get("model_provider") in _REPORTS_ITS_END and not ends.keys() & _ENDS:
            raise ModelUnavailableError(
                f"{self.model_name} fell silent in the middle of its answer: try again."
            )
        return said


class _TextPieces:
    """Text as it comes: content, and the arguments of the call that carries the answer."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._names: dict[int | str | None, str] = {}

    def of(self, chunk: AIMessageChunk) -> Iterator[str]:
        if chunk.text:
            yield chunk.text
        for call in chunk.tool_call_chunks:
            if name := call["name"]:
                self._names[call["index"]] = name
            if (piece := call["args"]) and self._names.get(call["index"]) == self._form:
                yield piece
