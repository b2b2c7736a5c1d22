"""Envelopes as AMQP messages, and whatever foreign clients make of them."""

from datetime import UTC, datetime

import pytest
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from bus.domain.envelope import TOKEN_HEADER, Envelope
from bus.errors import MessageTooLargeError
from bus.transports import rabbitmq_wire as wire

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def delivered(
    properties: Basic.Properties, *, exchange: str = "convener", key: str = "task.a"
) -> DeliveredMessage:
    deliver = Basic.Deliver("tag", 1, redelivered=False, exchange=exchange, routing_key=key)
    return DeliveredMessage(deliver, ContentHeader(properties=properties), b"{}", channel=None)


def received(properties: Basic.Properties, **kwargs: str) -> Envelope:
    return wire.envelope_of(delivered(properties, **kwargs), topic_exchange="convener")


def test_an_envelope_comes_out_as_it_went_in():
    sent = Envelope(
        topic="task.a",
        body=b"{}",
        id="m-1",
        message_type="shop.order.placed.v1",
        correlation_id="c-1",
        reply_to="reply.a",
        headers={TOKEN_HEADER: "t", "mark": "ü"},
    )
    assert received(wire.properties(sent, now=NOW)) == sent


@pytest.mark.parametrize("name", ["mark", "CC"])
def test_a_header_nested_as_deeply_as_the_driver_decodes_is_read_in_part(name):
    value: object = "x"
    for level in range(600):
        value = [value] if level % 2 else {"a": value}
    assert received(Basic.Properties(headers={name: value})).headers[name].endswith("…")


def test_every_publish_has_an_amqp_message_id_of_its_own():
    envelope = Envelope(topic="task.a", body=b"{}", id="m-1")
    one, two = (wire.properties(envelope, now=NOW).message_id for _ in range(2))
    assert one != two


def test_only_transient_messages_are_not_persistent():
    modes = {
        topic: wire.properties(Envelope(topic=topic, body=b""), now=NOW).delivery_mode
        for topic in ("task.a", "event.a", "progress.a")
    }
    assert modes == {"task.a": 2, "event.a": 2, "progress.a": 1}


def test_no_message_ever_expires_on_the_broker():
    assert wire.properties(Envelope(topic="task.a", body=b""), now=NOW).expiration is None


@pytest.mark.parametrize("text", ["x" * 256, "ü" * 128])
def test_a_mirror_that_does_not_fit_is_left_out(text):
    properties = wire.properties(Envelope(topic="task.a", body=b"", reply_to=text), now=NOW)
    assert properties.reply_to is None


def test_headers_that_would_break_the_connection_are_refused():
    with pytest.raises(MessageTooLargeError):
        wire.properties(Envelope(topic="task.a", body=b"", headers={"a": "ü" * 33_000}), now=NOW)


def test_headers_of_every_kind_become_text():
    headers = {
        "text": "a",
        "number": 7,
        "flag": True,
        "bytes": b"\xff",
        "nothing": None,
        "time": NOW,
        "table": {"a": 1},
    }
    assert dict(received(Basic.Properties(headers=headers)).headers) == {
        "text": "a",
        "number": "7",
        "flag": "true",
        "bytes": "\ufffd",
        "nothing": "",
        "time": "2026-03-01T12:00:00+00:00",
        "table": "a=1",
    }


def test_headers_that_copy_a_message_elsewhere_stay_visible():
    headers = received(Basic.Properties(headers={"CC": ["task.b", "task.c"]})).headers
    assert headers == {"CC": "task.b,task.c"}


def test_of_too_many_headers_those_that_matter_are_kept():
    many = {f"h{number}": "x" * 1000 for number in range(80)}
    headers = received(Basic.Properties(headers={**many, "CC": ["task.b"], TOKEN_HEADER: "t"}))
    assert headers.headers == {"CC": "task.b", TOKEN_HEADER: "t"}


def test_a_copy_tells_its_topic_and_an_original_cannot():
    properties = Basic.Properties(headers={wire.TOPIC_HEADER: "task.b"})
    assert received(properties).topic == "task.a"
    assert received(properties, exchange="", key="convener.b").topic == "task.b"


@pytest.mark.parametrize(
    ("value", "attempt"), [("3", 3), (4, 4), ("0", 1), ("-2", 1), ("x", 1), ("9" * 40, 1), ([], 1)]
)
def test_an_attempt_is_a_positive_number_or_the_first(value, attempt):
    properties = Basic.Properties(headers={wire.ATTEMPT_HEADER: value})
    assert wire.attempt_of(delivered(properties)) == attempt


def test_a_message_of_a_foreign_client_needs_no_properties():
    assert received(Basic.Properties()) == Envelope(topic="task.a", body=b"{}")


@pytest.mark.parametrize("name", ["CC", "BCC"])
def test_a_copy_asks_the_broker_for_no_carbon_copies_and_still_shows_that_it_did(name):
    foreign = received(Basic.Properties(headers={name: ["task.b", "task.c"]}))
    copy = wire.properties(foreign, now=NOW)
    assert not {"CC", "BCC"} & (copy.headers or {}).keys()
    assert received(copy).headers == {name: "task.b,task.c"}


@pytest.mark.parametrize(
    ("exchange", "key", "topic"),
    [
        ("convener", "analysis.requested", "analysis.requested"),
        ("convener.dlx", "analysis.requested", "analysis.requested"),
        ("convener.return", "convener.agent.a", "event.report.published"),
        ("", "convener.history", "event.report.published"),
    ],
    ids=["published", "expired, and parked by the broker", "sent back by us", "recorded by us"],
)
def test_a_header_names_the_topic_only_of_what_was_sent_to_a_queue(exchange, key, topic):
    properties = Basic.Properties(headers={"convener-topic": "event.report.published"})
    assert received(properties, exchange=exchange, key=key).topic == topic
