"""Shells complete what `convener` understands, with the script that it prints for them."""

import asyncio
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
COMPLETE = """
eval "$(convener completion bash)"
COMP_WORDS=(convener "$@")
COMP_CWORD=$#
_convener_completion convener
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A search path on which `convener` is this tree."""
    command = tmp_path / "bin" / "convener"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m agents "$@"\n')
    command.chmod(0o755)
    return f"{command.parent}:/usr/bin:/bin"


ZSH = """
PS1=
autoload -U compinit && compinit -D
eval "$(convener completion zsh)"
tell() { print -r -- "$BUFFER" > told.new; mv told.new told }
zle -N tell
bindkey '^X' tell
"""
"""Set up as the help of `completion` says; Ctrl-X writes the line as it then is to a file."""


def shell_named(name: str) -> str:
    """Where that shell is; the test is skipped where it is not, and fails in CI."""
    program = shutil.which(name)
    if program is None:
        reason = f"{name} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


async def typed_in_zsh(path: str, folder: Path, text: str) -> str:
    """The line after somebody typed `text` and Tab at a terminal with zsh."""
    program = shell_named("zsh")
    (folder / ".zshrc").write_text(ZSH)
    primary, replica = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(program, "-i"),
        stdin=replica,
        stdout=replica,
        stderr=replica,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(replica)
    try:
        os.write(primary, f"{text}\t\x18".encode())
        async with asyncio.timeout(60):
            while not (folder / "told").exists():
                await asyncio.sleep(0.05)
        return (folder / "told").read_text().strip()
    finally:
        process.kill()
        await process.wait()
        os.close(primary)


async def offered_by_fish(path: str, folder: Path, text: str) -> list[str]:
    """What fish offers after `text`, without what it says of each."""
    program = shell_named("fish")
    process = await asyncio.create_subprocess_exec(
        *(program, "--no-config", "--command"),
        f'convener completion fish | source; complete --do-complete "{text}"',
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert err == b""
    return [line.partition("\t")[0] for line in out.decode().splitlines()]


@pytest.fixture
async def request_id(tmp_path: Path) -> str:
    """The id of a request on the bus of whoever lives in `tmp_path`."""
    convener = CommandLine(home=tmp_path, folder=tmp_path)
    convener.environment["XDG_STATE_HOME"] = str(tmp_path / ".local/state")
    (tmp_path / "good.csv").write_text("a,b\n1,2\n3,4\n")
    async with convener.worker("orchestrator"):
        pass
    published = await convener.run("publish", "good.csv")
    assert published.code == 0, published.err
    return published.out.strip()


async def completed(path: str, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    bash = shutil.which("bash")
    assert bash is not None
    process = await asyncio.create_subprocess_exec(
        *(bash, "--norc", "--noprofile", "-c", COMPLETE, "bash", *words),
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    # Outside of an interactive shell bash has no options of completion to set.
    assert b"Traceback" not in err, err.decode()
    return out.decode().split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("do",), ["doctor"]),
        (("rep",), ["report", "replay"]),
        (("doctor", "--pr"), ["--provision"]),
        (("dead", "re"), ["redrive"]),
        (("doctor", "--format", ""), ["text", "json"]),
        (("analyze", "--role", "s"), ["security"]),
        (("analyze", "--budget", ""), ["tokens=", "cost=", "seconds="]),
        (("worker", "orch"), ["orchestrator"]),
        (("schema", "repo"), ["report"]),
        (("history", "--type", "convener.tool"), ["convener.tool.called.v1"]),
        (("token", "issue", "--scope", "read_data,e"), ["read_data,execute_queries"]),
        (("report", ""), []),
    ],
)
async def test_bash_completes_commands_options_and_values(
    tmp_path: Path, path: str, words: tuple[str, ...], offered: list[str]
) -> None:
    assert sorted(await completed(path, tmp_path, *words)) == sorted(offered)


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("convener doc", "convener doctor"),
        ("convener dead redr", "convener dead redrive"),
        ("convener analyze --role sec", "convener analyze --role security"),
    ],
)
async def test_zsh_completes_at_a_terminal(
    tmp_path: Path, path: str, typed: str, line: str
) -> None:
    assert await typed_in_zsh(path, tmp_path, typed) == line


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("convener rep", ["replay", "report"]),
        ("convener doctor --pr", ["--provision"]),
        ("convener doctor --format ", ["json", "text"]),
        ("convener analyze --role sec", ["security"]),
    ],
)
async def test_fish_completes_commands_options_and_values(
    tmp_path: Path, path: str, typed: str, offered: list[str]
) -> None:
    assert await offered_by_fish(path, tmp_path, typed) == offered


async def test_every_shell_completes_the_id_of_a_request(
    tmp_path: Path, path: str, request_id: str
) -> None:
    begun, shown = request_id[:3], request_id[:8]
    assert await completed(path, tmp_path, "report", begun) == [shown]
    assert await completed(path, tmp_path, "cancel", request_id[:12]) == [request_id[:12]]
    assert await completed(path, tmp_path, "stats", "--request", begun) == [shown]
    assert await typed_in_zsh(path, tmp_path, f"convener report {begun}") == (
        f"convener report {shown}"
    )
    assert await offered_by_fish(path, tmp_path, f"convener history {begun}") == [shown]


async def test_where_there_is_no_bus_file_no_id_is_offered_and_none_is_made(
    tmp_path: Path, path: str
) -> None:
    assert await completed(path, tmp_path, "report", "") == []
    assert not (tmp_path / ".local").exists()
    folder = tmp_path / ".local/state/convener"
    folder.mkdir(parents=True)
    (folder / "bus.db").write_text("no database")
    assert await completed(path, tmp_path, "report", "") == []
    (folder / "bus.db").unlink()
    with closing(sqlite3.connect(folder / "bus.db")) as other:
        other.execute("create table notes (text)")
    assert await completed(path, tmp_path, "report", "") == []
    before = sorted(folder.iterdir())
    assert await completed(path, tmp_path, "--bus", "amqp://127.0.0.1:1/", "report", "") == []
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_the_script_of_a_shell_is_one_that_it_can_read(tmp_path: Path, shell: str) -> None:
    printed = await CommandLine(home=tmp_path, folder=tmp_path).run("completion", shell)
    assert printed.code == 0
    assert f"_CONVENER_COMPLETE={shell}_complete" in printed.out
    program = shutil.which(shell)
    if program is not None:
        process = await asyncio.create_subprocess_exec(
            program, "-n", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate(printed.out.encode())
        assert (process.returncode, err) == (0, b"")


async def test_another_shell_is_wrong_usage(tmp_path: Path) -> None:
    ended = await CommandLine(home=tmp_path, folder=tmp_path).run("completion", "tcsh")
    assert ended.code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in ended.err


async def test_names_of_commands_are_completed_without_importing_them() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-m", "agents"),
        cwd=ROOT,
        env={
            "_CONVENER_COMPLETE": "bash_complete",
            "COMP_WORDS": "convener re",
            "COMP_CWORD": "1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, imported = await process.communicate()
    assert b"plain,report\n" in out
    for name in (b"pydantic", b"structlog", b"rich", b"agents.cli.report"):
        assert b" " + name + b"\n" not in imported, name
