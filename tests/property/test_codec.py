"""Whatever can be said survives the wire, and whatever comes from it never surprises."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bus import AgentMessage, MessageError, MessageId, Payload, Registry, decode, encode, parse


class Noted(Payload):
    message_type = "shop.note.taken.v1"
    text: str
    numbers: tuple[int, ...] = ()


REGISTRY = Registry(Noted)
NOW = datetime(2026, 11, 1, tzinfo=UTC)

words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40
)
instants = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC]),
)
messages = st.builds(
    AgentMessage,
    id=words.map(MessageId),
    sender=words,
    recipient=words,
    timestamp=instants,
    content=st.builds(
        Noted,
        text=st.text(st.characters(codec="utf-8")),
        numbers=st.lists(st.integers(-(2**60), 2**60)).map(tuple),
    ),
    metadata=st.dictionaries(
        st.from_regex(r"x[a-z0-9]{1,10}", fullmatch=True),
        words | st.integers(-(2**31), 2**31 - 1) | st.booleans(),
        max_size=5,
    ),
    correlation_id=st.none() | words,
    causation_id=st.none() | words.map(MessageId),
    reply_to=st.none() | words,
    expires_at=st.none() | instants,
    traceparent=st.none() | words,
)


@given(messages)
def test_a_message_survives_the_wire_unchanged(message: AgentMessage[Noted]) -> None:
    body = encode(message)
    assert decode(parse(body), REGISTRY, topic="anything", now=NOW) == message


@given(messages, st.integers(0, 10_000), st.binary(max_size=8))
def test_damaged_bytes_are_refused_or_understood_but_never_crash(
    message: AgentMessage[Noted], at: int, junk: bytes
) -> None:
    body = bytearray(encode(message))
    position = at % len(body)
    body[position : position + len(junk)] = junk
    try:
        decode(parse(bytes(body)), REGISTRY, topic="anything", now=NOW)
    except MessageError as error:
        assert str(error)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_value_is_either_an_event_or_refused(value: object) -> None:
    try:
        parse(json.dumps(value).encode())
    except MessageError as error:
        assert str(error)


@given(instants, st.floats(0, 1e6))
def test_a_message_is_expired_from_its_deadline_on(instant: datetime, seconds: float) -> None:
    message = AgentMessage(
        id=MessageId("m"),
        sender="s",
        recipient="r",
        timestamp=instant,
        content=Noted(text=""),
        expires_at=instant,
    )
    assert message.is_expired(instant + timedelta(seconds=seconds))
    assert not message.is_expired(instant - timedelta(microseconds=1))
