"""Whether an audit is whole, and if not, which record is the first that is not as it was written.

*Guarantees*: any record that was altered, taken out, put elsewhere or added, and any chain that is
shorter than a head says, is found; so is a recorded message that is not what was decided on.

*Not here*: what nobody can find: the records after the last head that is at hand, if all of them
are gone; a chain that was written anew by somebody who has its writer's key.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

from bus.domain.audit import (
    AuditRecorded,
    Decision,
    Head,
    is_body_of,
    record_hash,
    record_message,
)

Break: TypeAlias = Literal[
    "unreadable",
    "altered",
    "unsigned",
    "forged",
    "forked",
    "unlinked",
    "reordered",
    "missing",
    "truncated",
    "rewritten",
    "message_altered",
    "message_missing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One place where an audit is not whole: of which writer, at which of its records, and how.

    `position` is where in the history that shows; None where only a head tells.
    """

    kind: Break
    writer: str
    sequence: int
    position: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was looked at, and the first break, if any.

    `compared` counts decisions whose message was compared with the history; `refused` those that
    denied, whose message need not be there. `heads` are those that were compared.
    """

    records: int
    decisions: int
    writers: int
    unsigned: int
    compared: int
    refused: int
    heads: int
    since: str
    until: str
    first: Broken | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record as it stands in the history; `is_genuine` is None if nobody signed it.

    `record` is None if what stands there cannot be read as one.
    """

    position: int
    id: str
    body: bytes
    record: AuditRecorded | None
    is_genuine: bool | None


@dataclass(slots=True)
class _Course:
    """What is known of one writer's chain: the hash of every record, and how far they are linked.

    `ahead` are records that came before one that precedes them.
    """

    hashes: dict[int, str] = field(default_factory=dict)
    linked: int = 0
    ahead: dict[int, tuple[Found, AuditRecorded]] = field(default_factory=dict)

    def hash_of(self, sequence: int) -> str:
        return self.hashes[sequence] if sequence else ""


