"""Arguments as somebody may type them, for every command that comes to an end by itself."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import click
import structlog
from hypothesis import strategies as st

import agents
import bus
from agents.cli.main import _run, main
from tests.fuzz.target import Target, scratch_folder

for _package in (agents, bus):  # a command imports what it needs in a process of its own
    for _module in walk_packages(_package.__path__, f"{_package.__name__}."):
        if not _module.name.endswith("__main__"):
            import_module(_module.name)

CODES = frozenset({0, 1, 2, 3, 4})
COMMANDS = (
    *(["analyze"], ["report"], ["status"], ["cancel"], ["history"], ["schema"], ["stats"]),
    *(["replay"], ["breakers"], ["token", "inspect"], ["token", "issue"], ["audit", "verify"]),
    *(["audit", "export"], ["dead", "list"], ["dead", "show"], ["dead", "redrive"], ["breakers"]),
    *(["dead", "discard"], ["history", "prune"], ["history", "forget"], ["nonsense"], []),
)
STRAY = ("--help", "--version", "--bus", "--", "-", "-h", "--no-such", "--limit=", "--log-level")
VALUES = st.sampled_from(
    [
        *(
            "",
            " ",
            "0",
            "-1",
            "1",
            "9" * 30,
            "1e400",
            "nan",
            "inf",
            "x",
            "4f2a",
            "%",
            "*",
            "'",
            '"',
        ),
        *("2026-01-01", "2026-13-45", "0001-01-01", "9999-12-31T23:59:59", "24h", "999999w", "-1d"),
        *("sqlite:///:memory:", "sqlite:////dev/null/x.db", "sqlite:", "ftp://x", "amqp://", "a=b"),
        *("openai:", "openai:m", "tokens=1e9", "tokens=9", "cost=nan", "processing_type=both"),
        *("missing.csv", "empty.csv", ".", "/", "/dev/null", "../..", "postgresql://", "here.toml"),
        *("\udcff", "\x1b[31m", "\u202e", "\n", "é", "a" * 5_000, "json", "md", "text", "html"),
        *("eyJhbGciOiJub25lIn0.e30.", "read_data", "security", "ann", "rabbitmq://u:p@h:x"),
    ]
)


@st.composite
def arguments(draw: st.DrawFn) -> list[str]:
    """A command with some of its own options, each with any value, and what does not belong."""
    words = list(draw(st.sampled_from(COMMANDS)))
    any_value = VALUES | st.text(max_size=12)
    own = options_of(tuple(words))
    drawn: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.integers(0, 5))
        if own and kind < 3:
            option, takes_value = draw(st.sampled_from(own))
            drawn += [option, draw(any_value)] if takes_value else [option]
        else:
            drawn.append(draw(st.sampled_from(STRAY) if kind == 3 else any_value))
    return [*words, *(each.replace("\0", "") for each in drawn)]


@cache
def options_of(words: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """The options of a command, each with whether it takes a value."""
    command: click.Command | None = main
    for word in words:
        assert command is not None
        context = click.Context(command)
        command = command.get_command(context, word) if isinstance(command, click.Group) else None
        if command is None:
            return ()
    assert command is not None
    return tuple(
        (name, not each.is_flag)
        for each in command.params
        if isinstance(each, click.Option) and each.name != "follow"
        for name in each.opts
    )


@cache
def home() -> Path:
    folder = scratch_folder()
    (folder / "empty.csv").touch()
    return folder


@contextlib.contextmanager
def at_home() -> Iterator[None]:
    """Nothing outside of a folder of its own is read as settings or written as state."""
    before, kept = Path.cwd(), dict(os.environ)
    for name in [each for each in os.environ if each.startswith(("CONVENER", "OPENAI"))]:
        del os.environ[name]
    os.environ |= {"XDG_STATE_HOME": str(home() / "s"), "XDG_CACHE_HOME": str(home() / "c")}
    os.chdir(home())
    stdin, sys.stdin = sys.stdin, io.StringIO("")
    try:
        yield
    finally:
        sys.stdin = stdin
        os.chdir(before)
        os.environ.clear()
        os.environ |= kept
        structlog.reset_defaults()


def run_command(typed: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    if "debug" in typed or "--follow" in typed:
        return  # one shows tracebacks on purpose, the other does not end
    with at_home(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _run(typed)
    assert code in CODES, (code, err.getvalue())
    assert "Traceback" not in err.getvalue()
    assert "unforeseen" not in err.getvalue(), err.getvalue()
    assert code == 0 or err.getvalue().strip() or out.getvalue().strip()


TARGETS = {"commands": Target(arguments(), run_command, 120)}
