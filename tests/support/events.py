"""Envelopes with small valid events in them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(
    topic: str,
    *,
    id: str | None = None,
    message_type: str = "shop.order.placed.v1",
    source: str = "shop",
    minute: int = 0,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    reply_to: str | None = None,
    headers: Mapping[str, str] | None = None,
    data: object = None,
) -> Envelope:
    """An event for `topic`, which happened `minute` minutes after `NOON`."""
    id = id or str(uuid4())
    attributes = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": message_type,
        "subject": topic,
        "time": format_instant(NOON + timedelta(minutes=minute)),
        "correlationid": correlation_id,
        "causationid": causation_id,
        "replyto": reply_to,
        "data": data,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    return Envelope(
        topic=topic,
        body=json.dumps(present, ensure_ascii=False).encode(),
        id=id,
        message_type=message_type,
        correlation_id=correlation_id,
        reply_to=reply_to,
        headers=headers or {},
    )


def events(topic: str, count: int) -> list[Envelope]:
    """`count` different events for `topic`."""
    return [event(topic, data=number) for number in range(count)]
