"""The seam to language models: a brief goes in, an answer of a given type comes out.

Implementations stand in `agents/models/`. A model may call tools and take several exchanges; each
exchange goes through the gate that it is given, which pays for it, records it, or answers it from
what is known (`agents.reasoning.model_gateway`).

*Not here*: what is asked; that is `agents.examination.consultation` and `agents.model_synthesis`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, JsonValue

from agents.domain.usage import Usage

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What a tool says to a model; `is_error` when it could not measure."""

    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool as a model sees it.

    `parameters` is a JSON schema. `call` raises nothing for a wrong call or a failing tool: it
    answers with an error that the model can read. A tool that `is_available` no longer leaves the
    list before the next exchange.
    """

    name: str
    description: str
    parameters: Mapping[str, JsonValue]
    call: Callable[[Mapping[str, JsonValue]], Awaitable[ToolAnswer]]
    is_available: Callable[[], bool]


Refuse: TypeAlias = Callable[[str, Mapping[str, JsonValue]], Awaitable[str]]
"""Is given the name and the arguments of a call that cannot be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief(Generic[A]):
    """One question to a model.

    `system` is ours alone; `material` carries what comes from data and is never an instruction.
    `answer` is the type of the answer. `refuse` is told of calls of tools that are not offered, and
    says why there is no answer. At most `max_exchanges` exchanges are made; in the last one
    no tool is offered, so that the model has to answer. `max_output_tokens` bounds each of them.
    """

    system: str
    material: str
    answer: type[A]
    tools: Sequence[OfferedTool] = ()
    refuse: Refuse | None = None
    max_exchanges: int = 8
    max_output_tokens: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One round trip that is about to be made.

    `messages` are all messages of the conversation so far as JSON, `terms` everything else that
    shapes the reply: tools, answer schema, settings. `is_tainted` when an error of a tool is among
    the messages, so that the reply must not be kept for others.
    """

    messages: Sequence[JsonValue]
    terms: JsonValue
    max_output_tokens: int
    is_tainted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: the model's message as JSON, and the tokens it took."""

    message: JsonValue
    usage: Usage


Send: TypeAlias = Callable[[int], Awaitable[Reply]]
"""Makes the round trip with that many output tokens at most.

Raises ModelUnavailableError, ModelThrottledError, ModelRefusedError, ModelOverflowError or
ModelAnswerError; its time is bounded by the gate.
"""

Gate: TypeAlias = Callable[[Exchange, Send], Awaitable[Reply]]
Listen: TypeAlias = Callable[[str], None]
"""Is told each piece of text as the model writes it."""


class Model(Protocol):
    """One model at one provider."""

    @property
    def name(self) -> str:
        """As the user named it: `openai:gpt-4o-mini`."""
        ...

    @property
    def endpoint(self) -> str:
        """What stands and falls together: model, host and key, the key as a digest."""
        ...

    async def answer(self, brief: Brief[A], *, gate: Gate, listen: Listen) -> A:
        """The model's answer.

        Raises:
            ModelAnswerError: there is none of that type within the exchanges allowed.
            ModelError: as the gate raises it.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections. Idempotent."""
        ...
