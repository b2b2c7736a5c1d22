"""CloudEvents JSON to `AgentMessage` and back.

Decoding has two steps, so that whoever only needs the attributes never touches a payload:
`parse` turns bytes into an `Event`, refusing hostile input before it is understood; `decode` turns
an event into a typed message. `encode` writes the bytes in one pass.

| attribute of `AgentMessage` | attribute of the event |
|---|---|
| `id`, `sender`, `message_type` | `id`, `source`, `type` |
| `recipient`, `timestamp` | `subject`, `time` |
| `content` | `data` |
| `correlation_id`, `causation_id`, `reply_to` | `correlationid`, `causationid`, `replyto` |
| `expires_at`, `traceparent` | `expiresat`, `traceparent` |
| `metadata` | every other extension attribute |

*Source*: CloudEvents 1.0.2, sections 3.1 and 4 and its JSON event format.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

from bus.domain.envelope import Envelope, Headers
from bus.domain.message import (
    METADATA_NAME,
    AgentMessage,
    MessageId,
    Payload,
    Registry,
    Scalar,
    check_metadata,
    request_key,
)
from bus.errors import MalformedMessageError, MessageTooLargeError

CONTENT_TYPE: Final = "application/cloudevents+json"
MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_METADATA: Final = 32

_EXTENSIONS: Final = ("correlationid", "causationid", "replyto", "expiresat", "traceparent")
_KNOWN: Final = frozenset(
    {
        *("specversion", "id", "source", "type", "subject", "time"),
        *("datacontenttype", "dataschema", "data"),
        *_EXTENSIONS,
    }
)
_TEXT_LIMIT: Final = 2048
_SAID_LIMIT: Final = 120
"""Characters of what somebody sent that an error quotes."""
_INTEGERS: Final = range(-(2**31), 2**31)
"""What CloudEvents allows as an attribute."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A CloudEvents event whose attributes are checked and whose data is still plain JSON."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime | None
    correlation_id: str | None
    causation_id: str | None
    reply_to: str | None
    expires_at: datetime | None
    traceparent: str | None
    metadata: Mapping[str, Scalar]
    data: Any

    @property
    def conversation(self) -> str:
        """The correlation id; an event that has none begins a conversation under its own key."""
        return self.correlation_id or request_key(self.source, self.id)


def encode(message: AgentMessage[Payload]) -> bytes:
    """The event as UTF-8 JSON.

    Raises:
        MessageTooLargeError: it is larger than `MAX_BYTES`.
        UsageError: a metadata name is not one that CloudEvents allows.
    """
    attributes: dict[str, Scalar] = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.sender,
        "type": message.message_type,
        "subject": message.recipient,
        "time": format_instant(message.timestamp),
        "datacontenttype": "application/json",
    }
    if message.correlation_id is not None:
        attributes["correlationid"] = message.correlation_id
    if message.causation_id is not None:
        attributes["causationid"] = message.causation_id
    if message.reply_to is not None:
        attributes["replyto"] = message.reply_to
    if message.expires_at is not None:
        attributes["expiresat"] = format_instant(message.expires_at)
    if message.traceparent is not None:
        attributes["traceparent"] = message.traceparent
    attributes.update(check_metadata(message.metadata))
    head = to_json(attributes)
    data = message.content.__pydantic_serializer__.to_json(message.content)
    body = b"".join((head[:-1], b',"data":', data, b"}"))
    if len(body) > MAX_BYTES:
        raise MessageTooLargeError(size=len(body), limit=MAX_BYTES)
    return body


def seal(message: AgentMessage[Payload], headers: Headers | None = None) -> Envelope:
    """`message` encoded, addressed to its recipient."""
    return Envelope(
        topic=message.recipient,
        body=encode(message),
        id=message.id,
        message_type=message.message_type,
        correlation_id=message.conversation,
        reply_to=message.reply_to,
        headers=headers or {},
    )


