"""Requests as the history tells them, also where one of them cannot be understood."""

import json

import pytest

from agents.domain.request import AnalysisRequested, DatasetReference
from agents.errors import UnreadableRequestError
from agents.recorded import ForgottenRequest, find_request, recent_requests
from bus import AgentMessage, HistoryQuery, HistoryRecord, MessageId, Position, SystemClock, encode


class Past:
    """A bus of which only the history is asked."""

    def __init__(self, *records: HistoryRecord) -> None:
        self.clock = SystemClock()
        self.history = self
        self._records = records

    async def query(self, query: HistoryQuery) -> list[HistoryRecord]:
        return [
            each
            for each in self._records
            if query.request in (None, each.correlation_id)
            and query.message_type in (None, each.message_type)
        ]


def request(id: str, **changed: object) -> HistoryRecord:
    message = AgentMessage(
        id=MessageId(id),
        sender="ann",
        recipient="analysis.requested",
        content=AnalysisRequested(datasets=(DatasetReference(location="/a.csv"),)),
        timestamp=SystemClock().now(),
        correlation_id=id,
    )
    event = json.loads(encode(message))
    event["data"] |= changed
    return HistoryRecord(
        position=Position(7),
        id=id,
        message_type=message.message_type,
        topic="analysis.requested",
        source="ann",
        time="2026-11-01T12:00:00.000000Z",
        correlation_id=id,
        causation_id=None,
        body=json.dumps(event).encode(),
    )


async def test_a_request_that_nobody_understands_hides_no_other() -> None:
    bus = Past(request("a"), request("b", datasets=[]), request("c"))
    listed = await recent_requests(bus, 10)
    assert [each.request_id for each in listed] == ["c", "b", "a"]
    assert [isinstance(each, ForgottenRequest) for each in listed] == [False, True, False]
    assert listed[1].why == "unreadable"
    with pytest.raises(UnreadableRequestError, match="convener dead list"):
        await find_request(bus, "b")
