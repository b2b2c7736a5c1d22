"""What a run leaves behind: the values that the checker judges.

All instants are seconds since 1970, since they come from several processes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from tests.fault.kill_harness.journal import Payment

Way: TypeAlias = Literal["announced", "replied", "recorded"]
"""How a copy of a report came to be seen."""


class Blow(StrEnum):
    """A way to disturb the system; the value is what the table calls it."""

    KILL_ORCHESTRATOR = "kill -9 orchestrator"
    KILL_SPECIALIST = "kill -9 specialist"
    KILL_RECORDER = "kill -9 recorder"
    DRAIN_ORCHESTRATOR = "SIGTERM orchestrator"
    DRAIN_SPECIALIST = "SIGTERM specialist"
    KILL_BROKER = "kill -9 broker"
    FLUSH_LEDGER = "FLUSHALL redis"
    KILL_LEDGER = "kill -9 redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One blow, from its beginning to the end of its effect; `pid` where it was a worker's."""

    blow: Blow
    began_at: float
    ended_at: float
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """One request whose publish was confirmed; `sent` is how often it was published."""

    request_id: str
    message_id: str
    confirmed_at: float
    sent: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCopy:
    """One copy of a report: announced to subscribers, sent to its client, or in the history."""

    request_id: str
    status: str
    content: str
    way: Way
    seen_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """One parked message."""

    message_id: str
    topic: str
    reason: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """A worker that ended although nobody had asked it to; `said` is its last line."""

    name: str
    was_serving: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the checker looks at.

    `recorded` are the reports and `recorded_ids` the messages in the history; `faults` are the
    reasons in it by the id of the message that faulted. `seen` are the reports that the client saw.
    `left` is how many messages each queue still holds.
    """

    confirmed: Sequence[Confirmed]
    recorded: Sequence[ReportCopy]
    recorded_ids: frozenset[str]
    seen: Sequence[ReportCopy]
    faults: Mapping[str, str]
    parked: Sequence[Parked]
    payments: Sequence[Payment]
    struck: Sequence[Struck]
    left: Mapping[str, int]
    exits: Sequence[Exited] = ()
