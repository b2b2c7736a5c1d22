"""A few lines at the end of a terminal that are written over as they change.

*Guarantees*: the cursor is never hidden and no mode of the terminal is changed, so that however the
process ends nothing is left to be put right. Lines are written over in place, which does not
flicker, and only when they have changed. What else is said on standard error meanwhile is written
above them, whole. After a resize they are found again where a terminal that breaks lines anew has
them.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Final, TextIO

from rich.cells import cell_len

from agents.cli.standard_error import StandIn

_UP: Final = "\x1b[{}A"
_ERASE_LINE: Final = "\x1b[K"
_ERASE_BELOW: Final = "\x1b[J"

Styled = tuple[str, str]
"""A line without and with its colours."""
Draw = Callable[[os.terminal_size], Sequence[Styled]]
"""The lines for a terminal of this size: fewer than it has, none wider than it is."""


class Drawing:
    """What `draw` gives, kept at the end of `out`; may be used from any thread."""

    def __init__(self, out: TextIO, draw: Draw) -> None:
        self._out = out
        self._draw = draw
        self._drawn: Sequence[Styled] = ()
        self._columns = 0
        self._lock = RLock()

    def update(self) -> None:
        """Draw anew what has changed."""
        with self._lock:
            size = self._size()
            lines = self._draw(size)
            is_resized = size.columns != self._columns
            if lines == self._drawn and not is_resized:
                return
            # What a terminal has broken anew it puts together again later, unless it is erased.
            erased = _ERASE_BELOW if is_resized else ""
            self._write(self._home(size) + erased + _written(lines))
            self._drawn, self._columns = lines, size.columns

    def erase(self) -> None:
        """Take away what is drawn."""
        with self._lock:
            if self._drawn:
                self._write(self._home(self._size()) + _ERASE_BELOW)
            self._drawn = ()

    def say(self, text: str) -> None:
        """Write `text`, whole lines, above what is drawn."""
        with self._lock:
            drawn, home = self._drawn, self._home(self._size())
            self._write(f"{home}{_ERASE_BELOW}{text}{_written(drawn)}")

    def _home(self, size: os.terminal_size) -> str:
        """Back to the first cell of the first line that is drawn."""
        rows = sum(-(-max(cell_len(text), 1) // size.columns) for text, _ in self._drawn)
        return "\r" + (_UP.format(rows) if rows else "")

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._out.fileno())
        except OSError:
            size = os.terminal_size((0, 0))
        return os.terminal_size((size.columns or 80, size.lines or 24))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _written(lines: Sequence[Styled]) -> str:
    body = "".join(f"{styled}{_ERASE_LINE}\n" for _, styled in lines)
    return f"{body}{_ERASE_BELOW}"


class _Above(StandIn):
    """Stands in for standard error: what is written to it appears above the drawing, by lines."""

    def __init__(self, drawing: Drawing, out: TextIO) -> None:
        self._drawing = drawing
        self._out = out
        self._begun = ""

    def write(self, text: str) -> int:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._drawing.say(f"{whole}\n")
        return len(text)

    def flush(self) -> None:
        """Nothing: whole lines are out, and an unfinished one waits for its end."""

    def finish(self) -> None:
        """Write what was begun."""
        if self._begun:
            self._drawing.say(f"{self._begun}\n")

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)


@contextmanager
def drawn_on_stderr(draw: Draw) -> Iterator[Drawing]:
    """A drawing at the end of standard error, taken away when the block ends."""
    out = sys.stderr
    drawing = Drawing(out, draw)
    above = _Above(drawing, out)
    sys.stderr = above
    try:
        yield drawing
    finally:
        sys.stderr = out
        drawing.erase()
        above.finish()
