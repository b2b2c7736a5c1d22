"""A provider on the loopback that speaks OpenAI's chat completions and says what a script tells it.

In a test:

    async with openai_server() as server:
        server.reply_with("Hello.")
        model = await open_openai("gpt-4o-mini", api_key="sk-test", base_url=server.url)

As a program, for tests with processes: `python -m tests.support.openai_server --port 0 --script
panel --log requests.jsonl` prints its port and appends a line of JSON for each request. The scripts
are those of `tests.support.openai_panel`; `500,500,panel` takes one for each request.
"""

import argparse
import asyncio
import inspect
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.support.openai_panel import panel, scripts_named
from tests.support.openai_replies import (
    Failure,
    Form,
    Hangup,
    Raw,
    Reply,
    Request,
    Said,
    Silence,
    ToolCall,
)
from tests.support.openai_rules import objection

__all__ = [
    "Failure",
    "Form",
    "Hangup",
    "OpenAIServer",
    "Raw",
    "Reply",
    "Request",
    "Silence",
    "ToolCall",
    "openai_server",
]

DATE = 1_800_000_000
"""What the provider takes for now, in seconds: a fixed instant."""

Script = Callable[[Request], Said | Awaitable[Said]] | Said


class _BrokenError(Exception):
    """The connection is to break."""


class OpenAIServer:
    """Listens on a local `port`; `requests` are all that came, `peak` is how many at once."""

    def __init__(self, *, log: Path | None = None) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.active = 0
        self.peak = 0
        self.left = 0
        """How many clients went away in the middle of a reply."""
        self._log = log
        self._scripts: list[Script] = [panel]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def reply_with(self, *scripts: Script) -> None:
        """Take one script for each request from now on, the last for all that follow.

        A script is what is said, or returns or awaits it for the request.
        """
        self._scripts = list(scripts)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds of this server."""
        async with self._changed:
            await self._changed.wait_for(holds)

    async def open(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break every connection and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for connection in tuple(self._connections):
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, _BrokenError, asyncio.IncompleteReadError):
                await self._converse(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun = b""
        while (request := await _read(reader, begun)) is not None:
            self.requests.append(request)
            if self._log is not None:
                line = {"path": request.path, "headers": request.headers, "body": request.body}
                with self._log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            self.active += 1
            self.peak = max(self.peak, self.active)
            await self._tell()
            answering = asyncio.create_task(self._answer(request, writer))
            watching = asyncio.create_task(reader.read(1))
            try:
                await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done() and not watching.result():
                    self.left += 1
                    return
                await answering
            except OSError:
                self.left += 1
                raise
            finally:
                self.active -= 1
                answering.cancel()
                with suppress(asyncio.CancelledError, OSError, _BrokenError):
                    await answering
                await self._tell()
            begun = await watching

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        number = len(self.requests)
        said = self._refusal(request)
        if said is None:
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            scripted = script(request) if callable(script) else script
            said = await scripted if inspect.isawaitable(scripted) else scripted
        if isinstance(said, Form):
            said = said.reply(request)
        elif isinstance(said, str):
            said = Reply(text=said)
        elif isinstance(said, list):
            said = Reply(calls=said)
        match said:
            case Silence():
                await asyncio.Event().wait()
            case Hangup():
                raise _BrokenError
            case Failure():
                await _send(writer, said.status, said.body, headers=said.headers)
            case Raw():
                await _send(writer, said.status, said.body, content_type=said.content_type)
            case Reply() if request.body.get("stream"):
                await _stream(writer, request, said, number)
            case Reply():
                body = json.dumps(said.completion(request, number)).encode()
                await _send(writer, 200, body)

    def _refusal(self, request: Request) -> Failure | None:
        if request.path != "/v1/chat/completions":
            return Failure(status=404, message=f"Invalid URL (POST {request.path})")
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return Failure(status=401, message="You did not provide an API key.")
        if (flaw := objection(request.body)) is not None:
            return Failure(status=400, message=flaw, type="invalid_request_error")
        return None


async def _read(reader: asyncio.StreamReader, begun: bytes) -> Request | None:
    begun = begun or await reader.readexactly(1)
    if not begun.isalpha():
        raise _BrokenError  # a client that speaks TLS waits for as long as nobody objects
    head = begun + await reader.readuntil(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    pairs = (each.partition(":") for each in rest if each)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    decoded: Any = json.loads(body) if body else {}
    return Request(path=line.split(" ")[1], headers=headers, body=decoded)


def _head(status: int, headers: dict[str, str]) -> bytes:
    fields = {"Date": formatdate(DATE, usegmt=True), **headers}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    *,
    content_type: str = "application/json",
    headers: Any = None,
) -> None:
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    writer.write(_head(status, fields) + body)
    await writer.drain()


async def _stream(
    writer: asyncio.StreamWriter, request: Request, reply: Reply, number: int
) -> None:
    fields = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
    writer.write(_head(200, fields))
    for sent, chunk in enumerate(reply.chunks(request, number)):
        if sent == reply.stall_after:
            await asyncio.Event().wait()
        if sent == reply.cut_after:
            await writer.drain()
            raise _BrokenError
        if sent == reply.end_after:
            break
        _write_part(writer, f"data: {json.dumps(chunk)}\n\n")
        await writer.drain()
        if reply.pause:
            await asyncio.sleep(reply.pause)
    if reply.end_after is None:
        _write_part(writer, "data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _write_part(writer: asyncio.StreamWriter, text: str) -> None:
    part = text.encode()
    writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """A provider in this event loop."""
    server = OpenAIServer()
    await server.open()
    try:
        yield server
    finally:
        await server.close()


async def _serve(port: int, script: str, log: Path | None) -> None:
    server = OpenAIServer(log=log)
    server.reply_with(*scripts_named(script))
    await server.open(port)
    print(server.port, flush=True)
    ended = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    await ended.wait()
    await server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A provider on the loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="panel", help="a name, or names with commas between")
    parser.add_argument("--log", type=Path, help="file that gets a line of JSON for each request")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.script, arguments.log))
