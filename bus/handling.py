"""What a handler is given and what it may return: the contract between the bus and its users."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from bus.domain.authority import Principal
from bus.domain.message import AgentMessage, Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances under which a message is handled.

    `attempt` is 1 for the first. `redeliveries` counts hand-outs that ended without settlement, as
    after a crash. `principal` is on whose behalf to act. `echo` is the AMQP correlation id that a
    foreign client wants to see again on the reply.
    """

    attempt: int
    redeliveries: int
    principal: Principal
    echo: str | None = None


Handler: TypeAlias = Callable[[AgentMessage[Any], Context], Awaitable[Payload | None]]
"""Handles one message; a payload that it returns is sent to the message's reply address.

It may be called more than once for one message. It raises RetryLater or an error whose `retryable`
is true to be called again, Postpone to be called again without using up an attempt; any other
exception parks the message. It is cancelled when its delivery is lost, its request cancelled, its
time over, or the process stops.
"""

Late: TypeAlias = Callable[[AgentMessage[Any], Context], Awaitable[bool]]
"""Looks at a message whose deadline has passed; True if it has now been answered, so that nothing
expired."""
