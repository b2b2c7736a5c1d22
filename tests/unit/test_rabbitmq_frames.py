"""Frames that the driver would drop the connection for, and all others."""

import asyncio
import struct

import pytest
from pamqp import frame as pamqp_frame
from pamqp.commands import Basic, Connection, Queue
from pamqp.header import ContentHeader

from bus.transports.rabbitmq_frames import UNDECODABLE_HEADER, MendingReader, mended


def header_frame(flags: int, properties: bytes, *, body_size: int = 7) -> bytes:
    payload = struct.pack(">HHQH", 60, 0, body_size, flags) + properties
    return struct.pack(">BHI", 2, 5, len(payload)) + payload + b"\xce"


def delivery_frame(key: bytes, *, tag: int = 200) -> bytes:
    frame = pamqp_frame.marshal(Basic.Deliver("ctag", tag, True, "convener", "x" * len(key)), 5)
    return frame.replace(b"x" * len(key), key)


def ignore(_: str) -> None:
    """For whom it does not matter whether the broker takes messages."""


NOT_UTF8 = header_frame(0x0080, b"\x02\xff\xfe")
BEYOND_TIME = header_frame(0x0040, b"\xff" * 8)


@pytest.mark.parametrize("frame", [NOT_UTF8, BEYOND_TIME], ids=["not utf-8", "beyond time"])
def test_properties_that_cannot_be_decoded_are_replaced(frame):
    _, channel, header = pamqp_frame.unmarshal(mended(frame))
    assert isinstance(header, ContentHeader)
    assert (channel, header.body_size) == (5, 7)
    assert header.properties.headers == {UNDECODABLE_HEADER: True}
    assert header.properties.message_id is None


def test_a_routing_key_that_cannot_be_decoded_becomes_readable():
    _, _, deliver = pamqp_frame.unmarshal(mended(delivery_frame(b"event.\xff\xfe")))
    assert isinstance(deliver, Basic.Deliver)
    assert (deliver.exchange, deliver.routing_key) == ("convener", "event.??")
    assert (deliver.consumer_tag, deliver.delivery_tag, deliver.redelivered) == ("ctag", 200, True)


@pytest.mark.parametrize(
    "frame",
    [
        delivery_frame(b"event.a"),
        delivery_frame("event.ü".encode()),
        header_frame(0x0080, b"\x02\xc3\xbc"),
        pamqp_frame.marshal(Queue.DeclareOk("q", 200, 1), 3),
        struct.pack(">BHI", 3, 5, 2) + b"\xff\xfe\xce",
        struct.pack(">BHI", 8, 0, 0) + b"\xce",
    ],
)
def test_every_other_frame_passes_as_it_is(frame):
    assert mended(frame) == frame


async def test_frames_are_read_in_the_pieces_that_the_driver_asks_for():
    source = asyncio.StreamReader()
    source.feed_data(delivery_frame(b"event.a") + NOT_UTF8)
    source.feed_eof()
    reader = MendingReader(source, ignore)
    frames = []
    while not reader.at_eof():
        head = await reader.readexactly(1) + await reader.readexactly(6)
        size = struct.unpack(">BHI", head)[2]
        frames.append(head + await reader.readexactly(size + 1))
    assert frames == [delivery_frame(b"event.a"), mended(NOT_UTF8)]


async def test_a_server_that_speaks_another_version_is_heard_out():
    source = asyncio.StreamReader()
    source.feed_data(b"AMQP\x00\x01\x00\x00")
    reader = MendingReader(source, ignore)
    assert await reader.readexactly(1) + await reader.readexactly(6) == b"AMQP\x00\x01\x00"


async def test_whether_the_broker_takes_messages_is_heard_and_passed_on():
    frames = [
        pamqp_frame.marshal(Connection.Blocked("low on memory"), 0),
        struct.pack(">BHI", 8, 0, 0) + b"\xce",
        pamqp_frame.marshal(Connection.Unblocked(), 0),
        delivery_frame(b"event.a"),
    ]
    source = asyncio.StreamReader()
    source.feed_data(b"".join(frames))
    source.feed_eof()
    heard: list[str] = []
    reader = MendingReader(source, heard.append)
    passed = [await reader.readexactly(len(frame)) for frame in frames]
    assert passed == frames
    assert heard == ["low on memory", ""]
