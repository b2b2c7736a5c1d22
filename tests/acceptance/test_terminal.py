"""What somebody at a terminal sees: progress, the report, Ctrl-C; and what `--plain` writes."""

import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.bus_under_test import until
from tests.support.command_line import DATA, CommandLine
from tests.support.terminal import at_terminal

pytestmark = pytest.mark.timeout(180)

PLANES = str(DATA / "planes.csv")
ROLES = ("data quality", "performance", "security", "business")
DRAWN = re.compile(r"[\x1b\u2500-\u259f•·✗✓]")
"""An escape character, boxes and bars, and marks that stand for words."""


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "patient.py").write_text(
        "import asyncio\n"
        "from pathlib import Path\n"
        "from agents import Panel, Specialist\n"
        "async def examine(examination):\n"
        "    await examination.progress('counting slowly', findings=3)\n"
        "    Path('begun').touch()\n"
        "    while not Path('go').exists():\n"
        "        await asyncio.sleep(0.02)\n"
        "    return []\n"
        "panel = Panel(Specialist(role='patient', title='Patient', tools=(), examine=examine))\n"
    )
    return CommandLine(home=tmp_path, folder=folder)


def begun(convener: CommandLine) -> Callable[[], Awaitable[bool]]:
    """Whether the patient specialist is at work."""

    async def is_begun() -> bool:
        return (convener.folder / "begun").exists()

    return is_begun


@pytest.mark.parametrize(("columns", "lines"), [(60, 12), (80, 24), (200, 50)])
async def test_progress_is_drawn_in_place_and_leaves_only_the_report(
    convener: CommandLine, columns: int, lines: int
) -> None:
    async with at_terminal(
        convener, "analyze", PLANES, columns=columns, lines=lines, NO_COLOR="1"
    ) as (process, terminal):
        during = await terminal.shows(lambda frame: "in all" in frame and "checking" in frame)
    assert process.returncode == 0
    shown = during.splitlines()
    assert [row for role in ROLES for row in shown if row.startswith(f"{role}  ")] == shown[:4]
    assert len(shown) == 5
    assert max(map(len, shown)) < columns
    assert len({row.index(" s  ") for row in shown}) == 1, "the times stand below each other"
    after = terminal.screen.text()
    assert after.startswith("Analysis of planes.csv")
    assert "in all" not in after
    assert "convener report" in after
    assert terminal.screen.reached <= columns


async def test_a_screen_too_low_for_all_shows_who_is_at_work_and_the_sum(
    convener: CommandLine,
) -> None:
    async with at_terminal(convener, "analyze", PLANES, lines=4) as (_, terminal):
        pass
    boards = [frame for frame in terminal.frames if "in all" in frame]
    assert boards
    assert max(len(frame.splitlines()) for frame in boards) <= 3


async def test_ctrl_c_leaves_the_terminal_clean_and_the_request_cancelled(
    convener: CommandLine,
) -> None:
    async with at_terminal(convener, "analyze", PLANES) as (process, terminal):
        await terminal.shows(lambda frame: "checking" in frame)
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert [row for row in terminal.screen.text().splitlines() if row] == [
        "The request was cancelled.",
        "Interrupted.",
    ]
    assert "cancelled" in (await convener.run("status")).out


