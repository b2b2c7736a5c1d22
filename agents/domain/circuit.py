"""Looking at the circuit breakers of all processes, and setting them by hand.

*Not here*: what a breaker tells by itself; that is `CircuitChanged` in `agents.domain.call`.
"""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from agents.domain.breaker import Circuit, ForcedCircuit
from agents.domain.finding import Part
from bus.domain.message import Payload

CircuitName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
"""A tool's name, or a model's endpoint such as `model:openai:gpt-x@host`."""


class CircuitSnapshot(Part):
    """One circuit of one process at one moment.

    `calls`, `failures` and `slow` count the window, of an open circuit the one that opened it;
    `consecutive` counts failures in a row, `openings` how often it opened. `retry_after` is the
    seconds until it may let a call through, 0 if it would now. `last_error` is one sentence, empty
    if no call has failed. `is_shared` marks an opening that was taken over from another process.
    """

    name: str
    circuit: Circuit
    calls: int
    failures: int
    slow: int
    consecutive: int
    openings: int
    retry_after: float
    last_error: str = ""
    is_shared: bool = False

    @property
    def failure_rate(self) -> float:
        """Share of the window that failed, from 0 to 1."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """Share of the window that was slow, from 0 to 1."""
        return self.slow / self.calls if self.calls else 0.0


class CircuitForced(Payload):
    """An order to every process: put the circuit `name` there, whatever it is now."""

    message_type: ClassVar[str] = "convener.circuit.forced.v1"

    name: CircuitName
    circuit: ForcedCircuit


class CircuitsAsked(Payload):
    """An order to every process: show your circuits to whoever asks."""

    message_type: ClassVar[str] = "convener.circuits.asked.v1"


class CircuitsShown(Payload):
    """One process's answer to `CircuitsAsked`, or to `CircuitForced` with that circuit alone.

    `process` is the operating system's number of it. `circuits` are sorted by name; a reset of one
    that the process never had shows none.
    """

    message_type: ClassVar[str] = "convener.circuits.shown.v1"

    host: str
    process: int
    circuits: tuple[CircuitSnapshot, ...]
