"""What is known of a running request, and lines that are kept at the end of a terminal."""

import asyncio
import fcntl
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator

import pytest

from agents.cli.drawing import Drawing, drawn_on_stderr
from agents.cli.progress import awaited
from agents.cli.progress_board import Board, name_width
from agents.cli.standard_error import StandardError
from agents.domain.report import Member, Missing, ReportPublished
from agents.domain.task import Phase, TaskProgressed
from tests.support.reported import report
from tests.support.screen import Screen

ROLES = ("data_quality", "security")


def said(role: str, phase: Phase, text: str = "", findings: int = 0) -> TaskProgressed:
    return TaskProgressed(request_id="r", role=role, phase=phase, text=text, findings=findings)


def board(*heard: TaskProgressed) -> Board:
    """A board of two roles that heard something every second."""
    made = Board(ROLES, now=0.0)
    for now, each in enumerate(heard, start=1):
        made.hear(each, now=float(now))
    return made


def texts(shown: Board, *, now: float = 9.0, most: int = 10) -> list[tuple[str, float, str]]:
    return [(line.name, line.seconds, line.text) for line in shown.lines(now, most=most)]


def test_a_role_is_shown_at_what_it_said_last_and_its_time_stops_when_it_ends() -> None:
    shown = board(
        said("security", "reading"),
        said("data_quality", "checking", "looking for gaps", findings=2),
        said("security", "done", findings=3),
    )
    assert texts(shown) == [
        ("data quality", 9.0, "checking, 2 found: looking for gaps"),
        ("security", 3.0, "done, 3 findings"),
        ("in all", 9.0, "1 of 2 done, 5 findings so far"),
    ]


def test_a_result_counts_as_it_is_and_a_further_round_takes_nothing_from_it() -> None:
    shown = board(
        said("security", "checking", "looking", findings=5),
        said("security", "done", findings=4),
        said("data_quality", "done", findings=1),
        said("security", "assigned"),
    )
    assert texts(shown)[1:] == [
        ("security", 9.0, "queued"),
        ("in all", 9.0, "1 of 2 done, 5 findings so far"),
    ]
    shown.hear(said("security", "done", "answered the others"), now=9.0)
    assert texts(shown)[2][2] == "2 of 2 done, 5 findings; the report is being made"
    shown.hear(said("orchestrator", "asking", "Both have one cause"), now=9.0)
    assert texts(shown)[2][2].endswith("the report is being made: Both have one cause")


def test_nothing_is_said_to_go_on_before_there_is_a_plan() -> None:
    assert texts(board())[2] == ("in all", 9.0, "waiting for the plan of the orchestrator")
    assert board().still(12.0) == "After 12.0 s: waiting for the plan of the orchestrator."


def test_who_failed_is_told_from_who_is_done() -> None:
    shown = board(said("security", "failed", "The file is gone."), said("data_quality", "done"))
    assert texts(shown)[1:] == [
        ("security", 1.0, "failed: The file is gone."),
        ("in all", 9.0, "1 of 2 done, 1 failed, no findings; the report is being made"),
    ]
    assert shown.told("security", 1.0) == "Security failed after 1.0 s: The file is gone."
    assert shown.told("data_quality", 2.0) == "Data quality is done after 2.0 s: no findings."


def test_of_too_many_lines_those_of_whom_is_done_are_left_out_first() -> None:
    shown = board(said("data_quality", "done"))
    assert [line.name for line in shown.lines(9.0, most=2)] == ["security", "in all"]
    assert [line.name for line in shown.lines(9.0, most=1)] == ["in all"]


def test_what_the_report_knows_and_nobody_heard_is_caught_up_on() -> None:
    shown = board(said("security", "done", findings=1))
    panel = (
        Member(role="data_quality", status="missing"),
        Member(role="security", status="completed", findings=1),
    )
    missing = (Missing(role="data_quality", reason="No worker is running."),)
    ended = report(panel=panel, missing=missing, status="partial")
    assert shown.catch_up(ended, now=5.0) == ["data_quality"]
    assert shown.told("data_quality", 5.0) == (
        "Data quality is missing after 5.0 s: No worker is running."
    )
    assert shown.catch_up(ended, now=6.0) == []