async def test_who_stops_waiting_is_told_how_to_go_on(convener: CommandLine) -> None:
    (convener.folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    async with convener.worker("orchestrator", "patient", "--app", "patient:panel"):
        async with at_terminal(
            convener, "publish", "airlines.csv", "--role", "patient", "--wait"
        ) as (process, terminal):
            shown = await terminal.shows(lambda frame: "counting slowly" in frame)
            assert "checking, 3 found: counting slowly" in shown
            assert "0 of 1 done, 3 findings so far" in shown
            process.send_signal(signal.SIGINT)
        assert process.returncode == 130
        said = " ".join(terminal.screen.text().split())
        (id,) = re.findall(r"The request goes on: `convener report ([0-9a-f]{8})`", said)
        assert f"`convener cancel {id}` stops it" in said
        (convener.folder / "go").touch()
        follow = ("history", id, "--follow")
        async with at_terminal(convener, *follow, columns=60) as (following, terminal):
            await terminal.shows(lambda frame: "report.published" in frame)
            following.send_signal(signal.SIGINT)
        assert terminal.screen.reached <= 60
        reported = await convener.run("report", id)
        assert reported.code == 0, reported.err


async def test_a_worker_says_what_it_serves_with_and_what_becomes_of_its_work(
    convener: CommandLine,
) -> None:
    (convener.folder / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    worker = ("worker", "orchestrator", "patient", "--app", "patient:panel")
    async with at_terminal(convener, *worker, columns=60) as (process, terminal):
        started = await terminal.shows(lambda frame: "Ctrl-C to" in frame)
        words = " ".join(started.split())
        assert "The bus is sqlite:///" in words
        assert "without a model" in words
        assert "Serving orchestrator, patient." in words
        published = await convener.run("publish", "airlines.csv", "--role", "patient")
        assert published.code == 0
        await until(begun(convener))
        process.send_signal(signal.SIGINT)
        await terminal.shows(lambda frame: "2 pieces of work in hand" in " ".join(frame.split()))
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert terminal.screen.text().endswith(
        "Handing back what is not done.\nStopped: nothing is left in hand."
    )
    (convener.folder / "go").touch()
    async with convener.worker(*worker[1:]):

        async def is_reported() -> bool:
            return (await convener.run("report", published.out.strip())).code == 0

        await until(is_reported)


async def test_plain_is_lines_to_be_read_aloud_whatever_reads_them(convener: CommandLine) -> None:
    for plain, environment in (
        (["--plain", "analyze", PLANES, "--all"], {}),
        (["analyze", PLANES, "--plain"], {}),
        (["analyze", PLANES], {"CONVENER_PLAIN": "1"}),
        (["analyze", PLANES], {"TERM": "dumb"}),
    ):
        async with at_terminal(convener, *plain, **environment) as (process, terminal):
            pass
        assert process.returncode == 0
        assert not DRAWN.search(terminal.written)
        assert terminal.written.count("Section: Findings.") == 1
        assert re.search(
            r"^Data quality is done after [\d.]+ s: 5 findings\.", terminal.written, re.MULTILINE
        )
        assert terminal.written.startswith("Request ")
    piped = await convener.run("analyze", PLANES, "--plain")
    assert "Section: What to do first." in piped.out
    markdown = await convener.run("analyze", PLANES, "--plain", "--format", "md")
    assert markdown.out.startswith("# ")


@pytest.mark.parametrize("command", ["status", "history", "doctor", "stats", "report"])
async def test_whatever_lists_or_reports_has_a_plain_form(
    convener: CommandLine, command: str
) -> None:
    analysed = await convener.run("analyze", str(DATA / "airlines.csv"), "-o", "report.json")
    assert analysed.code == 0, analysed.err
    id = re.findall(r"Request ([0-9a-f-]{36})", analysed.err)
    arguments = [command, *(id if command == "report" else [])]
    async with at_terminal(convener, *arguments, "--plain") as (process, terminal):
        pass
    assert process.returncode == 0, terminal.written
    assert not DRAWN.search(terminal.written)
    lines = [line for line in terminal.written.splitlines() if line]
    assert lines
    for line in lines:
        assert line[-1] in ".:;" or ": convener " in line, line


@pytest.mark.parametrize(("encoding", "options"), [("ascii", []), ("latin-1", ["--plain"])])
async def test_a_terminal_that_lacks_a_character_shows_a_question_mark(
    convener: CommandLine, encoding: str, options: list[str]
) -> None:
    (convener.folder / "years.csv").write_text(
        "ann\u0119e,b\n" + "1,\n2,\n3,4\n" * 10, encoding="utf-8"
    )
    arguments = ("analyze", "years.csv", "--role", "data_quality", "--all", *options)
    async with at_terminal(convener, *arguments, PYTHONIOENCODING=encoding) as (process, terminal):
        pass
    assert process.returncode == 0, terminal.written
    assert "ann?e" in terminal.screen.text()


async def test_a_pipe_gets_a_few_whole_lines_and_no_control_sequence(convener: CommandLine) -> None:
    ended = await convener.run("analyze", PLANES)
    lines = ended.err.splitlines()
    assert lines[0].endswith("is put to data quality, performance, security and business.")
    assert sorted(line.split(" is done after")[0].lower() for line in lines[1:]) == sorted(ROLES)
    assert "\x1b" not in ended.err + ended.out
