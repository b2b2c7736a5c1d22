"""A model without a network: says what the test wants, one exchange at a time, through the gate."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from agents.domain.usage import Usage
from agents.errors import ModelAnswerError, ModelError
from agents.model import Brief, Exchange, Gate, Listen, Reply

A = TypeVar("A", bound=BaseModel)

Said = Mapping[str, JsonValue] | ModelError
Script = Callable[[Brief[Any]], Said]


@dataclass
class FakeModel:
    """Implements `agents.model.Model`. `script` gives the answer to each brief, or the failure.

    `calls` are the briefs whose exchange really went out. `looks_up` are tool calls made before
    the answer, by tool name with arguments; `tool_answers` what the tools said. It `lingers` for so
    many seconds after it has written, and for ever over an answer of the type `lingers_for`.
    """

    script: Script
    name: str = "openai:fake"
    endpoint: str = "openai:fake@here key-00000000"
    usage: Usage = field(default_factory=lambda: Usage(calls=1, input_tokens=100, output_tokens=20))
    looks_up: Sequence[tuple[str, Mapping[str, JsonValue]]] = ()
    calls: list[Brief[Any]] = field(default_factory=list)
    tool_answers: list[str] = field(default_factory=list)
    allowed: list[int] = field(default_factory=list)
    lingers: float = 0.0
    lingers_for: type[Any] | None = None
    is_lingering: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    async def answer(self, brief: Brief[A], *, gate: Gate, listen: Listen) -> A:
        messages: list[JsonValue] = [
            {"role": "system", "content": brief.system},
            {"role": "user", "content": brief.material},
        ]
        is_tainted = False
        for name, arguments in self.looks_up:
            offered = {tool.name: tool for tool in brief.tools}
            if name not in offered or not offered[name].is_available():
                continue
            answer = await offered[name].call(arguments)
            self.tool_answers.append(answer.text)
            is_tainted = is_tainted or answer.is_error
            messages.append({"role": "tool", "content": answer.text})

        async def send(max_output_tokens: int) -> Reply:
            self.calls.append(brief)
            self.allowed.append(max_output_tokens)
            said = self.script(brief)
            if isinstance(said, ModelError):
                raise said
            listen(json.dumps(said))
            if brief.answer is self.lingers_for:
                self.is_lingering.set()
                await asyncio.Event().wait()
            await asyncio.sleep(self.lingers)
            return Reply(message=dict(said), usage=self.usage)

        exchange = Exchange(
            messages=messages,
            terms={"answer": brief.answer.__name__},
            max_output_tokens=brief.max_output_tokens,
            is_tainted=is_tainted,
        )
        reply = await gate(exchange, send)
        try:
            return brief.answer.model_validate(reply.message)
        except ValidationError as error:
            raise ModelAnswerError("The answer has another form.") from error

    async def aclose(self) -> None:
        self.is_closed = True
