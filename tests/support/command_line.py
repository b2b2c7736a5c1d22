"""`convener` as a process of its own, in a home of its own."""

import asyncio
import fcntl
import os
import signal
import struct
import sys
import termios
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents.messages import RULES
from bus import Authority, Policy, SystemClock
from bus.authorities.tokens import TokenAuthority
from bus.connect import KEY_FILE
from bus.keyrings.local import LocalKeyring
from bus.tokens import Tokens

BOUND = 60.0
DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Ended:
    """A command that came to its end."""

    code: int
    out: str
    err: str


@dataclass
class CommandLine:
    """Runs commands with `home` for state and cache and `folder` as working directory."""

    home: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, *arguments: str, stdin: bytes | None = None) -> Ended:
        process = await self._start(arguments)
        async with asyncio.timeout(BOUND):
            out, err = await process.communicate(stdin)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def at_terminal(self, *arguments: str) -> str:
        """What a successful command draws on a terminal of 80 columns without colour."""
        primary, replica = os.openpty()
        fcntl.ioctl(replica, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        self.environment |= {"TERM": "unknown", "NO_COLOR": "1", "COLUMNS": "80"}
        process = await self._start(arguments, stdout=replica)
        os.close(replica)
        drawing = asyncio.get_running_loop().run_in_executor(None, _read_all, primary)
        async with asyncio.timeout(BOUND):
            _, err = await process.communicate()
            drawn = await drawing
        assert process.returncode == 0, err.decode()
        return drawn.decode().replace("\r", "")

    def authority(self) -> Authority:
        """That of somebody with the home of these commands, for a broker on this machine."""
        file = self.home / "state" / "convener" / KEY_FILE
        tokens = Tokens(LocalKeyring(file), clock=SystemClock())
        return TokenAuthority(tokens, rules=RULES, policy=Policy(), clock=SystemClock())

    @asynccontextmanager
    async def worker(self, *arguments: str) -> AsyncIterator[Process]:
        """A worker that serves from the moment the block is entered; ended with SIGTERM."""
        process = await self._start(("worker", *arguments))
        assert process.stderr is not None
        try:
            async with asyncio.timeout(BOUND):
                said = [await process.stderr.readline()]
                while said[-1] and not said[-1].startswith(b"Serving"):
                    said.append(await process.stderr.readline())
            assert said[-1], b"".join(said).decode()
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(BOUND):
                await process.communicate()

    async def _start(self, arguments: tuple[str, ...], *, stdout: int = PIPE) -> Process:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CONVENER", "OPENAI"))},
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **self.environment,
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agents",
            *arguments,
            cwd=self.folder,
            env=environment,
            stdin=PIPE,
            stdout=stdout,
            stderr=PIPE,
        )


def _read_all(terminal: int) -> bytes:
    drawn = b""
    try:
        while chunk := os.read(terminal, 65536):
            drawn += chunk
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(terminal)
    return drawn
