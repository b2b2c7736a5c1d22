"""The codec refuses what it does not understand and keeps what it does."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ConfigDict

from bus import (
    AgentMessage,
    Fault,
    MalformedMessageError,
    MessageTooLargeError,
    Payload,
    Registry,
    UnknownMessageTypeError,
    UsageError,
    decode,
    encode,
    parse,
)
from bus.domain.codec import MAX_BYTES, MAX_DEPTH

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


class OrderPlaced(Payload):
    message_type = "shop.order.placed.v2"
    order_id: str


REGISTRY = Registry(
    OrderPlaced,
    Fault,
    upcasts={"shop.order.placed.v1": ("shop.order.placed.v2", lambda old: {"order_id": old["id"]})},
)


def event(**changes: object) -> bytes:
    attributes = {
        "specversion": "1.0",
        "id": "m1",
        "source": "shop",
        "type": "shop.order.placed.v2",
        "data": {"order_id": "A1"},
    }
    return json.dumps({**attributes, **changes}).encode()


def read(body: bytes) -> AgentMessage[Payload]:
    return decode(parse(body), REGISTRY, topic="orders.placed", now=NOW)


def test_the_smallest_event_that_a_client_can_write_is_understood() -> None:
    message = read(event())
    assert message.content == OrderPlaced(order_id="A1")
    assert (message.sender, message.recipient, message.timestamp) == ("shop", "orders.placed", NOW)


def test_extension_attributes_are_the_metadata() -> None:
    message = read(event(tenant="acme", priority=3, dry=True, replyto="my-queue"))
    assert message.metadata == {"tenant": "acme", "priority": 3, "dry": True}
    assert message.reply_to == "my-queue"


def test_an_older_version_is_lifted_to_the_present_one() -> None:
    message = read(event(type="shop.order.placed.v1", data={"id": "A9"}))
    assert message.content == OrderPlaced(order_id="A9")


def test_unknown_fields_of_a_payload_are_ignored_for_rolling_upgrades() -> None:
    assert read(event(data={"order_id": "A1", "added_later": 1})).content.order_id == "A1"  # type: ignore[attr-defined]


def test_an_unknown_type_is_told_apart_from_a_malformed_message() -> None:
    with pytest.raises(UnknownMessageTypeError) as caught:
        read(event(type="shop.order.lost.v1"))
    assert caught.value.message_type == "shop.order.lost.v1"


def nested(depth: int) -> bytes:
    return event(data={"order_id": "A1", "deep": json.loads("[" * depth + "]" * depth)})


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"hello", "not JSON"),
        (b"[]", "JSON object"),
        (b"{}", "CloudEvents"),
        (event(specversion="0.3"), "CloudEvents"),
        (event(id=""), "'id'"),
        (event(id=7), "'id'"),
        (event(source="a\nb"), "control"),
        (event(type=None), "'type'"),
        (event(time="yesterday"), "'time'"),
        (event(time="2026-11-01T12:00:00"), "time zone"),
        (event(nested={"a": 1}), "scalar"),
        (event(data_base64="AA=="), "base64"),
        (event(**{f"x{number}": 1 for number in range(33)}), "extension"),
        (event(data={"order_id": 5}), "order_id"),
        (event(data=[1]), "order_id"),
        (nested(MAX_DEPTH), "nested"),
        (b'{"a":' * 100_000, "nested"),
        (event()[:-1] + b',"id":"m2"}', "repeats"),
        (event(data={"order_id": float("nan")}), "NaN"),
        (event(data={"order_id": "\ud800"}), "surrogate"),
        (event(time="0001-01-01T00:00:00+14:00"), "'time'"),
        (event(expiresat="9999-12-31T23:59:59-14:00"), "'expiresat'"),
        (event(data={"order_id": 777}).replace(b"777", b"1e999"), "beyond all floats"),
        (event(data={"order_id": 777}).replace(b"777", b"9" * 5_000), "not JSON"),
        (event(X=1), "lower-case"),
        (event(x=2**31), "32-bit"),
        (event(x=1.5), "32-bit"),
        (event(type="shop.order.placed.v1", data={}), "lifted"),
    ],
)
def test_hostile_or_broken_input_is_refused_with_a_reason(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedMessageError, match=complaint):
        read(body)


def test_what_is_said_of_a_content_that_does_not_fit_is_short_and_on_one_line() -> None:
    class Strict(Payload):
        model_config = ConfigDict(extra="forbid")
        message_type = "shop.order.checked.v1"

    body = event(type=Strict.message_type, data={"\x1b[31m\n" * 10_000: 1})
    with pytest.raises(MalformedMessageError) as caught:
        decode(parse(body), Registry(Strict), topic="orders.checked", now=NOW)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_000


def test_a_message_that_is_too_large_is_refused_on_the_way_in_and_out() -> None:
    with pytest.raises(MessageTooLargeError):
        parse(b" " * (MAX_BYTES + 1))
    message = read(event())
    with pytest.raises(MessageTooLargeError):
        encode(
            AgentMessage(
                id=message.id,
                sender="shop",
                recipient="orders.placed",
                timestamp=NOW,
                content=OrderPlaced(order_id="x" * MAX_BYTES),
            )
        )


def test_a_metadata_name_that_cloudevents_forbids_is_refused_before_it_is_sent() -> None:
    message = read(event())
    with pytest.raises(UsageError, match="Tenant"):
        encode(
            AgentMessage(
                id=message.id,
                sender="shop",
                recipient="orders.placed",
                timestamp=NOW,
                content=message.content,
                metadata={"Tenant": "x"},
            )
        )


def test_a_registry_refuses_two_types_under_one_name_and_a_type_without_one() -> None:
    class Twin(Payload):
        message_type = "shop.order.placed.v2"

    class Nameless(Payload):
        pass

    with pytest.raises(UsageError, match="Two payload types"):
        Registry(OrderPlaced, Twin)
    with pytest.raises(UsageError, match="message_type"):
        Registry(Nameless)