def parse(body: bytes) -> Event:
    """The event in `body`.

    Raises:
        MessageTooLargeError: it is larger than `MAX_BYTES`.
        MalformedMessageError: it is not a JSON object in UTF-8 with the attributes of a CloudEvents
            1.0 event, or it is nested deeper than `MAX_DEPTH`, repeats a key, or holds NaN, a
            number beyond all floats or half a surrogate pair.
    """
    if len(body) > MAX_BYTES:
        raise MessageTooLargeError(size=len(body), limit=MAX_BYTES)
    attributes = _json_object(body)
    if attributes.get("specversion") != "1.0":
        raise MalformedMessageError("The message is not a CloudEvents 1.0 event.")
    if "data_base64" in attributes:
        raise MalformedMessageError("The event's data must be JSON, not base64.")
    metadata = {name: value for name, value in attributes.items() if name not in _KNOWN}
    if len(metadata) > MAX_METADATA:
        raise MalformedMessageError(f"The event has more than {MAX_METADATA} extension attributes.")
    for name, value in metadata.items():
        if not METADATA_NAME.fullmatch(name):
            raise MalformedMessageError(
                f"The event's attribute {name[:40]!r} is not named with 1 to 20 lower-case letters "
                "or digits."
            )
        if not isinstance(value, str) and not (isinstance(value, int) and value in _INTEGERS):
            raise MalformedMessageError(
                f"The event's attribute {name!r} is no scalar: a text, boolean or 32-bit integer."
            )
    return Event(
        id=_required(attributes, "id"),
        source=_required(attributes, "source"),
        type=_required(attributes, "type"),
        subject=_text(attributes, "subject"),
        time=_instant(attributes, "time"),
        correlation_id=_text(attributes, "correlationid"),
        causation_id=_text(attributes, "causationid"),
        reply_to=_text(attributes, "replyto"),
        expires_at=_instant(attributes, "expiresat"),
        traceparent=_text(attributes, "traceparent"),
        metadata=metadata,
        data=attributes.get("data"),
    )


def decode(event: Event, registry: Registry, *, topic: str, now: datetime) -> AgentMessage[Payload]:
    """The typed message of `event`, which arrived under `topic` at `now`.

    A client may leave out `subject` and `time`; the topic and `now` stand in for them.

    Raises:
        UnknownMessageTypeError: its type is not registered.
        MalformedMessageError: its data does not fit its type.
    """
    data = event.data if isinstance(event.data, Mapping) else {}
    try:
        message_type, data = registry.upcast(event.type, data)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise MalformedMessageError(
            f"The content does not fit {event.type}: it cannot be lifted to its newest version."
        ) from error
    payload_type = registry.payload_type(message_type)
    try:
        content = payload_type.model_validate(data)
    except ValidationError as error:
        raise MalformedMessageError(
            f"The content does not fit {message_type}: {_first_problem(error)}."
        ) from error
    return AgentMessage(
        id=MessageId(event.id),
        sender=event.source,
        recipient=event.subject or topic,
        content=content,
        timestamp=event.time or now,
        metadata=event.metadata,
        correlation_id=event.correlation_id,
        causation_id=MessageId(event.causation_id) if event.causation_id else None,
        reply_to=event.reply_to,
        expires_at=event.expires_at,
        traceparent=event.traceparent,
    )


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, so that instants sort as text."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise MalformedMessageError("The message is not UTF-8.") from error
    except RecursionError as error:
        raise MalformedMessageError("The message is nested too deeply.") from error
    except ValueError as error:
        raise MalformedMessageError(f"The message is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise MalformedMessageError("The message is not a JSON object.")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if b"\\ud" in body or b"\\uD" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedMessageError("The message holds half a surrogate pair.") from error
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedMessageError("The message repeats a key.")
    return result


def _no_constant(name: str) -> Any:
    raise MalformedMessageError(f"The message holds {name}, which is not JSON.")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedMessageError("The message holds a number that is beyond all floats.")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for item in level:
            children = item.values() if isinstance(item, dict) else item
            inner.extend(child for child in children if isinstance(child, (dict, list)))
        if not inner:
            return
        level = inner
    raise MalformedMessageError(f"The message is nested deeper than {MAX_DEPTH} levels.")


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > _TEXT_LIMIT:
        raise MalformedMessageError(
            f"The event's {name!r} is not a text of 1 to {_TEXT_LIMIT} characters."
        )
    if _CONTROL.search(value):
        raise MalformedMessageError(f"The event's {name!r} holds control characters.")
    return value


def _required(attributes: Mapping[str, Any], name: str) -> str:
    value = _text(attributes, name)
    if value is None:
        raise MalformedMessageError(f"The event has no {name!r}.")
    return value


def _instant(attributes: Mapping[str, Any], name: str) -> datetime | None:
    value = _text(attributes, name)
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise MalformedMessageError(f"The event's {name!r} has no time zone.")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedMessageError(f"The event's {name!r} is not an RFC 3339 instant.") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "content"
    return f"{_quoted(where)}: {_quoted(problem['msg'])}"


def _quoted(text: str) -> str:
    """`text`, of which a sender may have written a part, on one short line."""
    short = text if len(text) <= _SAID_LIMIT else f"{text[:_SAID_LIMIT]}…"
    return short if short.isprintable() else repr(short)
