"""Bytes and headers as any client of the broker can send them."""

import asyncio
import base64
import json
import resource
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from pamqp.commands import Basic

from agents.messages import REGISTRY
from bus import MessageError, NotPermittedError, decode, encode, parse
from bus.domain.codec import MAX_METADATA
from bus.tokens import MAX_LENGTH, Tokens
from bus.transports.rabbitmq_wire import MAX_HEADER_BYTES, attempt_of, envelope_of, redeliveries_of
from tests.fuzz.target import Target
from tests.support.clock import ManualClock
from tests.support.keys import Keys, forged, pair

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROWTH = 256 * 1024
"""Kilobytes by which reading one message may raise the peak of this process."""

OWN, PUBLIC = pair("k", kinds=frozenset({"access", "task", "message"}), senders=("*",))
TOKENS = Tokens(Keys(OWN, PUBLIC), clock=ManualClock())

TYPES = sorted(each.message_type for each in REGISTRY)
FIELDS = sorted({name for each in REGISTRY for name in each.model_fields})
EXTENSIONS = (
    *("subject", "time", "datacontenttype", "correlationid", "causationid", "replyto"),
    *("expiresat", "traceparent", "data_base64"),
)
ODD_TEXTS = st.sampled_from(
    [
        *("", "\0", "\ud800", "\u2028", "\u202e", "../..", "NaN", "-0", "null", "x" * 3_000),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-23:59", "2026-W01-1T00Z"),
        *("2026-02-30T00:00:00Z", "24:00", "2026-11-01T00:00:60Z", "infinity", "1e400"),
    ]
)
ODD_NUMBERS = st.sampled_from([2**63, -(2**63) - 1, 10**400, 2**1024, -1, 0, 1e308, 5e-324, -0.0])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD_TEXTS
) | ODD_NUMBERS
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)
events = st.fixed_dictionaries(
    {
        "specversion": st.just("1.0"),
        "id": st.text(min_size=1, max_size=8),
        "source": st.text(min_size=1, max_size=8),
        "type": st.sampled_from(TYPES) | st.text(max_size=12),
        "data": st.dictionaries(st.sampled_from(FIELDS), documents, max_size=8) | documents,
    },
    optional=dict.fromkeys((*EXTENSIONS, "tenant", "X y", "a" * 30), scalars | documents),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """An event, as JSON, perhaps with bytes put in the place of others."""
    body = bytearray(json.dumps(draw(events)).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(body)))
        junk = draw(
            st.binary(max_size=6)
            | st.sampled_from([b"1e999", b"NaN", b'"id":"2",', b"[" * 70, b"\\ud800", b"9" * 5000])
        )
        body[at : at + draw(st.integers(0, 6))] = junk
    return bytes(body)


def read_body(body: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        message = decode(parse(body), REGISTRY, topic="topic", now=NOW)
    except MessageError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 25_000
    else:
        assert len(message.metadata) <= MAX_METADATA
        again = decode(parse(encode(message)), REGISTRY, topic="topic", now=NOW)
        assert again.timestamp == message.timestamp
        assert again.metadata == message.metadata
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH


def signed(parts: tuple[Any, Any]) -> str:
    header, claims = (json.dumps(part) for part in parts)
    return forged(header, claims, OWN.material.sign)


def in_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


tokens = (
    st.text(max_size=200)
    | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
    | st.lists(st.binary(max_size=80).map(in_base64), min_size=1, max_size=5).map(".".join)
    | st.lists(documents.map(lambda value: in_base64(json.dumps(value).encode())), min_size=3).map(
        ".".join
    )
    | st.tuples(documents, documents).map(signed)
    | st.just("e" * (MAX_LENGTH + 1))
    | st.integers(500, 3_000).map(lambda depth: f"{in_base64(b'[' * depth)}.e30.e30")
)


def verify_token(token: str) -> None:
    try:
        asyncio.run(TOKENS.verify(token, topic="task.a", digest="d"))
    except NotPermittedError as refusal:
        assert len(str(refusal)) < 2_000
    else:
        raise AssertionError("Nobody issued it.")


amqp_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.decimals(allow_nan=True)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


def nested(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


headers = st.dictionaries(
    st.sampled_from(
        ["convener-id", "convener-attempt", "convener-topic", "x-delivery-count", "CC", "BCC"]
    )
    | st.text(max_size=30),
    amqp_values | st.integers(20, 600).map(nested) | st.just("é" * 20_000),
    max_size=12,
)


def read_headers(table: dict[str, Any]) -> None:
    message: Any = SimpleNamespace(
        header=SimpleNamespace(properties=Basic.Properties(headers=table)),
        routing_key="work",
        exchange="",
        body=b"{}",
        redelivered=True,
    )
    envelope = envelope_of(message, topic_exchange="convener")
    size = sum(len(name) + len(text.encode()) for name, text in envelope.headers.items())
    assert size <= MAX_HEADER_BYTES
    assert ("CC" in table) == ("CC" in envelope.headers)
    assert attempt_of(message) >= 1
    assert isinstance(redeliveries_of(message), int)


TARGETS = {
    "codec": Target(bodies() | st.binary(max_size=200), read_body, 400),
    "tokens": Target(tokens, verify_token, 150),
    "headers": Target(headers, read_headers, 150),
}