class Pending:
    """A request whose only role is told to be done, and its report out so many steps later."""

    request_id = "r"

    def __init__(self, steps: int) -> None:
        self._steps = steps

    async def progress(self) -> AsyncIterator[TaskProgressed]:
        yield said("security", "done")
        await asyncio.Event().wait()

    async def report(self) -> ReportPublished:
        for _ in range(self._steps):
            await asyncio.sleep(0)
        return report()


@pytest.mark.parametrize("steps", range(1, 12))
async def test_the_wait_ends_with_the_report_at_whatever_moment_that_comes(
    steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asyncio.timeout(10):
        await awaited(Pending(steps), ["security"], is_private=False)
    assert capsys.readouterr().err.startswith("Request r is put to security.")


@pytest.mark.parametrize("width", [10, 30, 59, 100])
def test_no_line_is_wider_than_the_screen_whatever_is_said(width: int) -> None:
    shown = board(
        said("data_quality", "checking", "looking in \u6771\u4eac\u90fd" * 20, findings=1),
        said("security", "failed", "\x1b[31mred\x1b[0m \u202etxt \x9b2J\r\n" * 9),
    )
    lines = shown.lines(9.0, most=10)
    screen = Screen(width)
    for line in lines:
        screen.write("".join(line.cells(name_width(lines), width)) + "\r\n")
    assert len(screen.text().splitlines()) == 3
    assert not screen.coloured


class Window:
    """A terminal in whose replica somebody draws, and a screen that reads along."""

    def __init__(self, columns: int, lines: int = 10) -> None:
        self.primary, self.replica = os.openpty()
        self.out = os.fdopen(self.replica, "w", encoding="utf-8")
        self.screen = Screen(columns)
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int = 10) -> None:
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.replica, termios.TIOCSWINSZ, size)

    def text(self) -> str:
        os.set_blocking(self.primary, False)
        try:
            while True:
                self.screen.write(os.read(self.primary, 65536).decode())
        except BlockingIOError:
            return self.screen.text()

    def close(self) -> None:
        self.out.close()
        os.close(self.primary)


def test_lines_are_written_over_and_leave_nothing() -> None:
    window = Window(40)
    now = ["one", "two", "three"]
    drawing = Drawing(window.out, lambda _: [(line, line) for line in now])
    drawing.update()
    assert window.text() == "one\ntwo\nthree"
    now[:] = ["1", "two"]
    drawing.update()
    assert window.text() == "1\ntwo"
    drawing.erase()
    assert window.text() == ""
    window.close()


def test_what_has_not_changed_is_not_written_again() -> None:
    window = Window(40)
    drawing = Drawing(window.out, lambda _: [("same", "same")])
    drawing.update()
    window.text()
    drawing.update()
    with pytest.raises(BlockingIOError):
        os.read(window.primary, 1)
    window.close()


def test_lines_that_a_narrower_window_has_broken_are_found_again() -> None:
    window = Window(40)
    drawing = Drawing(window.out, lambda size: [("x" * (size.columns - 1),) * 2, ("end",) * 2])
    drawing.update()
    window.text()
    window.resize(20)
    broken = Screen(20)
    broken.write(window.screen.text().replace("\n", "\r\n") + "\r\n")
    window.screen = broken
    drawing.update()
    assert window.text() == f"{'x' * 19}\nend"
    window.close()


def test_a_logger_that_was_set_up_before_writes_above_too(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(40)
    monkeypatch.setattr(sys, "stderr", window.out)
    log = StandardError(window.out)
    with drawn_on_stderr(lambda _: [("board", "board")]) as drawing:
        drawing.update()
        log.write("logged\n")
        assert window.text() == "logged\nboard"
    log.write("after\n")
    log.flush()
    assert window.text() == "logged\nafter"
    window.close()


def test_what_is_said_meanwhile_stands_above_in_whole_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = Window(40)
    monkeypatch.setattr(sys, "stderr", window.out)
    with drawn_on_stderr(lambda _: [("board", "board")]) as drawing:
        drawing.update()
        print("a warn", end="", file=sys.stderr)
        assert window.text() == "board"
        print("ing\nand begun", end="", file=sys.stderr)
        assert window.text() == "a warning\nboard"
    assert window.text() == "a warning\nand begun"
    assert sys.stderr is window.out
    window.close()
