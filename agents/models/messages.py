"""Messages of a conversation as JSON and back.

*Guarantees*: two conversations that say the same have the same JSON: no ids of messages or runs are
in it, and calls of tools are numbered in the order in which they were made.
"""

import json
from collections.abc import Sequence
from typing import Final, Literal

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import ToolCall
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from agents.domain.usage import Usage
from agents.errors import ModelAnswerError

BYTES_PER_TOKEN: Final = 3
"""For an estimate that is rather too high: plain English has four and more."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Call(_Part):
    """A tool called by a model; arguments that are no JSON object stay the text they are."""

    name: str
    arguments: dict[str, JsonValue] | str


class Said(_Part):
    """What a model said in one exchange; `ending` is the provider's word for why it stopped."""

    role: Literal["assistant"] = "assistant"
    text: str = ""
    calls: tuple[Call, ...] = ()
    refusal: str | None = None
    ending: str | None = None


def said_from(message: AIMessage) -> Said:
    """What the provider's message says."""
    refusal = message.additional_kwargs.get("refusal")
    return Said(
        text=message.text,
        calls=_calls(message),
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        ending=_ending(message),
    )


def said_in(message: JsonValue) -> Said:
    """What a kept message says.

    Raises:
        ModelAnswerError: it is no message of a model.
    """
    try:
        return Said.model_validate(message)
    except ValidationError as error:
        raise ModelAnswerError(
            "A kept reply of the model cannot be read: clear the cache and ask again."
        ) from error


def message_from(said: Said, *, calls_before: int) -> AIMessage:
    """A new message for the conversation, its calls numbered after those made before."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for number, call in enumerate(said.calls, start=calls_before + 1):
        id = f"call{number:05d}"  # nine letters and digits: what the strictest provider accepts
        if isinstance(call.arguments, str):
            invalid.append(
                InvalidToolCall(
                    type="invalid_tool_call",
                    id=id,
                    name=call.name,
                    args=call.arguments,
                    error=None,
                )
            )
        else:
            calls.append(ToolCall(type="tool_call", id=id, name=call.name, args=call.arguments))
    return AIMessage(
        content=said.text,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs={} if said.refusal is None else {"refusal": said.refusal},
        response_metadata={} if said.ending is None else {"finish_reason": said.ending},
    )


def calls_in(messages: Sequence[BaseMessage]) -> int:
    """How many calls of tools the models have made in these messages."""
    return sum(
        len(each.tool_calls) + len(each.invalid_tool_calls)
        for each in messages
        if isinstance(each, AIMessage)
    )


def as_json(message: BaseMessage) -> JsonValue:
    """The message as it is asked, without what is random in it."""
    match message:
        case SystemMessage():
            return {"role": "system", "text": message.text}
        case HumanMessage():
            return {"role": "user", "text": message.text}
        case ToolMessage():
            return {
                "role": "tool",
                "call": message.tool_call_id,
                "text": message.text,
                "is_error": message.status == "error",
            }
        case AIMessage():
            ids = [call["id"] for call in [*message.tool_calls, *message.invalid_tool_calls]]
            said = said_from(message)
            return {
                "role": "assistant",
                "text": said.text,
                "calls": [
                    {"id": id, "name": call.name, "arguments": call.arguments}
                    for id, call in zip(ids, said.calls, strict=True)
                ],
            }
        case _:
            return {"role": message.type, "text": message.text}


def usage_of(message: AIMessage, *, asked: JsonValue) -> Usage:
    """The tokens of one exchange as the provider counts them.

    If it sends no count, they are estimated from the bytes of what was `asked` and said, one token
    for `BYTES_PER_TOKEN`.
    """
    counted = message.usage_metadata
    if counted is None or counted["total_tokens"] <= 0:
        said = said_from(message).model_dump(mode="json")
        return Usage(calls=1, input_tokens=_estimate(asked), output_tokens=_estimate(said))
    return Usage(
        calls=1,
        input_tokens=counted["input_tokens"],
        cached_input_tokens=counted.get("input_token_details", {}).get("cache_read") or 0,
        output_tokens=counted["output_tokens"],
    )


def _estimate(value: JsonValue) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode()) // BYTES_PER_TOKEN + 1


def _calls(message: AIMessage) -> tuple[Call, ...]:
    if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
        # Its `tool_calls` are read leniently: of arguments that were cut off, what there is.
        return tuple(
            Call(name=each["name"] or "", arguments=_arguments(each["args"] or "{}"))
            for each in message.tool_call_chunks
        )
    valid = [Call(name=call["name"], arguments=call["args"]) for call in message.tool_calls]
    invalid = [
        Call(name=call["name"] or "", arguments=call["args"] or "")
        for call in message.invalid_tool_calls
    ]
    return (*valid, *invalid)


def _arguments(text: str) -> dict[str, JsonValue] | str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _ending(message: AIMessage) -> str | None:
    for key in ("finish_reason", "stop_reason", "status"):
        if isinstance(word := message.response_metadata.get(key), str):
            return word
    return None
