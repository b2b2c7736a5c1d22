"""The audit of one process: what it records, when, and what it does when it cannot."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bus import AgentMessage, Fault, MessageId, NotPermittedError, Principal, UnconfirmedError
from bus.auditing.audit import MAX_WAITING, Audit
from bus.auditing.head_file import HeadFile, read_heads
from bus.authorities.trusting import TrustingAuthority
from bus.domain.audit import AuditRecorded
from bus.domain.authority import body_digest
from bus.domain.codec import encode, seal
from bus.errors import UsageError
from tests.support.clock import ManualClock

ANN = Principal(subject="ann", scopes=frozenset(), actors=("orchestrator",))
CLOCK = ManualClock()
MESSAGE = AgentMessage(
    id=MessageId("m1"),
    sender="ann",
    recipient="questions",
    content=Fault(reason="failed", error="?"),
    timestamp=CLOCK.now(),
)


class Wire:
    """Takes records, or is out of reach as often as it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, message: AgentMessage[AuditRecorded]) -> None:
        self.bodies.append(encode(message))
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()

    @property
    def records(self) -> Sequence[AuditRecorded]:
        return [AuditRecorded.model_validate(json.loads(body)["data"]) for body in self.bodies]


class Office:
    """An audit, its wire and its clock."""

    def __init__(self, heads: HeadFile | None = None) -> None:
        self.wire = Wire()
        self.clock = ManualClock()
        self.audit = Audit(
            "worker-0a1b2c3d4e5f",
            self.wire.publish,
            authority=TrustingAuthority(),
            clock=self.clock,
            heads=heads,
        )


async def test_a_decision_names_who_what_and_which_message() -> None:
    office = Office()
    envelope = seal(MESSAGE)
    office.audit.note("consume", MESSAGE, envelope, principal=ANN)
    office.audit.note("consume", None, envelope, denial=NotPermittedError("Forged."))
    office.audit.note("discard", envelope=envelope)
    await office.audit.flush()
    (record,) = office.wire.records
    allowed, denied, own = record.decisions
    assert (allowed.subject, allowed.actors, allowed.verdict) == (
        "ann",
        ("orchestrator",),
        "allowed",
    )
    assert allowed.message_digest == body_digest(envelope.body)
    assert (denied.subject, denied.verdict, denied.reason) == ("", "denied", "Forged.")
    assert denied.message_id == "m1"
    assert own.subject == "worker"


async def test_neither_transient_messages_nor_records_of_an_audit_are_audited() -> None:
    office = Office()
    progress: AgentMessage[Any] = AgentMessage(
        id=MessageId("m2"),
        sender="ann",
        recipient="progress.r1",
        content=Fault(reason="failed", error="?"),
        timestamp=CLOCK.now(),
    )
    office.audit.note("listen", envelope=seal(progress), denial="Forged.")
    office.audit.note("consume", MESSAGE, seal(MESSAGE), principal=ANN)
    await office.audit.flush()
    (record,) = office.wire.records
    assert [each.message_id for each in record.decisions] == ["m1"]
    about_record: AgentMessage[Any] = AgentMessage(
        id=MessageId("m3"),
        sender="worker",
        recipient="event.audit.recorded",
        content=record,
        timestamp=CLOCK.now(),
    )
    office.audit.note("consume", about_record, seal(about_record), principal=ANN)
    await office.audit.flush()
    assert len(office.wire.bodies) == 1


async def test_who_flushes_at_the_same_time_shares_a_record() -> None:
    office = Office()
    office.wire.gate.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for number in range(20):
            office.audit.note(f"step {number}", MESSAGE, principal=ANN)
            tasks.create_task(office.audit.flush())
            await asyncio.sleep(0)
        office.wire.gate.set()
    assert [len(record.decisions) for record in office.wire.records] == [1, 19]
    first, second = office.wire.records
    assert (second.sequence, second.previous) == (2, first.hash)


async def test_a_record_in_doubt_is_published_again_as_it_was() -> None:
    office = Office()
    office.wire.failures = [UnconfirmedError("No confirmation came.")]
    office.audit.note("one", MESSAGE, principal=ANN)
    with pytest.raises(UnconfirmedError):
        await office.audit.flush()
    office.clock.advance(5)
    office.audit.note("two", MESSAGE, principal=ANN)
    await office.audit.flush()
    in_doubt, again, second = office.wire.bodies
    assert again == in_doubt
    assert [each.action for each in office.wire.records[2].decisions] == ["two"]
    assert second != again


async def test_a_flush_that_is_cancelled_forks_nothing() -> None:
    office = Office()
    office.wire.gate.clear()
    office.audit.note("one", MESSAGE, principal=ANN)
    flushing = asyncio.create_task(office.audit.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    office.wire.gate.set()
    await office.audit.aclose()
    assert office.wire.bodies[0] == office.wire.bodies[1]


async def test_many_decisions_take_several_records_and_all_are_there_in_order() -> None:
    office = Office()
    for number in range(MAX_WAITING):
        assert not office.audit.is_full
        office.audit.note(f"step {number}", MESSAGE, principal=ANN, denial="x" * 1000)
    assert office.audit.is_full
    await office.audit.flush()
    assert not office.audit.is_full
    actions = [each.action for record in office.wire.records for each in record.decisions]
    assert actions == [f"step {number}" for number in range(MAX_WAITING)]
    assert all(len(body) < 70 * 1024 for body in office.wire.bodies)


async def test_what_cannot_be_written_as_text_is_recorded_all_the_same() -> None:
    office = Office()
    office.audit.note("consume", MESSAGE, denial="half a pair: \ud800")
    await office.audit.flush()
    assert office.wire.records[0].decisions[0].reason == "half a pair: ?"


async def test_heads_are_kept_at_the_end_after_a_while_and_after_many_records(
    tmp_path: Path,
) -> None:
    file = tmp_path / "state" / "heads.jsonl"
    office = Office(HeadFile(file, bus="b"))

    async def record(times: int) -> None:
        for _ in range(times):
            office.audit.note("step", MESSAGE, principal=ANN)
            await office.audit.flush()

    await record(99)
    assert not file.exists()
    await record(1)
    office.clock.advance(31)
    await record(2)
    await office.audit.aclose()
    await office.audit.aclose()
    assert [head.sequence for head in read_heads(file)] == [100, 101, 102]
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_file_of_heads_that_is_full_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.auditing.head_file.MAX_BYTES", 500)
    heads = HeadFile(tmp_path / "heads.jsonl", bus="b")
    office = Office(heads)
    for _ in range(7):
        office.audit.note("step", MESSAGE, principal=ANN)
        await office.audit.aclose()
    files = await asyncio.to_thread(heads.files)
    assert len(files) == 3
    kept = [head.sequence for file in files for head in read_heads(file)]
    assert sorted(kept) == [1, 2, 3, 4, 5, 6, 7]


async def test_an_end_at_which_the_bus_is_out_of_reach_is_an_end_all_the_same() -> None:
    office = Office()
    office.wire.failures = [UnconfirmedError("No confirmation came.")]
    office.audit.note("one", MESSAGE, principal=ANN)
    await office.audit.aclose()
    assert len(office.wire.bodies) == 1


def test_a_line_that_is_no_head_is_named(tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_text('{"bus": "b"}\n')
    with pytest.raises(UsageError, match=r"Line 1 of .* is no head"):
        list(read_heads(file))
