"""The message bus: typed messages between agents, durable, recorded, replayable.

It knows messages and nothing of what they are about. These names are its public face; drivers are
imported by `connect` when a URL asks for them.
"""

from bus.auditing.audit import Audit
from bus.authorities.trusting import TrustingAuthority
from bus.authority import Authority
from bus.clock import Clock, SystemClock
from bus.connect import (
    connect,
    database_path,
    is_on_this_machine,
    local_authority,
    local_keyring,
)
from bus.consumer import Consumer
from bus.dead_letter import DeadLetter, DeadLetters
from bus.domain.audit import AuditRecorded
from bus.domain.authority import (
    EVERY,
    LOCAL_USER,
    PERMISSIONS,
    Policy,
    Principal,
    Rule,
    Rules,
)
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
    KeysUnavailableError,
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
from bus.history import Forgotten, History, HistoryQuery, HistoryRecord, Position
from bus.ledger import Claim, Leased, Ledger, Recorded
from bus.listening import Heard
from bus.message_bus import MessageBus
from bus.tasks import task_group
from bus.transport import Subscription

__all__ = [
    "EVERY",
    "LOCAL_USER",
    "PERMISSIONS",
    "AgentMessage",
    "Audit",
    "AuditRecorded",
    "Authority",
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
    "Forgotten",
    "Handler",
    "Heard",
    "History",
    "HistoryQuery",
    "HistoryRecord",
    "KeysUnavailableError",
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
    "Policy",
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
    "Rule",
    "Rules",
    "SettlementError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "Subscription",
    "SystemClock",
    "TransportClosedError",
    "TransportError",
    "TrustingAuthority",
    "UnconfirmedError",
    "UnknownMessageTypeError",
    "UnreachableError",
    "UnroutableError",
    "UsageError",
    "check_topic",
    "connect",
    "database_path",
    "decode",
    "derived_id",
    "encode",
    "event_topic",
    "format_instant",
    "is_on_this_machine",
    "local_authority",
    "local_keyring",
    "matches",
    "parse",
    "request_key",
    "task_group",
]
