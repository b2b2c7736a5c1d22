"""Reading an audit back from the history: whether it is whole, and what was decided."""

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from bus.authority import Authority
from bus.domain.audit import AuditRecorded, Head, writer_name
from bus.domain.audit_check import Found, Inspection, Verdict
from bus.domain.authority import body_digest
from bus.domain.codec import parse
from bus.domain.message import event_topic
from bus.errors import MalformedMessageError, MessageError
from bus.history import History, HistoryQuery, HistoryRecord

AUDIT_TOPIC: Final = event_topic(AuditRecorded.message_type)
"""Records stand nowhere else; what does was sent by somebody who may not write here."""

_PAGE: Final = 500


async def inspect(
    history: History,
    authority: Authority,
    heads: Collection[Head],
    *,
    must_sign: bool,
    is_ordered: bool,
    request: str | None = None,
) -> Verdict:
    """The verdict on the audit in `history`, by `heads`; see `Inspection` for the rest.

    Raises:
        TransportError, StoreError: the history, or the keys of an issuer, cannot be had.
    """
    inspection = Inspection(must_sign=must_sign, is_ordered=is_ordered, request=request)
    async for found in _records(history, HistoryQuery(message_type=AuditRecorded.message_type)):
        if found.topic == AUDIT_TOPIC:
            inspection.record(await _found(found, authority))
    async for message in _records(history, HistoryQuery(request=request)):
        inspection.message(message.id, body_digest(message.body))
    for head in heads:
        inspection.head(head, is_genuine=await _is_genuine(head, authority))
    return inspection.verdict()


async def trail(history: History, *, since: datetime | None = None) -> AsyncIterator[AuditRecorded]:
    """The records since then, in the order of the history; what cannot be read is left out."""
    query = HistoryQuery(message_type=AuditRecorded.message_type, since=since)
    async for record in _records(history, query):
        if record.topic != AUDIT_TOPIC:
            continue
        try:
            yield read_record(record)
        except MessageError:
            continue


def read_record(record: HistoryRecord) -> AuditRecorded:
    """What stands there.

    Raises:
        MessageError: it is no record of an audit.
    """
    data = parse(record.body).data
    try:
        return AuditRecorded.model_validate(data)
    except ValidationError as error:
        raise MalformedMessageError(f"The record at {record.position} cannot be read.") from error


async def _is_genuine(signed: AuditRecorded | Head, authority: Authority) -> bool | None:
    """Whether its writer signed it; None if nobody did."""
    if (seal := signed.seal) is None:
        return None
    return await authority.attested(signed.statement, seal, name=writer_name(signed.writer))


async def _found(found: HistoryRecord, authority: Authority) -> Found:
    try:
        record = read_record(found)
    except MessageError:
        record = None
    return Found(
        position=found.position,
        id=found.id,
        body=found.body,
        record=record,
        is_genuine=await _is_genuine(record, authority) if record else None,
    )


async def _records(history: History, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
    """All records, page by page."""
    query = replace(query, limit=_PAGE)
    while page := await history.query(query):
        for record in page:
            yield record
        query = replace(query, after=page[-1].position)
