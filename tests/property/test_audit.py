"""An audit that is as it was written is found whole; any one change to it is found."""

import hmac
import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from bus.domain.audit import (
    AuditRecorded,
    Chain,
    Decision,
    Head,
    Seal,
    fitting,
    record_hash,
    record_message,
)
from bus.domain.audit_check import Found, Inspection, Verdict
from bus.domain.codec import encode

AT = "2026-11-01T12:00:00.000000Z"
KEY = b"the key of the writers"


def sealed_by(key: bytes, statement: bytes) -> Seal:
    signature = hmac.new(key, statement, sha256).hexdigest()
    return Seal(issuer="us", kid="k", signature=signature)


def is_genuine(signed: AuditRecorded | Head) -> bool | None:
    return None if signed.seal is None else signed.seal == sealed_by(KEY, signed.statement)


@dataclass(frozen=True)
class Stored:
    """A row of the history: its position, the id it is recorded under, its event."""

    position: int
    id: str
    body: bytes


@dataclass(frozen=True)
class Trail:
    """What an audit consists of: records, messages by id, heads."""

    records: tuple[Stored, ...]
    messages: dict[str, bytes]
    heads: tuple[Head, ...]


def read(body: bytes) -> AuditRecorded | None:
    try:
        return AuditRecorded.model_validate(json.loads(body)["data"])
    except (ValueError, KeyError, TypeError):
        return None


def inspected(trail: Trail, *, must_sign: bool = True, is_ordered: bool = True) -> Verdict:
    inspection = Inspection(must_sign=must_sign, is_ordered=is_ordered)
    for row in sorted(trail.records, key=lambda each: each.position):
        record = read(row.body)
        found = Found(
            position=row.position,
            id=row.id,
            body=row.body,
            record=record,
            is_genuine=is_genuine(record) if record else None,
        )
        inspection.record(found)
    for id, body in trail.messages.items():
        inspection.message(id, sha256(body).hexdigest())
    for head in trail.heads:
        inspection.head(head, is_genuine=is_genuine(head))
    return inspection.verdict()


def stored(position: int, record: AuditRecorded) -> Stored:
    message = record_message(record)
    return Stored(position=position, id=message.id, body=encode(message))


@st.composite
def trails(draw: st.DrawFn, *, at_least: int = 1) -> Trail:
    """1..3 writers, whose records are interleaved, each record of 1..3 decisions."""
    chains = {name: Chain(writer=f"{name}-0a1b2c3d4e5f") for name in ("one", "two", "three")}
    authors = draw(st.lists(st.sampled_from(sorted(chains)), min_size=at_least, max_size=8))
    rows, messages = [], {}
    for position, name in enumerate(authors, 1):
        decisions = []
        for number in range(draw(st.integers(1, 3))):
            id, body = f"m{position}.{number}", draw(st.binary(min_size=1, max_size=6))
            messages[id] = id.encode() + body
            decision = Decision(
                at=AT,
                action=draw(st.sampled_from(["consume", "redrive", "tool:profile"])),
                verdict="allowed",
                subject=draw(st.text(max_size=5)),
                message_id=id,
                message_digest=sha256(messages[id]).hexdigest(),
            )
            decisions.append(decision)
        chains[name], record = chains[name].append(decisions, at=AT)
        rows.append(stored(position, record.sealed(sealed_by(KEY, record.statement))))
    heads = tuple(
        head.sealed(sealed_by(KEY, head.statement))
        for chain in chains.values()
        if chain.sequence
        for head in [
            Head(bus="b", writer=chain.writer, sequence=chain.sequence, hash=chain.hash, at=AT)
        ]
    )
    return Trail(records=tuple(rows), messages=messages, heads=heads)


def changed(trail: Trail, row: Stored, **changes: Any) -> Trail:
    rows = tuple(replace(each, **changes) if each is row else each for each in trail.records)
    return replace(trail, records=rows)


@given(trails())
def test_what_is_as_it_was_written_is_whole(trail: Trail) -> None:
    verdict = inspected(trail)
    assert verdict.first is None
    assert verdict.records == len(trail.records)
    assert verdict.unsigned == 0


@given(trails(), st.data())
def test_any_byte_that_is_altered_is_found(trail: Trail, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(trail.records))
    where = data.draw(st.integers(0, len(row.body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != row.body[where]))
    body = row.body[:where] + bytes([other]) + row.body[where + 1 :]
    first = inspected(changed(trail, row, body=body)).first
    assert first is not None
    assert first.position is not None
    assert first.position <= row.position + len(trail.records)


@given(trails(at_least=2), st.data())
def test_a_record_that_is_taken_out_is_found(trail: Trail, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(trail.records))
    rest = tuple(each for each in trail.records if each is not row)
    first = inspected(replace(trail, records=rest)).first
    assert first is not None
    gone = read(row.body)
    assert gone is not None
    assert (first.writer, first.sequence) == (gone.writer, gone.sequence)
    assert first.kind in ("missing", "truncated")


@given(trails(at_least=2), st.data())
def test_two_records_that_change_places_are_found(trail: Trail, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(trail.records))[:2]
    first = inspected(changed(changed(trail, one, body=other.body), other, body=one.body)).first
    assert first is not None
    assert first.kind == "reordered"
    assert first.position == min(one.position, other.position)


@given(trails(at_least=2), st.data())
def test_records_of_a_writer_that_change_places_with_their_ids_are_found(
    trail: Trail, data: st.DataObject
) -> None:
    one, other = data.draw(st.permutations(trail.records))[:2]
    writers = {record.writer for row in (one, other) if (record := read(row.body))}
    assume(len(writers) == 1)
    swapped = changed(trail, one, position=other.position)
    swapped = changed(swapped, other, position=one.position)
    first = inspected(swapped).first
    assert first is not None
    assert first.kind == "reordered"
    assert inspected(swapped, is_ordered=False).first is None


@given(trails(), st.data())
def test_a_tail_that_is_cut_off_is_found_by_a_head(trail: Trail, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, len(trail.records) - 1))
    first = inspected(replace(trail, records=trail.records[:kept])).first
    assert first is not None
    assert first.kind == "truncated"
    assert "vouches" in first.what


