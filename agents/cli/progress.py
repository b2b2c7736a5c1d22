"""Waiting for a report: live progress on standard error meanwhile, and what Ctrl-C does.

*Guarantees*: where lines can be written over there is one per role and one for all; elsewhere, in
a pipe or with `--plain`, a line is added only when a role has ended, and once in a while one that
says what goes on. A role is shown to do what it said last, and to have found what it said it found.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import click

from agents.analysis import PendingAnalysis
from agents.cli.drawing import Styled, drawn_on_stderr
from agents.cli.line_mode import can_redraw, has_colour
from agents.cli.progress_board import ENDED, Board, Line, name_width
from agents.cli.wrapped import say
from agents.domain.report import ReportPublished
from agents.errors import AgentError
from bus import BusError, task_group

_REDRAW_EVERY: Final = 0.25
_WIDEST: Final = 100
QUIET: Final = 10.0
"""Seconds without a line after which one says what goes on; twice as long after each such line."""
LONGEST_QUIET: Final = 60.0
WITHDRAWAL_TIME: Final = 5.0
"""Seconds for which an interrupted command waits for the report that says so."""


async def awaited(
    pending: PendingAnalysis, roles: Sequence[str], *, is_private: bool
) -> ReportPublished:
    """The report, with progress shown until it is out.

    Interrupted, a request that nobody else knows of (`is_private`) is cancelled; of another one it
    is said how to go on.
    """
    board = Board(roles, now=monotonic())
    try:
        async with _shown(pending, board):
            report = await pending.report()
    except asyncio.CancelledError:
        if is_private:
            await asyncio.shield(_withdrawn(pending))
        else:
            id = pending.request_id[:8]
            say(
                f"The request goes on: `convener report {id}` prints its report, `convener cancel "
                f"{id}` stops it."
            )
        raise
    if not can_redraw(sys.stderr):
        for role in board.catch_up(report, now=monotonic()):
            click.echo(board.told(role, monotonic()), err=True)
    return report


async def _withdrawn(pending: PendingAnalysis) -> None:
    """Cancel the request, so that the record says how it ended."""
    try:
        async with asyncio.timeout(WITHDRAWAL_TIME):
            await pending.cancel()
            await pending.report()
    except (TimeoutError, AgentError, BusError):
        return  # it expires by itself, and the user wants to be gone
    say("The request was cancelled.")


@asynccontextmanager
async def _shown(pending: PendingAnalysis, board: Board) -> AsyncIterator[None]:
    async with task_group() as tasks:
        show = _draw if can_redraw(sys.stderr) else _tell
        showing = tasks.create_task(show(pending, board), name="progress")
        try:
            yield
        finally:
            showing.cancel()


async def _draw(pending: PendingAnalysis, board: Board) -> None:
    is_coloured = has_colour(sys.stderr)

    def lines(size: os.terminal_size) -> Sequence[Styled]:
        now = board.lines(monotonic(), most=size.lines - 1)
        names, width = name_width(now), min(size.columns - 1, _WIDEST)
        return [_styled(line, names, width, is_coloured=is_coloured) for line in now]

    async def redraw() -> None:
        while True:
            drawing.update()
            await asyncio.sleep(_REDRAW_EVERY)

    with drawn_on_stderr(lines) as drawing:
        async with task_group() as tasks:
            redrawing = tasks.create_task(redraw(), name="drawing")
            try:
                async for progressed in pending.progress():
                    board.hear(progressed, now=monotonic())
            finally:
                redrawing.cancel()


def _styled(line: Line, names: int, width: int, *, is_coloured: bool) -> Styled:
    name, time, text = line.cells(names, width)
    if not is_coloured:
        return name + time + text, name + time + text
    failed = line.phase in ("failed", "missing")
    said = click.style(text, fg="red") if failed else text
    coloured = click.style(name, bold=True) + click.style(time, dim=True) + said
    return name + time + text, coloured


async def _tell(pending: PendingAnalysis, board: Board) -> None:
    click.echo(board.opening(pending.request_id), err=True)
    said = asyncio.Event()

    async def go_on() -> None:
        quiet = QUIET
        while True:
            try:
                async with asyncio.timeout(quiet):
                    await said.wait()
                said.clear()
            except TimeoutError:
                click.echo(board.still(monotonic()), err=True)
                quiet = min(2 * quiet, LONGEST_QUIET)

    async with task_group() as tasks:
        going_on = tasks.create_task(go_on(), name="what goes on")
        try:
            async for progressed in pending.progress():
                board.hear(progressed, now=monotonic())
                if progressed.phase in ENDED and board.knows(progressed.role):
                    click.echo(board.told(progressed.role, monotonic()), err=True)
                    said.set()
        finally:
            going_on.cancel()
