"""The crew: worker processes that are started again whenever they end, as a supervisor would.

*Guarantees*: leaving the context ends every process; what a worker says is kept in a file of its
own beside the run's other files.
"""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fault.kill_harness.evidence import Exited
from tests.support.command_line import CommandLine

PATIENCE = 60.0
_QUICK_START = 1.5
"""Seconds that a worker takes to start on a machine that has nothing else to do."""
_PAUSE = 0.5
"""Seconds before a worker that ended by itself is started again."""


class Post:
    """One place in the crew and the process that fills it at present."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self.arguments = arguments
        self.process: Process | None = None
        self.serving = asyncio.Event()
        self.serving_since = 0.0
        self.is_asked_to_end = False


class Crew:
    """Everybody who works, by post; `exits` are those who went without being asked.

    `slowness` says how many times longer than it should a worker took to start of late.
    """

    def __init__(self, line: CommandLine, posts: Sequence[Post], log: Path) -> None:
        self.exits: list[Exited] = []
        self.slowness = 1.0
        self._line = line
        self._posts = posts
        self._log = log
        self._dismissed = False

    def serving(self, kind: str) -> Sequence[Post]:
        """Who serves now at the posts of that kind, the longest-serving first."""
        found = [p for p in self._posts if p.name.startswith(kind) and p.serving.is_set()]
        return sorted(found, key=lambda post: post.serving_since)

    def strike(self, post: Post, number: signal.Signals) -> int:
        """Send a signal to whoever fills the post; returns its pid."""
        assert post.process is not None
        post.is_asked_to_end = True
        post.serving.clear()
        post.process.send_signal(number)
        return post.process.pid

    async def complete(self) -> None:
        """Returns once every post is filled."""
        async with asyncio.timeout(PATIENCE):
            for post in self._posts:
                await post.serving.wait()

    async def dismiss(self) -> None:
        """Drain everybody and wait until they are gone."""
        self._dismissed = True
        for process in self._running():
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while any(True for _ in self._running()):
                await asyncio.sleep(0.05)

    async def fill(self, post: Post) -> None:
        """Keep the post filled until the crew is dismissed."""
        while not self._dismissed:
            await self._employ(post)
            if not post.is_asked_to_end and not self._dismissed:
                await asyncio.sleep(_PAUSE)

    def kill_everybody(self) -> None:
        """End what still runs, at once."""
        self._dismissed = True
        for process in self._running():
            process.kill()

    async def _employ(self, post: Post) -> None:
        """One process's life at the post."""
        post.is_asked_to_end = False
        started_at = time.time()
        post.process = process = await self._line._start(("worker", *post.arguments))
        assert process.stderr is not None
        was_serving, last = False, b""
        try:
            with (self._log / f"{post.name}.log").open("ab") as log:
                while said := await process.stderr.readline():
                    log.write(said)
                    log.flush()
                    last = said
                    if said.startswith(b"Serving"):
                        was_serving, post.serving_since = True, time.time()
                        post.serving.set()
                        took = post.serving_since - started_at
                        self.slowness = max(1.0, took / _QUICK_START)
                log.write(f"({process.pid} ended)\n".encode())
        finally:
            post.serving.clear()
            if process.returncode is None:
                await process.wait()
        if not post.is_asked_to_end and not self._dismissed:
            said_last = last.decode(errors="replace").strip()[-400:]
            self.exits.append(Exited(name=post.name, was_serving=was_serving, said=said_last))

    def _running(self) -> Iterator[Process]:
        for post in self._posts:
            if post.process is not None and post.process.returncode is None:
                yield post.process


@asynccontextmanager
async def working(line: CommandLine, posts: Sequence[Post], log: Path) -> AsyncIterator[Crew]:
    """A crew at `posts`, complete from the moment the block is entered."""
    log.mkdir(exist_ok=True)
    crew = Crew(line, posts, log)
    async with asyncio.TaskGroup() as group:
        for post in posts:
            group.create_task(crew.fill(post), name=post.name)
        try:
            await crew.complete()
            yield crew
        finally:
            crew.kill_everybody()
