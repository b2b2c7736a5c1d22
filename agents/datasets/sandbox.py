"""Statements that a model wrote, carried out in child processes that may be killed at any time.

*Guarantees*: a statement has at most `SandboxPolicy.seconds` of time, as much processor time, and
`memory` bytes; whatever it does then, it ends, and with it its process, which the next statement
finds replaced. Nothing can be written, and nothing read but the snapshots. If the caller is
cancelled, the process is killed.

*Not here*: which statements are let in (`sandbox_rules.py`), what runs them (`sandbox_child.py`).

*Source*: DuckDB's own `memory_limit` bounds neither `repeat` nor `unnest(range(…))`, which is why
the operating system's limits do.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

from pydantic import JsonValue

from agents.datasets.interruptible import Interruption, SharedWork
from agents.errors import QueryError

PROGRAM: Final = Path(__file__).with_name("sandbox_child.py")

START_TIMEOUT: Final = 30.0
"""Seconds until a new process must be ready."""

READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPolicy:
    """What statements may cost and return.

    `seconds` is both time and processor time of one; `memory` bytes are those of its process, with
    the interpreter; an answer has at most `rows` rows and `answer_bytes` bytes, and each cell
    `cell` characters. `processes` run at the same time.
    """

    seconds: float = 10.0
    memory: int = 1 << 30
    rows: int = 200
    answer_bytes: int = 64 << 10
    cell: int = 1_000
    processes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxAnswer:
    """The rows of a statement; `is_cut` if there would have been more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    is_cut: bool


class Sandbox:
    """Children by what they were set up with; belongs to one event loop; its owner closes it."""

    def __init__(self, policy: SandboxPolicy | None = None) -> None:
        self._policy = policy or SandboxPolicy()
        self._executor = ThreadPoolExecutor(
            self._policy.processes, thread_name_prefix="convener-sandbox"
        )
        self._work: SharedWork[SandboxAnswer] = SharedWork(self._executor)
        self._lock = Lock()
        self._idle: list[_Child] = []
        self._running = 0
        self._is_closed = False

    async def query(
        self, setup: Sequence[str], sql: str, *, admit: Callable[[str], None] | None = None
    ) -> SandboxAnswer:
        """The answer to one statement, after the statements of `setup`.

        `admit` is asked first, in a thread, and raises what is to be raised if it is not let in.

        Raises:
            QueryError: it was not let in, failed, or was stopped for what it cost.
        If cancelled, the statement's process is killed.
        """
        key = (tuple(setup), sql)

        def carry_out(interruption: Interruption) -> SandboxAnswer:
            if admit is not None:
                admit(sql)
            return self._carry_out(key, interruption)

        return await self._work.run(key, carry_out)

    def close(self) -> None:
        """End all processes; may be called again."""
        self._is_closed = True
        self._work.interrupt()
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            self._executor.submit(child.end)
        self._executor.shutdown(wait=False)

    def _carry_out(
        self, key: tuple[tuple[str, ...], str], interruption: Interruption
    ) -> SandboxAnswer:
        setup, sql = key
        child = self._taken(setup)
        is_kept = False
        try:
            with interruption.of(child):
                answer = child.ask(sql)
            is_kept = child.is_usable
        except QueryError:
            interruption.check()
            raise
        finally:
            self._put_back(child, is_kept=is_kept)
        if isinstance(answer, QueryError):
            raise answer
        return answer

    def _put_back(self, child: "_Child", *, is_kept: bool) -> None:
        with self._lock:
            is_kept = is_kept and not self._is_closed
            if is_kept:
                self._running -= 1
                self._idle.append(child)
        if not is_kept:
            child.end()
            with self._lock:
                self._running -= 1

    def _taken(self, setup: tuple[str, ...]) -> "_Child":
        """An idle process for `setup`, or a new one in the place of whichever idled longest."""
        with self._lock:
            self._running += 1
            for number, child in enumerate(self._idle):
                if child.setup == setup and child.is_alive:
                    return self._idle.pop(number)
            in_the_way = max(0, len(self._idle) + self._running - self._policy.processes)
            ended, self._idle = self._idle[:in_the_way], self._idle[in_the_way:]
        for child in ended:
            child.end()
        return _Child(setup, self._policy)


class _Child:
    """One process, spoken to from one thread at a time."""

    def __init__(self, setup: tuple[str, ...], policy: SandboxPolicy) -> None:
        self.setup = setup
        self._policy = policy
        self._unread = b""
        self._is_ready = False
        self.is_usable = True
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
            cwd="/",
            bufsize=0,
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, sql: str) -> SandboxAnswer | QueryError:
        """The answer, or why the engine refused.

        Raises:
            QueryError: the statement was stopped, and the process is of no use any more.
        """
        policy = self._policy
        if not self._is_ready:
            self._tell(
                {
                    "memory": policy.memory,
                    "settings": {"memory_limit": f"{policy.memory // 3}B", "threads": 1},
                    "statements": self.setup,
                }
            )
            if "ready" not in self._told(START_TIMEOUT):
                raise QueryError("The statement could not be carried out: its process has no room.")
            self._is_ready = True
        self._tell(
            {
                "sql": sql,
                "seconds": policy.seconds,
                "rows": policy.rows,
                "bytes": policy.answer_bytes,
                "cell": policy.cell,
            }
        )
        told = self._told(policy.seconds)
        if "memory" in told:
            raise self._too_much_memory()
        if "error" in told:
            self.is_usable = "is_last" not in told
            return QueryError(f"The query failed: {told['error']}")
        return SandboxAnswer(
            columns=tuple(told["columns"]),
            rows=tuple(map(tuple, told["rows"])),
            is_cut=told["is_cut"],
        )

    def interrupt(self) -> None:
        """Kill the process; whoever waits for it notices."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def end(self) -> None:
        """Kill the process and clear away what is left of it."""
        self.interrupt()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _tell(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it is gone, which the answer's absence will tell
            self._process.stdin.write(json.dumps(document).encode() + b"\n")

    def _told(self, seconds: float) -> dict[str, Any]:
        """The next line, if it comes in time."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        end = time.monotonic() + seconds
        while b"\n" not in self._unread:
            readable, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise QueryError(
                    f"The statement was stopped after {self._policy.seconds:g} s: ask for less, "
                    "or of fewer rows."
                )
            block = os.read(descriptor, READ_BYTES)
            if not block:
                raise self._gone()
            self._unread += block
        line, _, self._unread = self._unread.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        return document

    def _gone(self) -> QueryError:
        if self._process.wait() == -24:  # SIGXCPU
            return QueryError(
                f"The statement was stopped after {self._policy.seconds:g} s of computing: ask for "
                "less, or of fewer rows."
            )
        return self._too_much_memory()

    def _too_much_memory(self) -> QueryError:
        return QueryError(
            f"The statement was stopped: it needs more than {self._policy.memory >> 20} MiB of "
            "memory; ask for less, or of fewer rows."
        )
