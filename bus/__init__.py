"""The message bus: typed messages between agents, durable, recorded, replayable.

It knows messages and nothing of what they are about. These names are its public face; drivers are
imported by `connect` when a URL asks for them.
"""

from bus.clock import Clock, SystemClock
from bus.connect import connect, database_path
from bus.consumer import Consumer
from bus.dead_letter import DeadLetter, DeadLetters
from bus.domain.authority import PERMISSIONS, Principal, Verify, trust_local_user
from bus.domain.codec import Event, decode, encode, format_instant, parse
from bus.domain.fault import Fault
from bus.domain.message import (
    AgentMessage,
    MessageId,
    Payload,
    Registry,
    RequestKey,
    derived_id,
    event_topic,
    request_key,
)
from bus.domain.retry import RetryPolicy
from bus.domain.topic import check_topic, matches
from bus.errors import (
    BusError,
    ConnectionLostError,
    MalformedMessageError,
    MessageError,
    MessageTooLargeError,
    NotPermittedError,
    Postpone,
    RefusedError,
    RequestFaultedError,
    RequestTimeoutError,
    RetryLater,
    SettlementError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    TransportClosedError,
    TransportError,
    UnconfirmedError,
    UnknownMessageTypeError,
    UnreachableError,
    UnroutableError,
    UsageError,
)
from bus.handling import Context, Handler, Late
from bus.history import History, HistoryQuery, HistoryRecord, Position
from bus.ledger import Claim, Leased, Ledger, Recorded
from bus.message_bus import MessageBus
from bus.tasks import task_group
from bus.transport import Subscription

__all__ = [
    "PERMISSIONS",
    "AgentMessage",
    "BusError",
    "Claim",
    "Clock",
    "ConnectionLostError",
    "Consumer",
    "Context",
    "DeadLetter",
    "DeadLetters",
    "Event",
    "Fault",
    "Handler",
    "History",
    "HistoryQuery",
    "HistoryRecord",
    "Late",
    "Leased",
    "Ledger",
    "MalformedMessageError",
    "MessageBus",
    "MessageError",
    "MessageId",
    "MessageTooLargeError",
    "NotPermittedError",
    "Payload",
    "Position",
    "Postpone",
    "Principal",
    "Recorded",
    "RefusedError",
    "Registry",
    "RequestFaultedError",
    "RequestKey",
    "RequestTimeoutError",
    "RetryLater",
    "RetryPolicy",
    "SettlementError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "Subscription",
    "SystemClock",
    "TransportClosedError",
    "TransportError",
    "UnconfirmedError",
    "UnknownMessageTypeError",
    "UnreachableError",
    "UnroutableError",
    "UsageError",
    "Verify",
    "check_topic",
    "connect",
    "database_path",
    "decode",
    "derived_id",
    "encode",
    "event_topic",
    "format_instant",
    "matches",
    "parse",
    "request_key",
    "task_group",
    "trust_local_user",
]
