"""Bodies that are valid JSON and that SQLite can make no text of."""

from pathlib import Path

import pytest

from bus.domain.envelope import Envelope
from bus.history import HistoryQuery
from tests.support.clock import ManualClock
from tests.support.events import event
from tests.support.sqlite_bus import open_sqlite_bus


@pytest.mark.parametrize(
    "body",
    [
        rb'{"id":"\ud800"}',
        rb'{"id":"a","source":"\uDFFF","correlationid":"\uDABC","time":"\ud801","type":"\ud802"}',
        b'{"id":5,"source":1.5,"type":true,"time":7,"correlationid":[1]}',
        b'{"id":{"a":1},"source":null}',
        b"[" * 100_000,
        b"\xff",
    ],
    ids=["half a pair", "halves everywhere", "numbers", "objects", "depth", "no text"],
)
async def test_the_history_outlives_it(tmp_path: Path, body: bytes) -> None:
    async with open_sqlite_bus(str(tmp_path / "bus.db"), ManualClock()) as bus:
        transport, history = await bus.transport(), await bus.history()
        after = event("event.a")
        for envelope in (Envelope(topic="event.a", body=body), after):
            await transport.publish(envelope)
        records = await history.query(HistoryQuery())
    assert [record.body for record in records] == [body, after.body]


async def test_a_pair_of_halves_is_one_character(tmp_path: Path) -> None:
    async with open_sqlite_bus(str(tmp_path / "bus.db"), ManualClock()) as bus:
        transport, history = await bus.transport(), await bus.history()
        await transport.publish(Envelope(topic="event.a", body=rb'{"id":"\ud83d\ude00"}'))
        (record,) = await history.query(HistoryQuery())
    assert record.id == "😀"