@given(trails())
def test_a_chain_written_anew_without_the_key_is_found(trail: Trail) -> None:
    chains: dict[str, Chain] = {}
    rows = []
    for row in trail.records:
        record = read(row.body)
        assert record is not None
        chain = chains.get(record.writer, Chain(writer=record.writer))
        lie = [each.model_copy(update={"subject": "nobody"}) for each in record.decisions]
        chains[record.writer], forged = chain.append(lie, at=record.at)
        rows.append(forged)
    unsigned = tuple(stored(position, record) for position, record in enumerate(rows, 1))
    first = inspected(replace(trail, records=unsigned)).first
    assert first is not None
    assert first.kind == "unsigned"
    first = inspected(replace(trail, records=unsigned), must_sign=False).first
    assert first is not None
    assert first.kind == "rewritten"
    foreign = tuple(
        stored(position, record.sealed(sealed_by(b"another key", record.statement)))
        for position, record in enumerate(rows, 1)
    )
    first = inspected(replace(trail, records=foreign, heads=())).first
    assert first is not None
    assert first.kind == "forged"


@given(trails(), st.data())
def test_a_second_record_of_one_number_is_a_fork(trail: Trail, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(trail.records))
    record = read(row.body)
    assert record is not None
    twin = record.model_copy(update={"at": "2026-11-01T13:00:00.000000Z"})
    twin = twin.model_copy(update={"hash": record_hash(twin)})
    twin = twin.sealed(sealed_by(KEY, twin.statement))
    again = stored(len(trail.records) + 1, twin)
    first = inspected(replace(trail, records=(*trail.records, again))).first
    assert first is not None
    assert (first.kind, first.sequence) == ("forked", record.sequence)
    once_more = replace(row, position=again.position)
    assert inspected(replace(trail, records=(*trail.records, once_more))).first is None


@given(trails(), st.data())
def test_a_message_that_is_altered_or_gone_is_found(trail: Trail, data: st.DataObject) -> None:
    id = data.draw(st.sampled_from(sorted(trail.messages)))
    first = inspected(replace(trail, messages={**trail.messages, id: b"another"})).first
    assert first is not None
    assert first.kind == "message_altered"
    assert id in first.what
    rest = {each: body for each, body in trail.messages.items() if each != id}
    first = inspected(replace(trail, messages=rest)).first
    assert first is not None
    assert first.kind == "message_missing"


@given(trails(), st.data())
def test_a_message_that_was_forgotten_may_be_gone(trail: Trail, data: st.DataObject) -> None:
    id = data.draw(st.sampled_from(sorted(trail.messages)))
    rest = {each: body for each, body in trail.messages.items() if each != id}
    decision = Decision(at=AT, action="forget", verdict="allowed", message_id=id)
    _, record = Chain(writer="keeper-0a1b2c3d4e5f").append([decision], at=AT)
    forgetting = stored(len(trail.records) + 1, record.sealed(sealed_by(KEY, record.statement)))
    whole = replace(trail, records=(*trail.records, forgetting), messages=rest)
    assert inspected(whole).first is None


def test_a_head_that_is_altered_is_found() -> None:
    chain, record = Chain(writer="one-0a1b2c3d4e5f").append(
        [Decision(at=AT, action="discard", verdict="allowed")], at=AT
    )
    head = Head(bus="b", writer=chain.writer, sequence=1, hash=chain.hash, at=AT)
    head = head.sealed(sealed_by(KEY, head.statement))
    row = stored(1, record.sealed(sealed_by(KEY, record.statement)))
    later = head.model_copy(update={"at": "2026-11-02T12:00:00.000000Z"})
    for heads, kind in (((head,), None), ((later,), "forged")):
        first = inspected(Trail(records=(row,), messages={}, heads=heads)).first
        assert (first and first.kind) == kind


@given(st.lists(st.text(max_size=300), min_size=1, max_size=400))
def test_a_record_takes_at_least_one_decision_and_no_more_than_fit(reasons: list[str]) -> None:
    decisions = [Decision(at=AT, action="a", verdict="denied", reason=each) for each in reasons]
    number = fitting(decisions)
    assert 1 <= number <= min(200, len(decisions))
    _, record = Chain(writer="one-0a1b2c3d4e5f").append(decisions[:number], at=AT)
    assert len(encode(record_message(record))) < 70 * 1024
