"""The audit: every decision about who may do what, in records that are chained by their hashes.

Each process writes a chain of its own. A record names the one before it by its hash, so that none
can be altered, left out or put elsewhere unnoticed; who has no key cannot write it anew, since a
signature covers the hash. A chain cut at its end is whole again, which is why heads, signed
statements of how far a chain had come, are kept outside the store.

*Not here*: when decisions are recorded (`bus.auditing.audit`), and how a chain is checked
(`bus.domain.audit_check`).

*Source*: Schneier and Kelsey, "Secure Audit Logs to Support Computer Forensics" (1999);
RFC 8785 (canonical JSON).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import accumulate
from typing import Any, ClassVar, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from bus.domain.codec import encode
from bus.domain.message import AgentMessage, MessageId, Payload, derived_id, event_topic

MAX_DECISIONS: Final = 200
MAX_BYTES: Final = 64 * 1024
"""Of the decisions in one record; one that is larger stands alone."""

Verdict: TypeAlias = Literal["allowed", "denied"]

_SEALED: Final = frozenset({"hash", "issuer", "kid", "signature"})
_RECORD: Final = b"convener audit record\n"
_HEAD: Final = b"convener audit head\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A signature, in lower-case hex, and by whose key."""

    issuer: str
    kid: str
    signature: str


class _Written(BaseModel):
    """Of this version there are these fields only; whatever else stands in a record was put there.

    Instants are texts, RFC 3339 in UTC, so that no library ever writes them in another way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(_Written):
    """Who was allowed or denied what, and why.

    `action` is `consume` (to have one's message handled), `listen` (to have it heard), `tool:NAME`,
    `redrive`, `replace` (to redrive with another event, of that digest), `discard`, `forget`, or an
    order such as `cancel`. `subject` is on whose behalf, the `actors` act for it, the present one
    first; a message that was not verified has neither. `message_digest` is SHA-256 of the event's
    bytes, where they were at hand.
    """

    at: str
    action: str
    verdict: Verdict
    subject: str = ""
    actors: tuple[str, ...] = ()
    message_id: str = ""
    message_type: str = ""
    message_digest: str = ""
    request: str = ""
    reason: str = ""


class AuditRecorded(_Written, Payload):
    """Decisions of one process, as the next record of its chain.

    `writer` names the process. `sequence` counts its records from 1; `previous` is the hash of the
    one before, empty in the first. `hash` covers all of that, and the signature covers the hash. A
    process without a key leaves `issuer`, `kid` and `signature` empty.
    """

    message_type: ClassVar[str] = "convener.audit.recorded.v1"

    writer: str
    sequence: int
    at: str
    previous: str
    decisions: tuple[Decision, ...]
    hash: str
    issuer: str = ""
    kid: str = ""
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """What the signature is over."""
        return _RECORD + self.hash.encode()

    @property
    def seal(self) -> Seal | None:
        """Its signature; None if nothing of one is there."""
        return _seal(self.issuer, self.kid, self.signature)

    def sealed(self, seal: Seal | None) -> "AuditRecorded":
        """The same record with that signature."""
        return self if seal is None else self.model_copy(update=_fields(seal))


class Head(_Written):
    """How far the chain of a writer had come on a bus, as its writer states outside the store."""

    bus: str
    writer: str
    sequence: int
    hash: str
    at: str
    issuer: str = ""
    kid: str = ""
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """What the signature is over."""
        return _HEAD + canonical(self.model_dump(exclude=set(_SEALED - {"hash"})))

    @property
    def seal(self) -> Seal | None:
        """Its signature; None if nothing of one is there."""
        return _seal(self.issuer, self.kid, self.signature)

    def sealed(self, seal: Seal | None) -> "Head":
        """The same head with that signature."""
        return self if seal is None else self.model_copy(update=_fields(seal))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """How far a writer has come: the number and the hash of its last record, 0 and "" at first."""

    writer: str
    sequence: int = 0
    hash: str = ""

    def append(self, decisions: Sequence[Decision], *, at: str) -> tuple["Chain", AuditRecorded]:
        """The chain with one record more, and that record, which is yet to be sealed."""
        record = AuditRecorded(
            writer=self.writer,
            sequence=self.sequence + 1,
            at=at,
            previous=self.hash,
            decisions=tuple(decisions),
            hash="",
        )
        record = record.model_copy(update={"hash": record_hash(record)})
        return Chain(writer=self.writer, sequence=record.sequence, hash=record.hash), record


def record_hash(record: AuditRecorded) -> str:
    """What `record.hash` has to be."""
    return sha256(canonical(record.model_dump(exclude=set(_SEALED)))).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write `value`, which holds no fractions and has names in ASCII, as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fitting(decisions: Sequence[Decision]) -> int:
    """How many of the first decisions go into one record: at least 1 of 1..n."""
    few = decisions[:MAX_DECISIONS]
    sizes = accumulate(len(canonical(each.model_dump())) for each in few)
    return max(1, sum(size <= MAX_BYTES for size in sizes))


def record_message(record: AuditRecorded) -> AgentMessage[AuditRecorded]:
    """The event that carries `record`: all of it follows from the record."""
    return AgentMessage(
        id=MessageId(derived_id("audit", record.writer, str(record.sequence))),
        sender=writer_name(record.writer),
        recipient=event_topic(AuditRecorded.message_type),
        content=record,
        timestamp=datetime.fromisoformat(record.at),
        correlation_id=f"audit.{record.writer}",
    )


def is_body_of(record: AuditRecorded, body: bytes) -> bool:
    """Whether `body` says what the event that carries `record` says, and nothing else."""
    try:
        return bool(json.loads(body) == json.loads(encode(record_message(record))))
    except ValueError:
        return False


def writer_name(writer: str) -> str:
    """The name under which that process sends; the rest tells processes of one name apart."""
    return writer.rpartition("-")[0]


def _seal(issuer: str, kid: str, signature: str) -> Seal | None:
    if not (issuer or kid or signature):
        return None
    return Seal(issuer=issuer, kid=kid, signature=signature)


def _fields(seal: Seal) -> dict[str, str]:
    return {"issuer": seal.issuer, "kid": seal.kid, "signature": seal.signature}
