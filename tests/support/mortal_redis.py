"""A Redis server of one test, which the test may kill and start again on the same port."""

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

_START_TIMEOUT = 20.0


class MortalRedis:
    """Listens on `port` while it lives; keeps nothing on disk."""

    def __init__(self, executable: str, folder: str) -> None:
        self._executable = executable
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--save", "")
        self._process = await asyncio.create_subprocess_exec(
            *(self._executable, *options, "--dir", self._folder), stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(_START_TIMEOUT):
            while not await self._answers():
                assert self._process.returncode is None
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it without warning."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def stop(self) -> None:
        """Have it answer nobody, as if the machine were stuck, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer what waited."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        answer = await reader.readline()
        writer.close()
        return answer == b"+PONG\r\n"


@asynccontextmanager
async def mortal_redis(folder: str) -> AsyncIterator[MortalRedis]:
    """A server that was started, with `folder` to work in."""
    executable = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin")
    if executable is None:
        reason = "no redis-server is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    server = MortalRedis(executable, folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
