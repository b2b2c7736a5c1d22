"""What the history says of requests, also where it holds what nobody understands."""

import json
from dataclasses import replace

import pytest

from agents.cli.history_lines import as_columns, as_json, as_sentence
from agents.domain.circuit import CircuitsAsked
from agents.recorded import read
from bus import AgentMessage, HistoryRecord, MessageId, Position, SystemClock, encode


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
    assert json.loads(as_json(record(body)))["position"] == 7
    assert "event.thing" in as_columns(record(body))


def test_a_line_of_history_cannot_command_the_terminal() -> None:
    hostile = record(b"{}", source="\x1b[31mred\u202e")
    assert as_columns(hostile).isprintable()
    assert as_sentence(hostile).isprintable()


@pytest.mark.parametrize(
    ("topic", "is_believed"),
    [
        ("control.circuits.asked", True),
        ("analysis.requested", False),
        ("reply.a", False),
        ("event.circuits.asked", False),
    ],
)
def test_a_record_counts_only_where_its_kind_belongs(topic: str, is_believed: bool) -> None:
    """A broker keeps its users to topics; on the one that anybody has, anything can be sent."""
    message = AgentMessage(
        id=MessageId("m-1"),
        sender="eve",
        recipient=topic,
        content=CircuitsAsked(),
        timestamp=SystemClock().now(),
    )
    sent = replace(record(encode(message)), topic=topic)
    assert (read(sent) is not None) == is_believed