class Inspection:
    """Takes all records in the order of the history, then messages and heads; gives a verdict.

    With `must_sign`, a record without a signature is a break. `is_ordered` says that the history
    keeps the order in which a writer wrote; one that a broker's crash may have shuffled does not.
    With a `request`, only the messages of that are compared.
    """

    def __init__(
        self, *, must_sign: bool = False, is_ordered: bool = True, request: str | None = None
    ) -> None:
        self._must_sign = must_sign
        self._is_ordered = is_ordered
        self._request = request
        self._courses: dict[str, _Course] = defaultdict(_Course)
        self._broken: list[Broken] = []
        self._decided: list[tuple[Found, AuditRecorded, Decision]] = []
        self._replaced: set[tuple[str, str]] = set()
        self._forgotten: set[str] = set()
        self._heads: list[Head] = []
        self._digests: dict[str, bool] = {}
        self._bodies: dict[str, set[str]] = {}
        self._records = self._decisions = self._unsigned = self._refused = 0
        self._since = self._until = ""

    def record(self, found: Found) -> None:
        """The next record in the order of the history."""
        record = found.record
        if record is None:
            self._report("unreadable", "", 0, found.position, "it cannot be read as a record")
            return
        self._records += 1
        self._since = min(self._since or record.at, record.at)
        self._until = max(self._until, record.at)
        self._examine(found, record)
        if self._link(found, record):
            for decision in record.decisions:
                self._decide(found, record, decision)

    def message(self, id: str, digest: str) -> None:
        """A recorded message of that id, whose event has that digest."""
        if digest in self._digests:
            self._digests[digest] = True
        if id in self._bodies:
            self._bodies[id].add(digest)

    def head(self, head: Head, *, is_genuine: bool | None) -> None:
        """How far a chain had come, or so it says; `is_genuine` is None if nobody signed it."""
        if is_genuine or (is_genuine is None and not self._must_sign):
            self._heads.append(head)
            return
        what = f"the head of {head.at} is not signed by a key that is trusted for that"
        self._report("forged", head.writer, head.sequence, None, what)

    def verdict(self) -> Verdict:
        """What is to be said of it all."""
        for writer, course in self._courses.items():
            if course.ahead:
                self._miss(writer, course)
        for found, record, decision in self._decided:
            self._compare(found, record, decision)
        for head in sorted(self._heads, key=lambda each: (each.at, each.sequence)):
            self._measure(head)
        return Verdict(
            records=self._records,
            decisions=self._decisions,
            writers=len(self._courses),
            unsigned=self._unsigned,
            compared=len(self._decided),
            refused=self._refused,
            heads=len(self._heads),
            since=self._since,
            until=self._until,
            first=min(
                self._broken,
                key=lambda each: inf if each.position is None else each.position,
                default=None,
            ),
        )

    def _examine(self, found: Found, record: AuditRecorded) -> None:
        """Whether the record by itself is as it was written."""
        if record.hash != record_hash(record) or not is_body_of(record, found.body):
            self._doubt("altered", found, record, "what it says is not what was hashed")
        elif found.id != record_message(record).id:
            self._doubt("reordered", found, record, "it stands in the place of another record")
        if found.is_genuine is None:
            self._unsigned += 1
            if self._must_sign:
                self._doubt("unsigned", found, record, "it carries no signature")
        elif not found.is_genuine:
            what = "its signature is not one of a key that is trusted for that"
            self._doubt("forged", found, record, what)

    def _link(self, found: Found, record: AuditRecorded) -> bool:
        """Put `record` into its chain; False if it is there already."""
        course = self._courses[record.writer]
        known = course.hashes.get(record.sequence)
        if known is not None:
            if known != record.hash:
                self._doubt("forked", found, record, "another record has the same number")
            return False
        course.hashes[record.sequence] = record.hash
        course.ahead[record.sequence] = (found, record)
        if record.sequence != course.linked + 1:
            return True
        while (following := course.ahead.pop(course.linked + 1, None)) is not None:
            place, linked = following
            if linked.previous != course.hash_of(course.linked):
                self._doubt("unlinked", place, linked, "it does not follow from the one before it")
            if self._is_ordered and place.position < found.position:
                self._doubt("reordered", place, linked, "it stands before one that it follows")
            course.linked += 1
        return True

    def _miss(self, writer: str, course: _Course) -> None:
        first, following = course.linked + 1, min(course.ahead)
        found, _ = course.ahead[following]
        what = f"{_records(first, following - 1)} missing"
        self._report("missing", writer, first, found.position, what)

    def _decide(self, found: Found, record: AuditRecorded, decision: Decision) -> None:
        if self._request not in (None, decision.request):
            return
        self._decisions += 1
        if decision.verdict == "denied":
            self._refused += 1
            return
        match decision.action:
            case "forget":
                self._forgotten |= {decision.message_id, decision.request} - {""}
            case "replace":
                self._replaced.add((decision.message_id, decision.message_digest))
        if decision.message_digest:
            self._digests.setdefault(decision.message_digest, False)
        if decision.message_id:
            self._bodies.setdefault(decision.message_id, set())
        if decision.message_digest or decision.message_id:
            self._decided.append((found, record, decision))

    def _compare(self, found: Found, record: AuditRecorded, decision: Decision) -> None:
        """Compare what was decided on with what is in the history.

        One id may come with several contents: the history keeps the first, and whoever trusts all
        their senders handles all of them. So it is enough that the one that is there was decided
        on.
        """
        if {decision.message_id, decision.request} & self._forgotten:
            return
        if self._digests.get(decision.message_digest):
            return
        id, recorded = decision.message_id, self._bodies.get(decision.message_id, set())
        is_replaced = (id, decision.message_digest) in self._replaced
        if not recorded:
            what = f"the message {id or decision.message_digest}, on which it decided, is gone"
            self._doubt("message_missing", found, record, what)
        elif (
            decision.message_digest
            and not is_replaced
            and not any(map(self._digests.get, recorded))
        ):
            what = f"the message {id} is not the one on which it decided"
            self._doubt("message_altered", found, record, what)

    def _measure(self, head: Head) -> None:
        hashes = self._courses[head.writer].hashes if head.writer in self._courses else {}
        vouched = f"a head of {head.at} vouches for"
        if head.sequence not in hashes:
            first = max((each for each in hashes if each < head.sequence), default=0) + 1
            what = f"{_records(first, head.sequence)} missing, which {vouched}"
            self._report("truncated", head.writer, first, None, what)
        elif hashes[head.sequence] != head.hash:
            what = f"it is not the one that {vouched}"
            self._report("rewritten", head.writer, head.sequence, None, what)

    def _doubt(self, kind: Break, found: Found, record: AuditRecorded, what: str) -> None:
        self._report(kind, record.writer, record.sequence, found.position, what)

    def _report(
        self, kind: Break, writer: str, sequence: int, position: int | None, what: str
    ) -> None:
        self._broken.append(
            Broken(kind=kind, writer=writer, sequence=sequence, position=position, what=what)
        )


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first >= last else f"records {first} to {last} are"
