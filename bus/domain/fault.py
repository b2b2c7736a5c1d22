"""`Fault`: the payload that ends a wait when no reply can come."""

from typing import ClassVar, Literal, TypeAlias

from bus.domain.message import Payload

ParkReason: TypeAlias = Literal[
    "malformed",
    "unknown_type",
    "not_permitted",
    "expired",
    "delivery_limit",
    "attempts_exhausted",
    "failed",
]
"""Why a message was parked; the same words wherever a parked message is shown."""

FaultReason: TypeAlias = ParkReason | Literal["cancelled", "unroutable"]


class Fault(Payload):
    """Sent to the reply address of a message that was parked or cancelled.

    `reason` is for programs, `error` is one sentence for people. The fault's causation id is the
    id of the message that failed.
    """

    message_type: ClassVar[str] = "convener.message.faulted.v1"

    reason: FaultReason
    error: str
    attempts: int = 1
