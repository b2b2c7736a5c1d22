"""A system that refuses, has no room, or is gone: one sentence, the code, and nothing is lost."""

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.support.command_line import Ended

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
GOOD = "id,amount\n1,5\n2,7\n3,6\n"
WITHOUT_PRIVILEGES = (
    "setpriv --bounding-set=-dac_override,-dac_read_search "
    "--inh-caps=-dac_override,-dac_read_search"
)
"""Root has to keep to permissions too then, and a test is the same for everybody."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_text(GOOD)
    return tmp_path


async def shell(
    folder: Path, script: str, *, takes: float = 60, unset: tuple[str, ...] = (), **given: str
) -> Ended:
    """What a shell says that runs `script`, in which `convener` is this tree."""
    command = folder / "bin" / "convener"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m agents "$@"\n')
    command.chmod(0o755)
    environment = {
        "PATH": f"{command.parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **given,
    }
    for name in unset:
        del environment[name]
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(takes):
        out, err = await process.communicate()
    ended = Ended(process.returncode or 0, out.decode(), err.decode())
    for never in ("Traceback", "unforeseen", "Exception ignored"):
        assert never not in ended.err
    return ended


async def unprivileged(folder: Path, script: str, **given: str) -> Ended:
    """The same for somebody who may not read and write everything."""
    if os.geteuid() != 0:
        return await shell(folder, script, **given)
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to give that up")
    return await shell(folder, f"{WITHOUT_PRIVILEGES} {script}", **given)


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder in which nothing can be read or written."""
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    return closed


async def test_data_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "good.csv").chmod(0)
    ended = await unprivileged(folder, "convener analyze good.csv")
    assert ended.code == 1
    assert "good.csv cannot be read: Permission denied." in ended.err


async def test_settings_that_may_not_be_read_are_named(folder: Path) -> None:
    (folder / "convener.toml").touch(mode=0)
    ended = await unprivileged(folder, "convener status")
    assert ended.code == 2
    assert ended.err == f"Error: {folder}/convener.toml cannot be read: Permission denied.\n"


async def test_a_report_is_not_begun_for_a_folder_that_may_not_be_written(
    folder: Path, closed: Path
) -> None:
    ended = await unprivileged(folder, "convener analyze good.csv -o closed/report.md")
    assert ended.code == 2
    assert "You may not write in the folder 'closed'" in ended.err
    assert not (folder / "state").exists()


async def test_a_bus_where_nobody_may_write_is_told_with_what_to_do(
    folder: Path, closed: Path
) -> None:
    ended = await unprivileged(folder, "convener status", XDG_STATE_HOME=str(closed))
    assert ended.code == 2
    assert "have the bus in a folder where you may read and write" in ended.err
    cache = await unprivileged(folder, "convener analyze good.csv", XDG_CACHE_HOME=str(closed))
    assert cache.code == 2
    assert "set CONVENER_CACHE to a folder of yours" in cache.err


async def test_doctor_finds_folders_that_may_not_be_read_or_written(
    folder: Path, closed: Path
) -> None:
    (folder / "hidden").mkdir(mode=0)
    ended = await unprivileged(
        folder,
        "convener doctor",
        CONVENER_BUS="amqp://127.0.0.1:1/",
        CONVENER_DATA="lake=hidden",
        XDG_CACHE_HOME=str(closed),
    )
    said = " ".join(ended.out.split())
    assert ended.code == 1
    assert f"lake={folder}/hidden may not be read by this user" in said
    assert "cannot be written: Permission denied" in said


async def test_output_that_has_no_room_fails_and_the_report_can_be_had_again(folder: Path) -> None:
    full = await shell(folder, "convener analyze good.csv > /dev/full")
    assert full.code == 1
    assert "The system refused: No space left on device." in full.err
    to_file = await shell(folder, "convener analyze good.csv -o /dev/full")
    assert to_file.code == 2
    assert "cannot be written to /dev/full: No space left on device" in to_file.err
    listed = await shell(folder, "convener status")
    assert listed.out.count("complete") == 2


async def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    ended = await shell(folder, "set -o pipefail; convener schema --all | head -n 1")
    assert (ended.code, ended.out, ended.err) == (0, "{\n", "")


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_streams_that_are_closed_are_done_without(folder: Path, closing: str) -> None:
    ended = await shell(folder, f"convener status {closing}")
    assert ended.code == 0, ended.err


async def test_without_a_home_a_bus_that_is_named_is_enough(folder: Path) -> None:
    homeless = ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    ended = await shell(folder, f"convener --bus sqlite:///{folder}/b.db status", unset=homeless)
    assert ended.code == 0, ended.err


async def test_a_plain_locale_is_enough(folder: Path) -> None:
    given = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ended = await shell(folder, "convener doctor", **given)
    assert ended.code == 0, ended.err
    assert ended.out.isascii()


async def test_control_c_says_so_in_a_word(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents", "history", "--follow"),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        stdout=PIPE,
        stderr=PIPE,
    )
    bus = folder / ".local/state/convener/bus.db-wal"
    async with asyncio.timeout(60):
        while not bus.exists():
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert err.decode().strip() == "Interrupted."


async def test_at_no_level_a_log_has_a_secret(folder: Path) -> None:
    secrets = {
        "CONVENER_BUS": "amqp://ann:s3cret-word@127.0.0.1:1/",
        "CONVENER_REDIS": "redis://:s3cret-word@127.0.0.1:1/0",
        "OPENAI_API_KEY": "sk-s3cretkeys3cretkeys3cretkey",
        "OPENAI_BASE_URL": "http://ann:s3cret-word@127.0.0.1:1/v1",
        "CONVENER_TOKEN": "eyJhbGciOiJub25lIiwia2lkIjoieCJ9.eyJzdWIiOiJzM2NyZXQifQ.s3cret",
        "CONVENER_CACHE_KEY": "s3cret-seal",
    }

    async def said(command: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents", "--log-level", "debug", "--model", "openai:m"),
            *command.split(),
            cwd=folder,
            env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder), **secrets},
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await process.communicate()
        return (out + err).decode()

    failing, *others = await asyncio.gather(
        *map(said, ("status", "token inspect", "doctor", "doctor --settings"))
    )
    assert "Traceback" in failing
    assert all(others)
    for text in (failing, *others):
        assert "s3cret" not in text
        assert "eyJhbG" not in text


async def test_a_log_is_json_where_no_terminal_reads_it(folder: Path) -> None:
    nowhere = "redis://127.0.0.1:1"
    told, quiet = [
        await shell(
            folder, f"convener --log-level {level} analyze good.csv", CONVENER_REDIS=nowhere
        )
        for level in ("warning", "error")
    ]
    assert told.code == quiet.code == 0, told.err
    events = [json.loads(line) for line in told.err.splitlines() if line.startswith("{")]
    assert [event["level"] for event in events] == ["warning"]
    assert "{" not in quiet.err
