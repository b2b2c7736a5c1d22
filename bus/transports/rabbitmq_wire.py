"""`Envelope` to AMQP properties and back.

The body travels as it is. What the transport itself needs travels in headers of its own, beside
those of the envelope: the message's id, which attempt a copy is, and the topic of a copy that does
not come through the topic exchange. The AMQP message id is another one for every publish, since the
driver tells returned messages apart by it.

*Not here*: what is in a body; that is `bus.domain.codec`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from bus.domain.codec import CONTENT_TYPE
from bus.domain.envelope import CARBON_COPIES, TOKEN_HEADER, Envelope, Headers
from bus.errors import MessageTooLargeError

ID_HEADER: Final = "convener-id"
ATTEMPT_HEADER: Final = "convener-attempt"
TOPIC_HEADER: Final = "convener-topic"

QUEUE_PREFIX: Final = "convener."

MAX_HEADER_BYTES: Final = 64 * 1024
"""All headers together; the broker closes the connection on twice as much."""

_MAX_FOREIGN_BYTES: Final = MAX_HEADER_BYTES // 2
_MAX_MARK: Final = 2048
_MAX_SHORT_BYTES: Final = 255
_MAX_NESTING: Final = 16
"""Levels of a header that are looked at; the driver decodes some hundreds."""
_OWN: Final = frozenset({ID_HEADER, ATTEMPT_HEADER, TOPIC_HEADER})
_THAT_MATTER: Final = (ID_HEADER, TOPIC_HEADER, TOKEN_HEADER, *CARBON_COPIES)
_CARRIED: Final = {name: f"convener-{name.lower()}" for name in CARBON_COPIES}
"""Where a copy has what the broker would carry out again, or close the channel on as ill-formed."""
_CARRIED_BACK: Final = {carried: name for name, carried in _CARRIED.items()}
_NOT_ITS_OWN: Final = (
    "convener-dead-",
    "x-death",
    "x-first-death-",
    "x-last-death-",
    "x-delivery-count",
    "x-acquired-",
    "x-stream-offset",
)
_PERSISTENT: Final = 2
_TRANSIENT: Final = 1


def properties(
    envelope: Envelope,
    *,
    now: datetime,
    marks: Headers | None = None,
) -> Basic.Properties:
    """The AMQP properties `envelope` travels with; `marks` are headers that win over its own.

    A mirror that does not fit AMQP is left out: the event in the body is what counts.

    Raises:
        MessageTooLargeError: the headers exceed `MAX_HEADER_BYTES`.
    """
    headers: dict[str, Any] = {
        **{_CARRIED.get(name, name): value for name, value in envelope.headers.items()},
        ID_HEADER: envelope.id,
        **(marks or {}),
    }
    size = sum(len(name) + 4 * len(value) for name, value in headers.items())
    if size > MAX_HEADER_BYTES:
        size = sum(len(name.encode()) + len(value.encode()) for name, value in headers.items())
        if size > MAX_HEADER_BYTES:
            raise MessageTooLargeError(size=size, limit=MAX_HEADER_BYTES)
    return Basic.Properties(
        content_type=CONTENT_TYPE,
        delivery_mode=_TRANSIENT if envelope.is_transient else _PERSISTENT,
        message_id=uuid4().hex,
        message_type=_short(envelope.message_type),
        correlation_id=_short(envelope.correlation_id),
        reply_to=_short(envelope.reply_to),
        timestamp=now,
        headers=headers,
    )


def envelope_of(message: DeliveredMessage, *, topic_exchange: str) -> Envelope:
    """The envelope that arrived as `message`, whoever sent it.

    A routing key is a topic unless it names one of our queues; a copy that was sent to one has its
    topic in a header. That header counts for nothing else: any client can send one, and have the
    broker park the message with it.
    """
    props = message.header.properties
    headers = _bounded(texts(props.headers))
    topic = message.routing_key or ""
    if message.exchange != topic_exchange and topic.startswith(QUEUE_PREFIX):
        topic = headers.get(TOPIC_HEADER) or topic
    return Envelope(
        topic=topic,
        body=bytes(message.body),
        id=headers.get(ID_HEADER, ""),
        message_type=props.message_type or "",
        correlation_id=props.correlation_id or None,
        reply_to=props.reply_to or None,
        headers={
            name: value
            for name, value in headers.items()
            if name not in _OWN and not name.startswith(_NOT_ITS_OWN)
        },
    )


def attempt_of(message: DeliveredMessage) -> int:
    """Which attempt `message` is, as the publisher of the copy said; 1 unless it said so."""
    text = _text((message.header.properties.headers or {}).get(ATTEMPT_HEADER))
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def redeliveries_of(message: DeliveredMessage) -> int:
    """How often the broker had handed `message` out before; it counts on quorum queues only."""
    count = (message.header.properties.headers or {}).get("x-delivery-count")
    if isinstance(count, int):
        return count
    return 1 if message.redelivered else 0


def published_at(message: DeliveredMessage) -> datetime | None:
    """When it was first published, to the second."""
    timestamp = message.header.properties.timestamp
    return timestamp.astimezone(UTC) if isinstance(timestamp, datetime) else None


def texts(headers: Mapping[str, Any] | None) -> dict[str, str]:
    """All headers as text; what is nested is joined by commas, so that nothing goes unseen."""
    return {
        _CARRIED_BACK.get(str(name), str(name)): _text(value)
        for name, value in (headers or {}).items()
    }


def _bounded(headers: dict[str, str]) -> dict[str, str]:
    """`headers`, or those that matter where a foreign client sent more than could be sent on."""
    if (
        sum(len(name) + len(value.encode()) for name, value in headers.items())
        <= _MAX_FOREIGN_BYTES
    ):
        return headers
    return {name: headers[name][:_MAX_MARK] for name in _THAT_MATTER if name in headers}


def _text(value: Any, level: int = 0) -> str:
    if level > _MAX_NESTING:
        return "…"
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case bytes() | bytearray():
            return value.decode("utf-8", "replace")
        case datetime():
            return value.isoformat()
        case Mapping():
            return ",".join(f"{name}={_text(inner, level + 1)}" for name, inner in value.items())
        case Iterable():
            return ",".join(_text(inner, level + 1) for inner in value)
        case _:
            return str(value)


def _short(text: str | None) -> str | None:
    if not text or len(text) > _MAX_SHORT_BYTES or len(text.encode()) > _MAX_SHORT_BYTES:
        return None
    return text
