"""What `convener stats` reads of the history, and how it understands times and requests."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.cli.stats import PAGE, _check_one, count
from agents.domain.statistics import Tally
from agents.errors import AgentUsageError
from bus import HistoryQuery, HistoryRecord, Position
from tests.support.records import tool_called


class RecordedCalls:
    """A history of `length` tool calls, asked in pages."""

    def __init__(self, length: int) -> None:
        call = tool_called()
        self._records = [replace(call, position=Position(n + 1)) for n in range(length)]
        self.queries: list[HistoryQuery] = []

    async def query(self, query: HistoryQuery) -> Sequence[HistoryRecord]:
        self.queries.append(query)
        matching = [record for record in self._records if record.position > query.after]
        return matching[: query.limit]

    async def follow(self, query: HistoryQuery) -> AsyncIterator[HistoryRecord]:
        for record in self._records:
            yield record

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("length", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_every_record_is_counted_once_and_few_are_held_at_a_time(length: int) -> None:
    history, tally = RecordedCalls(length), Tally()
    await count(history, HistoryQuery(message_type="convener."), tally)
    assert tally.statistics().records == length
    assert {query.limit for query in history.queries} == {PAGE}
    assert len(history.queries) == length // PAGE + 1


async def test_what_was_asked_for_holds_for_every_page() -> None:
    history = RecordedCalls(PAGE + 1)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    await count(history, HistoryQuery(request="r123", since=since, latest=True), Tally())
    assert {(query.request, query.since, query.latest) for query in history.queries} == {
        ("r123", since, False)
    }


def test_an_id_names_one_request_or_is_refused() -> None:
    _check_one("4f2a", ["4f2a0000"])
    with pytest.raises(AgentUsageError, match="add digits"):
        _check_one("4f2a", ["4f2a0000", "4f2a1111"])
    with pytest.raises(AgentUsageError, match="No request in this range"):
        _check_one("4f2a", [])
