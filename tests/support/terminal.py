"""`convener` on a terminal of its own, which is watched."""

import asyncio
import codecs
import fcntl
import os
import signal
import struct
import sys
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.command_line import BOUND, CommandLine
from tests.support.screen import Screen


class Terminal:
    """A pseudo-terminal whose screen shows what a process writes to it."""

    def __init__(self, columns: int, lines: int = 24) -> None:
        self.screen = Screen(columns)
        self.written = ""
        self.frames: list[str] = []
        self.primary, self.replica = os.openpty()
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.replica, termios.TIOCSWINSZ, size)

    async def watch(self) -> None:
        """Returns once the other side is closed."""
        loop = asyncio.get_running_loop()
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := await loop.run_in_executor(None, self._read):
                text = decoder.decode(chunk)
                self.written += text
                self.screen.write(text)
                self.frames.append(self.screen.text())
        finally:
            os.close(self.primary)

    async def shows(self, condition: Callable[[str], bool]) -> str:
        """The first screen for which `condition` holds."""
        async with asyncio.timeout(BOUND):
            while True:
                for frame in self.frames:
                    if condition(frame):
                        return frame
                await asyncio.sleep(0.02)

    def _read(self) -> bytes:
        try:
            return os.read(self.primary, 65536)
        except OSError:  # the other end is closed
            return b""


@asynccontextmanager
async def at_terminal(
    line: CommandLine, *arguments: str, columns: int = 80, lines: int = 24, **environment: str
) -> AsyncIterator[tuple[Process, Terminal]]:
    """A command whose standard output and error are one terminal; killed if the block fails."""
    terminal = Terminal(columns, lines)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CONVENER", "OPENAI")) and name not in ("COLUMNS", "LINES")
    }
    own = {
        "HOME": str(line.home),
        "XDG_STATE_HOME": str(line.home / "state"),
        "XDG_CACHE_HOME": str(line.home / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TERM": "xterm-256color",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents", *arguments),
        cwd=line.folder,
        env={**kept, **own, **line.environment, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=terminal.replica,
        stderr=terminal.replica,
    )
    os.close(terminal.replica)
    watching = asyncio.create_task(terminal.watch())
    try:
        yield process, terminal
        async with asyncio.timeout(2 * BOUND):
            await process.wait()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await watching
