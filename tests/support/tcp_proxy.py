"""A TCP proxy between a client and a server, to cut, to delay, and to fall silent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

_CHUNK = 64 * 1024


class TcpProxy:
    """Listens on a local `port` and passes on to `target`, until told otherwise."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0
        self.delay = 0.0
        """Seconds that everything takes longer, each way."""
        self.accepted = 0
        """How many connections were made so far."""
        self.rewrite: Callable[[bytes], bytes] = bytes
        """What becomes of everything that is passed on, each way."""

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection without a word; new ones are still accepted."""
        for writer in tuple(self._writers):
            writer.transport.abort()
        pumps = tuple(self._pumps)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def close(self) -> None:
        """Break every connection and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await self.cut()
            await server.wait_closed()

    def fall_silent(self) -> None:
        """Keep every connection open and pass on nothing, as a dead network does."""
        self._flows.clear()

    def recover(self) -> None:
        """Pass on again, what waited first."""
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(inner_writer)
        for source, sink in ((reader, inner_writer), (inner_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while chunk := await source.read(_CHUNK):
                    await self._flows.wait()
                    if self.delay:
                        await asyncio.sleep(self.delay)
                    sink.write(self.rewrite(chunk))
                    await sink.drain()
        finally:
            self._writers.discard(sink)
            sink.close()
            with suppress(OSError):
                await sink.wait_closed()


@asynccontextmanager
async def tcp_proxy(target: int) -> AsyncIterator[TcpProxy]:
    """A proxy to the local port `target`."""
    proxy = TcpProxy(target)
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.recover()
        await proxy.close()
