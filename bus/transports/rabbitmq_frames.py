"""Mends frames that the driver cannot decode, so that one bad message does not stop its neighbours.

Any client can send a message whose properties are not UTF-8, or whose timestamp is beyond all time.
The driver answers such a frame by dropping the connection, and with it every delivery in hand; the
broker then delivers the same message again. Here its properties are replaced before the driver sees
them. Its body passes unharmed, and whoever decides about the message finds no token with it.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Final, cast

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from pamqp import frame as pamqp_frame
from pamqp.commands import Basic
from pamqp.exceptions import PAMQPException
from pamqp.header import ContentHeader
from yarl import URL

UNDECODABLE_HEADER: Final = "convener-undecodable"
"""Marks a message whose properties had to be replaced."""

_METHOD: Final = 1
_HEADER: Final = 2
_FRAME_HEAD: Final = struct.Struct(">BHI")
_CONTENT_HEAD: Final = struct.Struct(">HHQ")
_BLOCKED: Final = struct.pack(">HH", 10, 60)
_UNBLOCKED: Final = struct.pack(">HH", 10, 61)
_DELIVER: Final = struct.pack(">HH", 60, 60)
_GET_OK: Final = struct.pack(">HH", 60, 71)
_PROTOCOL: Final = b"AMQP"

_DECODING_ERRORS: Final = (
    *(PAMQPException, ValueError, TypeError, LookupError, ArithmeticError),
    *(OSError, RecursionError, struct.error),
)
"""What the driver's decoder lets out of itself for bytes that it did not expect."""


class MendingTransportFactory(TransportFactory):
    """Opens the network connection for the driver, with a `MendingReader` in it.

    `on_blocked` hears why the broker takes no messages from us, and an empty text once it does.
    """

    def __init__(self, on_blocked: Callable[[str], None]) -> None:
        self._on_blocked = on_blocked

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        factory = TLSTransportFactory() if url.scheme == "amqps" else TCPTransportFactory()
        reader, writer = await factory.create(url, **kwargs)
        return cast("asyncio.StreamReader", MendingReader(reader, self._on_blocked)), writer


class MendingReader:
    """As much of a StreamReader as the driver uses; reads frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, on_blocked: Callable[[str], None]) -> None:
        self._reader = reader
        self._on_blocked = on_blocked
        self._frame = b""
        self._read = 0

    def at_eof(self) -> bool:
        return self._read == len(self._frame) and self._reader.at_eof()

    async def readexactly(self, n: int) -> bytes:
        if self._read == len(self._frame):
            self._frame, self._read = await self._next_frame(), 0
        start, self._read = self._read, self._read + n
        return self._frame[start : self._read]

    async def read(self, n: int = -1) -> bytes:
        return await self._reader.read(n)

    async def _next_frame(self) -> bytes:
        head = await self._reader.readexactly(_FRAME_HEAD.size)
        if head.startswith(_PROTOCOL):
            return head + await self._reader.readexactly(1)
        _, channel, size = _FRAME_HEAD.unpack(head)
        frame = head + await self._reader.readexactly(size + 1)
        if not channel and (reason := blocking(frame)) is not None:
            self._on_blocked(reason)
        return mended(frame)


def blocking(frame: bytes) -> str | None:
    """Why the broker takes no messages, empty if it does again; None if `frame` is about neither.

    The driver knows as much, but keeps the reason to itself.
    """
    payload = frame[_FRAME_HEAD.size : -1]
    if payload.startswith(_UNBLOCKED):
        return ""
    if not payload.startswith(_BLOCKED):
        return None
    start = len(_BLOCKED) + 1
    return payload[start : start + payload[start - 1]].decode("utf-8", "replace") or "blocked"


def mended(frame: bytes) -> bytes:
    """`frame`, or one in its place that the driver can decode and that says the same."""
    kind, channel, _ = _FRAME_HEAD.unpack_from(frame)
    payload = frame[_FRAME_HEAD.size : -1]
    if kind not in (_METHOD, _HEADER) or payload.isascii():
        return frame
    try:
        pamqp_frame.unmarshal(frame)
    except _DECODING_ERRORS:
        if kind == _HEADER:
            return _without_properties(payload, channel)
        return _with_readable_names(frame, payload)
    return frame


def _without_properties(payload: bytes, channel: int) -> bytes:
    _, weight, body_size = _CONTENT_HEAD.unpack_from(payload)
    properties = Basic.Properties(headers={UNDECODABLE_HEADER: True})
    header = ContentHeader(weight, body_size=body_size, properties=properties)
    return pamqp_frame.marshal(header, channel)


def _with_readable_names(frame: bytes, payload: bytes) -> bytes:
    """Exchange and routing key of a delivery, with a question mark for each byte beyond ASCII."""
    start = _FRAME_HEAD.size + 4
    if payload.startswith(_DELIVER):
        start += 1 + frame[start]
    elif not payload.startswith(_GET_OK):
        return frame
    start += 9
    end = start + 1 + frame[start]
    end += 1 + frame[end]
    exchange_end = start + 1 + frame[start]
    names = (frame[start + 1 : exchange_end], frame[exchange_end + 1 : end])
    readable = b"".join(bytes([len(name)]) + _readable(name) for name in names)
    return frame[:start] + readable + frame[end:]


def _readable(name: bytes) -> bytes:
    return bytes(byte if byte < 0x80 else ord("?") for byte in name)
