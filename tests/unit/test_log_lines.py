"""Whatever somebody put into a name, an id or an error, a log has one line for one event."""

import io
import json
import sys

import pytest
import structlog

from agents.cli.session import _log_at

HOSTILE = {
    "a line break": "a\r\n2026-11-01 [info] ann was granted everything",
    "a colour": "\x1b[41mred\x1b[2J",
    "a title": "\x1b]0;owned\x07",
    "a link": "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "a line separator": "a\u2028b\u2029c\x85d",
    "writing backwards": "\u202egpj.exe\u2066",
    "NUL and bell": "a\0b\x07",
    "half a surrogate pair": "\udcff",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written: io.StringIO = request.param()
    monkeypatch.setattr(sys, "stderr", written)
    _log_at("info")
    return written


def tell(text: str) -> None:
    """In a value, a name, the event, and an error with its traceback."""
    log = structlog.get_logger("test")
    try:
        raise ValueError(text)
    except ValueError as error:
        log.exception(text, topic=text, error=str(error), ids=[text], **{text: 1})


@pytest.mark.parametrize("log", [io.StringIO], indirect=True)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_log_for_machines_has_one_line_of_ascii_that_says_what_was_said(
    log: io.StringIO, text: str
) -> None:
    tell(text)
    (line,) = log.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    said = json.loads(line)
    assert said["topic"] == said["error"] == said["event"] == text


@pytest.mark.parametrize("log", [Terminal], indirect=True)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_log_at_a_terminal_shows_what_a_terminal_would_obey(log: Terminal, text: str) -> None:
    structlog.get_logger("test").warning(text, topic=text, **{text: 1})
    (line,) = log.getvalue().removesuffix("\n").split("\n")
    assert without_own_colours(line).isprintable()


@pytest.mark.parametrize("log", [Terminal], indirect=True)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_traceback_at_a_terminal_is_inert(log: Terminal, text: str) -> None:
    tell(text)
    lines = without_own_colours(log.getvalue()).split("\n")
    assert any("ValueError" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def without_own_colours(text: str) -> str:
    """The text without the colours that the renderer itself puts before and after each part."""
    for colour in ("0", "1", "2", "31", "32", "33", "35", "36"):
        text = text.replace(f"\x1b[{colour}m", "")
    return text
