"""What is recorded of calls to the outside: tools, models, and the state of their circuits."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import JsonValue

from agents.domain.breaker import Circuit
from agents.domain.finding import Part
from agents.domain.usage import Usage
from bus.domain.message import Payload

CallStatus: TypeAlias = Literal[
    "succeeded", "failed", "timed_out", "denied", "refused", "circuit_open", "cancelled"
]

Source: TypeAlias = Literal["made", "memory", "store", "shared"]
"""Where an answer came from: it was made for this call, kept in this process, kept outside it, or
made at that moment for another call of the same."""

ModelPurpose: TypeAlias = Literal[
    "examine", "examine_simplified", "settle", "synthesise", "synthesise_simplified"
]

ModelCallStatus: TypeAlias = Literal[
    "succeeded",
    "failed",
    "timed_out",
    "throttled",
    "refused",
    "over_budget",
    "circuit_open",
    "cancelled",
]


class ToolCalled(Payload):
    """One call of one tool, with everything needed to answer it from the record.

    `result` is the tool's result as JSON, at most 256 KiB; `error` a sentence if there is none.
    `source` says where the result came from, and `age` how many seconds ago it was made.
    """

    message_type: ClassVar[str] = "convener.tool.called.v1"

    tool: str
    arguments: dict[str, JsonValue]
    caller: str
    request_id: str
    task_id: str | None
    status: CallStatus
    result: JsonValue = None
    error: str = ""
    effect: Literal["pure", "idempotent", "effect"]
    seconds: float
    source: Source = "made"
    age: float = 0.0


class PromptUsed(Part):
    """A prompt by its name and the digest of its text."""

    name: str
    version: str


class ModelCalled(Payload):
    """One exchange with a model, with everything needed to answer it from the record.

    `key` is a digest of all that was sent; `input` is what was added since the exchange before it
    in the same conversation, `output` the answer as JSON; either is None where it exceeds 128 KiB.
    `error` is a sentence if there is none. `attempts` counts requests that went out, `waited` is
    the seconds spent because the provider asked for a pause.
    """

    message_type: ClassVar[str] = "convener.model.called.v1"

    model: str
    endpoint: str
    caller: str
    request_id: str
    task_id: str | None
    purpose: ModelPurpose
    prompt: PromptUsed
    key: str
    input: JsonValue = None
    status: ModelCallStatus
    output: JsonValue = None
    error: str = ""
    usage: Usage = Usage()
    attempts: int = 0
    waited: float = 0.0
    seconds: float
    source: Source = "made"
    age: float = 0.0


class CircuitChanged(Payload):
    """A circuit breaker changed its state; `retry_after` is seconds."""

    message_type: ClassVar[str] = "convener.circuit.changed.v1"

    name: str
    before: Circuit
    after: Circuit
    retry_after: float
    host: str
