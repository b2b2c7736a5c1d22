"""`--plain`: whether to write lines that can be read aloud instead of drawing.

Asked for by `--plain`, before or after the command, or by CONVENER_PLAIN; a terminal that says of
itself that it is dumb is taken to ask for it too. What is written then has no colour, no box, no
table and no control sequence, and is never written over.
"""

import os
from collections.abc import Callable
from typing import Any, Final, TextIO, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_ASKED: Final = "agents.cli.line_mode"
_DUMB: Final = "dumb"
_IMMOVABLE: Final = frozenset({_DUMB, "unknown", ""})
"""Terminals on which nothing can be written over."""


def plain_option(command: F) -> F:
    """The option `--plain`, which every command that draws has, and the group of all too."""
    return click.option(
        "--plain",
        is_flag=True,
        envvar="CONVENER_PLAIN",
        expose_value=False,
        callback=_note,
        help="Write lines to be read aloud: no drawing, no colour, no tables (or set "
        "CONVENER_PLAIN).",
    )(command)


def _note(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_ASKED] = True


def is_plain_asked() -> bool:
    """Whether the running command was asked for lines."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_ASKED))


def is_plain(stream: TextIO) -> bool:
    """Whether what goes to `stream` is to be lines: asked for, or all that the terminal can do."""
    return is_plain_asked() or (stream.isatty() and os.environ.get("TERM") == _DUMB)


def can_redraw(stream: TextIO) -> bool:
    """Whether what was written to `stream` can be written over."""
    is_movable = os.environ.get("TERM", "") not in _IMMOVABLE
    return stream.isatty() and is_movable and not is_plain_asked()


def has_colour(stream: TextIO) -> bool:
    """Whether what goes to `stream` may be coloured."""
    return can_redraw(stream) and not os.environ.get("NO_COLOR")
