"""What is recorded of calls to the outside: tool calls and the state of their circuits."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import JsonValue

from agents.domain.breaker import Circuit
from bus.domain.message import Payload

CallStatus: TypeAlias = Literal[
    "succeeded", "failed", "timed_out", "denied", "refused", "circuit_open", "cancelled"
]


class ToolCalled(Payload):
    """One call of one tool, with everything needed to answer it from the record.

    `result` is the tool's result as JSON, at most 256 KiB; `error` a sentence if there is none.
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


class CircuitChanged(Payload):
    """A circuit breaker changed its state; `retry_after` is seconds."""

    message_type: ClassVar[str] = "convener.circuit.changed.v1"

    name: str
    before: Circuit
    after: Circuit
    retry_after: float
    host: str
