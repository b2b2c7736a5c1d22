"""`convener` in this process, as somebody types it who has nothing set up yet: quick to run."""

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from agents.cli.main import _run
from tests.support.command_line import Ended


@dataclass
class TypedCommand:
    """Runs commands in `folder`, with state and cache in `home`."""

    home: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """What the command prints and exits with."""
        out, err = io.StringIO(), io.StringIO()
        with (
            self._at_home(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _reading(stdin),
        ):
            try:
                code = _run(list(arguments))
            finally:
                structlog.reset_defaults()
        return Ended(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def _at_home(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in ("CONVENER_BUS", "CONVENER_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
                patch.delenv(name, raising=False)
            patch.setenv("HOME", str(self.home))
            patch.setenv("XDG_STATE_HOME", str(self.home / "state"))
            patch.setenv("XDG_CACHE_HOME", str(self.home / "cache"))
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield


@contextlib.contextmanager
def _reading(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        yield
    finally:
        sys.stdin = before
