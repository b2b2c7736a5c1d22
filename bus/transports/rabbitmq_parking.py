"""What a parked message says about its end, in headers of its own.

A message that we park tells who gave it up, when and why. One that the broker parked, because its
consumers crashed on it or because its group's queue is gone, says so in the broker's `x-death`; the
error of a crash is nowhere.
"""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, get_args
from uuid import uuid4

from aiormq.abc import DeliveredMessage

from bus.dead_letter import DeadLetter
from bus.domain.codec import format_instant
from bus.domain.envelope import Headers
from bus.domain.fault import ParkReason
from bus.transports import rabbitmq_wire as wire
from bus.transports.rabbitmq_topology import RETURN_EXCHANGE, TOPIC_EXCHANGE, group_of

_ID: Final = "convener-dead-id"
_REASON: Final = "convener-dead-reason"
_ERROR: Final = "convener-dead-error"
_ATTEMPTS: Final = "convener-dead-attempts"
_HOST: Final = "convener-dead-host"
_GROUP: Final = "convener-dead-group"
_PARKED_AT: Final = "convener-dead-at"

_ERROR_LENGTH: Final = 4000


def marks(*, reason: ParkReason, error: str, attempts: int, group: str, now: datetime) -> Headers:
    """The headers under which we park a message that `group` gave up."""
    return {
        _ID: uuid4().hex,
        _REASON: reason,
        _ERROR: error[:_ERROR_LENGTH],
        _ATTEMPTS: str(attempts),
        _HOST: socket.gethostname(),
        _GROUP: group,
        _PARKED_AT: format_instant(now),
    }


def abandonment(message: DeliveredMessage) -> tuple[ParkReason, str] | None:
    """Why the broker parked it, as a reason and a sentence; None if the broker did not."""
    headers = message.header.properties.headers or {}
    if _ID in headers or not headers.get("x-death"):
        return None
    if message.exchange == RETURN_EXCHANGE:
        return "failed", "Its group was gone when it was to be tried again."
    return "delivery_limit", "Its consumers crashed, again and again."


def dead_letter(message: DeliveredMessage) -> DeadLetter:
    """A message taken from the parked queue."""
    headers = wire.texts(message.header.properties.headers)
    published_at = wire.published_at(message)
    envelope = wire.envelope_of(message, topic_exchange=TOPIC_EXCHANGE).without_token()
    death = _last_death(message)
    reason, error = abandonment(message) or (_reason(headers), headers.get(_ERROR, ""))
    return DeadLetter(
        id=headers.get(_ID) or message.header.properties.message_id or _digest(message),
        envelope=envelope,
        group=headers.get(_GROUP, group_of(_queue(death))),
        reason=reason,
        error=error,
        attempts=int(headers.get(_ATTEMPTS) or wire.attempt_of(message)),
        host=headers.get(_HOST, ""),
        published_at=format_instant(published_at) if published_at else "",
        parked_at=headers.get(_PARKED_AT) or _time(death),
    )


def _digest(message: DeliveredMessage) -> str:
    """An id for what carries none, the same each time it is looked at."""
    return sha256(_time(_last_death(message)).encode() + message.body).hexdigest()[:32]


def _reason(headers: Headers) -> str:
    reason = headers.get(_REASON, "")
    return reason if reason in get_args(ParkReason) else "failed"


def _last_death(message: DeliveredMessage) -> Mapping[str, Any]:
    deaths = (message.header.properties.headers or {}).get("x-death")
    first = deaths[0] if isinstance(deaths, list) and deaths else None
    return first if isinstance(first, Mapping) else {}


def _queue(death: Mapping[str, Any]) -> str:
    """The group's queue it was in or, if it died on the way back there, was to go to."""
    keys = death.get("routing-keys")
    if death.get("reason") == "expired" and isinstance(keys, list) and keys:
        return str(keys[0])
    return str(death.get("queue", ""))


def _time(death: Mapping[str, Any]) -> str:
    time = death.get("time")
    return format_instant(time.astimezone(UTC)) if isinstance(time, datetime) else ""
