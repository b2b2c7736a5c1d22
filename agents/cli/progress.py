"""Live progress on standard error: a line per specialist, redrawn at a terminal, else appended."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

from agents.analysis import PendingAnalysis
from agents.domain.task import Phase, TaskProgressed
from bus import task_group

if TYPE_CHECKING:
    from rich.table import Table

_REDRAWS_PER_SECOND: Final = 4

_WORDS: Final[dict[Phase, str]] = {
    "queued": "waiting",
    "assigned": "assigned",
    "reading": "reading the data",
    "checking": "checking",
    "asking": "asking the model",
    "done": "done",
    "failed": "failed",
    "missing": "missing",
}


@asynccontextmanager
async def shown(pending: PendingAnalysis, roles: Sequence[str]) -> AsyncIterator[None]:
    """Show how far each role is while the block runs."""
    board = _Board(roles)
    async with task_group() as tasks:
        show = _redraw if sys.stderr.isatty() else _append
        showing = tasks.create_task(show(pending, board), name="progress")
        try:
            yield
        finally:
            showing.cancel()


class _Board:
    """What was last heard of each role."""

    def __init__(self, roles: Sequence[str]) -> None:
        self._began = monotonic()
        self._latest: dict[str, TaskProgressed | None] = dict.fromkeys(roles)
        self._ended: dict[str, float] = {}

    def hear(self, progressed: TaskProgressed) -> None:
        self._latest[progressed.role] = progressed
        if progressed.phase in ("done", "failed", "missing"):
            self._ended.setdefault(progressed.role, monotonic())

    def table(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for role, latest in self._latest.items():
            seconds = self._ended.get(role, monotonic()) - self._began
            table.add_row(
                Text(role.replace("_", " "), style="bold"),
                Text(_sentence(latest), overflow="ellipsis", no_wrap=True),
                Text(f"{seconds:5.1f} s", style="dim"),
            )
        return table


def _sentence(latest: TaskProgressed | None) -> str:
    if latest is None:
        return _WORDS["queued"]
    words = _WORDS[latest.phase]
    if latest.phase == "done":
        noun = "finding" if latest.findings == 1 else "findings"
        return f"{words}, {latest.findings} {noun}"
    return f"{words}: {latest.text}" if latest.text else words


async def _redraw(pending: PendingAnalysis, board: _Board) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(
        get_renderable=board.table,
        console=Console(stderr=True),
        refresh_per_second=_REDRAWS_PER_SECOND,
        transient=True,
    ):
        async for progressed in pending.progress():
            board.hear(progressed)


async def _append(pending: PendingAnalysis, board: _Board) -> None:
    async for progressed in pending.progress():
        board.hear(progressed)
        if progressed.phase in ("done", "failed", "missing"):
            click.echo(f"{progressed.role}: {_sentence(progressed)}", err=True)
