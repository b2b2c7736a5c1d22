"""`AgentMessage`, its payloads, and the registry that knows a payload by its wire name."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, NewType, TypeAlias, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from bus.errors import UnknownMessageTypeError, UsageError

MessageId = NewType("MessageId", str)
RequestKey = NewType("RequestKey", str)

Scalar: TypeAlias = str | int | bool
"""What a metadata value can be: the scalar types of CloudEvents that JSON tells apart."""

_NAMESPACE: Final = UUID("6f0c4f0e-6a58-5b1d-9f5c-3a1c1f7a9d10")
_WIRE_NAME = re.compile(r"[a-z0-9]+(\.[a-z0-9_-]+)+\.v[1-9][0-9]*")
METADATA_NAME: Final = re.compile(r"[a-z0-9]{1,20}")


class Payload(BaseModel):
    """The content of a message.

    A payload type states its wire name, which outlives renames of the class:

    >>> class OrderPlaced(Payload):
    ...     message_type = "shop.order.placed.v1"
    ...     order_id: str

    Unknown fields are ignored on read, so that an older process can take part in a rolling upgrade.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    message_type: ClassVar[str]


P = TypeVar("P", bound=Payload)
P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMessage(Generic[P_co]):
    """One typed message from one agent to one topic.

    `recipient` is the topic it is published to. `correlation_id` names the conversation, which is
    the request's key throughout an analysis; `causation_id` names the message that this one answers
    or follows from. `reply_to` is the topic, or the foreign client's queue, that awaits an answer.
    """

    id: MessageId
    sender: str
    recipient: str
    content: P_co
    timestamp: datetime
    metadata: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    correlation_id: str | None = None
    causation_id: MessageId | None = None
    reply_to: str | None = None
    expires_at: datetime | None = None
    traceparent: str | None = None

    @property
    def message_type(self) -> str:
        """The wire name of the content, such as `convener.analysis.requested.v1`."""
        return self.content.message_type

    @property
    def conversation(self) -> str:
        """The correlation id; a message that has none begins a conversation under its own key."""
        return self.correlation_id or request_key(self.sender, self.id)

    def is_expired(self, now: datetime) -> bool:
        """Whether `now` is at or past the message's deadline."""
        return self.expires_at is not None and now >= self.expires_at


def request_key(source: str, id: str) -> RequestKey:
    """The identity of a request: the same for every copy of one logical publish.

    *Source*: CloudEvents 1.0 (`source` + `id` identify an event); RFC 9562, UUIDv5.
    """
    return RequestKey(derived_id(source, id))


def derived_id(*parts: str) -> str:
    """A UUIDv5 over `parts`; distinct sequences of parts give distinct ids."""
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def event_topic(message_type: str) -> str:
    """The topic on which an event of that wire name is announced.

    >>> event_topic("convener.report.published.v1")
    'event.report.published'
    """
    return ".".join(["event", *message_type.split(".")[1:-1]])


def check_metadata(metadata: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
    """`metadata` itself.

    Raises:
        UsageError: a name is not 1 to 20 lower-case letters or digits.
    """
    for name in metadata:
        if not METADATA_NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no metadata name: use 1 to 20 lower-case letters or digits."
            )
    return metadata


Upcast: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Turns the content of an older version into that of the next one."""


class Registry:
    """The payload types that a process understands, by wire name.

    >>> class OrderPlaced(Payload):
    ...     message_type = "shop.order.placed.v1"
    ...     order_id: str
    >>> Registry(OrderPlaced).payload_type("shop.order.placed.v1").__name__
    'OrderPlaced'

    `upcasts` maps an older wire name to the next one and the function that lifts the content there.
    """

    def __init__(
        self,
        *payload_types: type[Payload],
        upcasts: Mapping[str, tuple[str, Upcast]] | None = None,
    ) -> None:
        self._types: dict[str, type[Payload]] = {}
        self._upcasts = dict(upcasts or {})
        for payload_type in payload_types:
            name = getattr(payload_type, "message_type", "")
            if not _WIRE_NAME.fullmatch(name):
                raise UsageError(
                    f"{payload_type.__name__} needs a message_type such as 'shop.order.placed.v1'."
                )
            if self._types.setdefault(name, payload_type) is not payload_type:
                raise UsageError(f"Two payload types are registered as {name!r}.")

    def __iter__(self) -> Iterator[type[Payload]]:
        return iter(self._types.values())

    def __or__(self, other: "Registry") -> "Registry":
        merged = Registry(*{*self._types.values(), *other._types.values()})
        merged._upcasts = {**self._upcasts, **other._upcasts}
        return merged

    def payload_type(self, message_type: str) -> type[Payload]:
        """The type registered under that wire name.

        Raises:
            UnknownMessageTypeError: there is none.
        """
        try:
            return self._types[message_type]
        except KeyError:
            raise UnknownMessageTypeError(message_type) from None

    def upcast(self, message_type: str, data: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The newest wire name and content that `data` of `message_type` can be lifted to."""
        while message_type not in self._types and message_type in self._upcasts:
            message_type, lift = self._upcasts[message_type]
            data = lift(data)
        return message_type, data
