"""What the history says of requests, also where it holds what nobody understands."""

import json

import pytest

from agents.cli.history import _json, _line
from agents.recorded import read
from bus import HistoryRecord, Position


def record(body: bytes, **details: str) -> HistoryRecord:
    return HistoryRecord(
        position=Position(7),
        id=details.get("id", ""),
        message_type=details.get("message_type", ""),
        topic="event.thing",
        source=details.get("source", ""),
        time="2026-11-01T12:00:00.000000Z",
        correlation_id=None,
        causation_id=None,
        body=body,
    )


@pytest.mark.parametrize("body", [b"hello", b"\xff\xfe", b"{}", b'{"specversion": "1.0"}'])
def test_what_is_no_event_is_shown_and_passed_over(body: bytes) -> None:
    assert read(record(body)) is None
    assert json.loads(_json(record(body)))["position"] == 7
    assert "event.thing" in _line(record(body))


def test_a_line_of_history_cannot_command_the_terminal() -> None:
    line = _line(record(b"{}", source="\x1b[31mred\u202e"))
    assert line.isprintable()
