"""What the provider of `tests.support.openai_server` may say, and how it looks on the wire."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PIECE = 8
"""Characters in one piece of a stream."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came; `body` is decoded JSON."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return self.body["messages"]

    @property
    def material(self) -> str:
        """What the user said first."""
        return next(each["content"] for each in self.messages if each["role"] == "user")

    @property
    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of the tools that are offered, without the form of the answer."""
        return {
            name: schema
            for name, schema in self._functions.items()
            if self.has_native_form or name != self.form
        }

    @property
    def results(self) -> Sequence[str]:
        """What tools have answered so far."""
        return [each["content"] for each in self.messages if each["role"] == "tool"]

    @property
    def has_native_form(self) -> bool:
        return "response_format" in self.body

    @property
    def form(self) -> str | None:
        """The name of the form in which an answer is wanted."""
        if self.has_native_form:
            return self.body["response_format"]["json_schema"]["name"]
        if self.body.get("tool_choice") == "required":
            return list(self._functions)[-1]
        return None

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The schema of the answer that is wanted."""
        if self.has_native_form:
            return self.body["response_format"]["json_schema"]["schema"]
        return None if self.form is None else self._functions[self.form]

    @property
    def _functions(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            each["function"]["name"]: each["function"].get("parameters", {})
            for each in self.body.get("tools", ())
        }


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call of a tool; arguments that are a string are sent as they are."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A reply of the model.

    `usage` is tokens in, out, and those of in that were cached; None sends no count. `pause` is
    seconds between pieces of a stream. After `stall_after` pieces nothing more comes, after
    `cut_after` the connection breaks, after `end_after` the stream ends as if that were all.
    """

    text: str = ""
    calls: Sequence[ToolCall] = ()
    usage: tuple[int, int, int] | None = (100, 20, 0)
    finish: str | None = None
    refusal: str | None = None
    pause: float = 0.0
    stall_after: int | None = None
    cut_after: int | None = None
    end_after: int | None = None

    def completion(self, request: Request, number: int) -> dict[str, Any]:
        """As one JSON object."""
        calls = [_wire_call(each, number, index) for index, each in enumerate(self.calls)]
        message = {"role": "assistant", "content": self.text or None, "refusal": self.refusal}
        if calls:
            message["tool_calls"] = [
                {key: value for key, value in each.items() if key != "index"} for each in calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._finish, "logprobs": None}
        completion = {**_head(request, number), "object": "chat.completion", "choices": [choice]}
        return completion if self.usage is None else {**completion, "usage": self._usage}

    def chunks(self, request: Request, number: int) -> Iterator[dict[str, Any]]:
        """As the pieces of a stream."""
        head = {**_head(request, number), "object": "chat.completion.chunk"}

        def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
            return {**head, "choices": [choice]}

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(self.text):
            yield chunk({"content": piece})
        for piece in _pieces(self.refusal or ""):
            yield chunk({"refusal": piece})
        for index, call in enumerate(self.calls):
            wire = _wire_call(call, number, index)
            arguments = wire["function"]["arguments"]
            opening = {**wire, "function": {"name": call.name, "arguments": ""}}
            yield chunk({"tool_calls": [opening]})
            for piece in _pieces(arguments):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, self._finish)
        if self.usage is not None and request.body.get("stream_options", {}).get("include_usage"):
            yield {**head, "choices": [], "usage": self._usage}

    @property
    def _finish(self) -> str:
        return self.finish or ("tool_calls" if self.calls else "stop")

    @property
    def _usage(self) -> dict[str, Any]:
        assert self.usage is not None
        read, written, cached = self.usage
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": cached},
        }


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error with an HTTP status."""

    status: int
    message: str = "The server had an error."
    code: str | None = None
    type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        error = {"message": self.message, "type": self.type, "param": None, "code": self.code}
        return json.dumps({"error": error}).encode()


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Any bytes as the body of a response."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


@dataclass(frozen=True, kw_only=True)
class Form:
    """An answer in the form that the request asks for."""

    value: Any

    def reply(self, request: Request) -> Reply:
        if request.has_native_form or request.form is None:
            return Reply(text=json.dumps(self.value))
        return Reply(calls=[ToolCall(name=request.form, arguments=self.value)])


class Silence:
    """Nothing, not even headers, until the client leaves."""


class Hangup:
    """The connection breaks without a word."""


Said = Reply | Failure | Raw | Form | Silence | Hangup | str | Sequence[ToolCall]
"""What a script may return: a string is text, a sequence the calls of one turn."""


def _head(request: Request, number: int) -> dict[str, Any]:
    model = request.body["model"]
    return {"id": f"chatcmpl-{number}", "created": 1_700_000_000 + number, "model": model}


def _wire_call(call: ToolCall, number: int, index: int) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    function = {"name": call.name, "arguments": arguments}
    id = call.id or f"call_{number}x{index}"
    return {"index": index, "id": id, "type": "function", "function": function}


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
