"""Text that fits: broken between words, or cut, where a terminal reads it and nowhere else."""

import shutil
import sys
import textwrap
from typing import Final, TextIO

import click

from agents.cli.line_mode import is_plain

_INDENT: Final = "  "
_NARROWEST: Final = 20


def room(stream: TextIO) -> int | None:
    """Columns for a line on `stream`; None where a line may have any length."""
    if not stream.isatty() or is_plain(stream):
        return None
    return max(_NARROWEST, shutil.get_terminal_size().columns - 1)


def say(sentence: str) -> None:
    """Write `sentence` to standard error."""
    click.echo(_filled(sentence, room(sys.stderr), indent=""), err=True)


def indented(text: str, stream: TextIO) -> str:
    """`text` set in from the left, or as it is where it is to be read aloud."""
    return _filled(text, room(stream), indent="" if is_plain(stream) else _INDENT)


def cropped(text: str, cells: int, *, from_left: bool = False) -> str:
    """`text` in at most `cells` cells; an ellipsis stands where it is cut off."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    if cells < 1:
        return ""
    if from_left:
        return cropped(text[::-1], cells)[::-1]
    return f"{set_cell_size(text, cells - 1).rstrip()}…"


def _filled(text: str, width: int | None, *, indent: str) -> str:
    if width is None:
        return f"{indent}{text}"
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
