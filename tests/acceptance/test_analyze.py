"""`convener analyze` as somebody with a file and nothing else meets it."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.support.command_line import DATA, CommandLine

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    return CommandLine(home=tmp_path, folder=folder)


async def test_a_file_gives_a_complete_report_in_markdown(convener: CommandLine) -> None:
    ended = await convener.run("analyze", str(DATA / "planes.csv"))
    assert ended.code == 0, ended.err
    assert "AIRBUS INDUSTRIE" in ended.out
    assert "Data quality is done" in ended.err


async def test_the_evidence_of_every_finding_runs_in_a_fresh_duckdb(convener: CommandLine) -> None:
    ended = await convener.run("analyze", str(DATA / "planes.csv"), "--format", "json")
    report = json.loads(ended.out)
    assert report["status"] == "complete"
    assert {member["role"] for member in report["panel"]} == {
        "data_quality",
        "performance",
        "security",
        "business",
    }
    shell = duckdb.connect()
    shell.execute(report["datasets"][0]["setup_sql"])
    for finding in report["findings"]:
        for evidence in finding["evidence"]:
            if evidence["sql"]:
                shell.execute(evidence["sql"]).fetchall()


async def test_the_report_can_be_had_again_and_its_history_looked_at(convener: CommandLine) -> None:
    first = await convener.run("analyze", str(DATA / "planes.csv"), "--format", "json")
    id = json.loads(first.out)["request_id"]
    again = await convener.run("report", id[:8], "--format", "json")
    assert json.loads(again.out) == json.loads(first.out)
    timeline = await convener.run("history", id[:8])
    assert "analysis.requested" in timeline.out
    assert "report.published" in timeline.out
    listing = await convener.run("status")
    assert f"{id[:8]}" in listing.out
    assert "complete" in listing.out


async def test_a_replay_gives_a_second_report_linked_to_the_first(convener: CommandLine) -> None:
    first = json.loads(
        (await convener.run("analyze", str(DATA / "airlines.csv"), "--format", "json")).out
    )
    ended = await convener.run("replay", first["request_id"][:8], "--live", "--format", "json")
    second = json.loads(ended.out)
    assert second["request_id"] != first["request_id"]
    assert second["run"]["replay_of"] == first["request_id"]
    assert second["findings"] == first["findings"]


async def test_offenders_are_written_row_by_row(convener: CommandLine) -> None:
    file = convener.folder / "offenders.csv"
    ended = await convener.run("analyze", str(DATA / "planes.csv"), "--offenders", str(file))
    assert ended.code == 0, ended.err
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    assert rows
    assert set(rows[0]) == {"finding_id", "table", "row_id", "column", "value"}


async def test_the_report_goes_to_the_file_that_was_asked_for(convener: CommandLine) -> None:
    ended = await convener.run("analyze", str(DATA / "airlines.csv"), "-o", "report.json")
    assert ended.out == ""
    assert json.loads((convener.folder / "report.json").read_text())["status"] == "complete"


async def test_only_the_roles_that_were_asked_for_work(convener: CommandLine) -> None:
    ended = await convener.run(
        "analyze", str(DATA / "airlines.csv"), "--role", "security", "--format", "json"
    )
    assert [member["role"] for member in json.loads(ended.out)["panel"]] == ["security"]


def broken_csv(folder: Path) -> str:
    file = folder / "broken.csv"
    file.write_bytes(bytes(range(256)) * 40)
    return str(file)


def empty(folder: Path) -> str:
    file = folder / "empty.csv"
    file.touch()
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["analyze", "no-such-file.csv"], 1, "no-such-file.csv"),
        (["analyze", "."], 1, "."),
        (["analyze"], 2, "DATA"),
        (["analyze", "x.csv", "--role", "astrologer"], 2, "astrologer"),
        (["analyze", "x.csv", "--characteristic", "speed=7"], 2, "speed"),
        (["analyze", "x.csv", "--deadline", "5000"], 2, "1200"),
        (["--bus", "http://nowhere", "analyze", "x.csv"], 2, "bus URL"),
        (["--bus", "sqlite://", "status"], 2, "names no file"),
        (["--bus", "amqp://guest:guest@127.0.0.1:1/", "status"], 1, "127.0.0.1"),
        (["publish", "x.csv"], 1, "Nobody listens"),
        (["report", "ffffffff"], 2, "convener status"),
        (["cancel", "ffffffff"], 2, "convener status"),
        (["dead", "show", "ffffffff"], 2, "convener dead list"),
        (["history", "--since", "soon"], 2, "soon"),
        (["worker", "astrologer"], 2, "astrologer"),
        (["worker", "--app", "nothing:panel"], 2, "nothing"),
        (["conjure"], 2, "conjure"),
    ],
)
async def test_wrong_input_gives_one_sentence_and_its_exit_code(
    convener: CommandLine, arguments: list[str], code: int, sentence: str
) -> None:
    ended = await convener.run(*arguments)
    said = ended.out + ended.err
    assert ended.code == code, said
    assert sentence in said
    assert "Traceback" not in said


async def test_broken_and_empty_files_give_a_failed_report_that_says_why(
    convener: CommandLine,
) -> None:
    for file, words in (
        (broken_csv(convener.folder), "broken.csv"),
        (empty(convener.folder), "empty"),
    ):
        ended = await convener.run("analyze", file)
        assert ended.code == 1, ended.out
        assert words in ended.out
        assert "Traceback" not in ended.err


async def test_a_corrupt_bus_file_is_refused_and_left_alone(convener: CommandLine) -> None:
    file = convener.folder / "bus.db"
    file.write_text("this is no database, but somebody's notes\n" * 200)
    before = file.read_bytes()
    ended = await convener.run("--bus", f"sqlite:///{file}", "status")
    assert ended.code == 1
    assert str(file) in ended.err
    assert "Traceback" not in ended.err
    assert file.read_bytes() == before


async def test_a_bus_file_that_another_process_keeps_to_itself_is_waited_for_and_then_named(
    convener: CommandLine,
) -> None:
    file = convener.folder / "bus.db"
    assert (await convener.run("--bus", f"sqlite:///{file}", "status")).code == 0
    with closing(sqlite3.connect(file, isolation_level=None)) as held:
        held.execute("pragma locking_mode = exclusive")
        held.execute("begin exclusive")
        ended = await convener.run("--bus", f"sqlite:///{file}", "status")
    assert ended.code == 1
    assert str(file) in ended.err
    assert "another process" in ended.err.lower()


async def test_a_setting_that_cannot_be_understood_is_named(convener: CommandLine) -> None:
    (convener.folder / "convener.toml").write_text('buss = "sqlite:///x"\n')
    ended = await convener.run("status")
    assert ended.code == 2
    assert "'buss'" in ended.err


async def test_at_a_terminal_the_report_is_laid_out_for_80_columns(convener: CommandLine) -> None:
    drawn = await convener.at_terminal("analyze", str(DATA / "planes.csv"))
    assert "AIRBUS INDUSTRIE" in drawn
    assert "What to do first" in drawn
    assert max(len(line) for line in drawn.splitlines()) <= 80
