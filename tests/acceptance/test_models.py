"""`convener` with a model, as somebody with a file, a key and an address meets it."""

import asyncio
import fcntl
import json
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.builtin import builtin_panel
from agents.domain.request import Characteristics
from agents.domain.synthesis.wording import speciality
from agents.domain.usage import Price, Usage
from agents.reasoning.prompt import load_prompts
from tests.support.command_line import DATA, CommandLine, Ended
from tests.support.model_client import heard, is_written, member, model_client
from tests.support.model_process import KEY, MODEL, ModelProcess, model_process
from tests.support.openai_panel import counted

pytestmark = pytest.mark.timeout(300)

PLANES = str(DATA / "planes.csv")
AIRLINES = str(DATA / "airlines.csv")
PRICE = Price(input=2.0, output=8.0)
PRICES = '[prices."gpt-4o-mini"]\ninput = 2.0\noutput = 8.0\n'


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[ModelProcess]:
    async with model_process(tmp_path) as started:
        yield started


@pytest.fixture
def convener(tmp_path: Path, provider: ModelProcess) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    line = CommandLine(home=tmp_path / "home", folder=folder)
    line.home.mkdir()
    line.environment |= provider.environment
    return line


def report_of(ended: Ended, code: int = 0) -> dict[str, Any]:
    assert ended.code == code, ended.err
    report: dict[str, Any] = json.loads(ended.out)
    return report


def citable(report: Mapping[str, Any]) -> set[str]:
    """Every id in the report that may be cited."""
    ids = {finding["id"] for finding in report["findings"]}
    ids |= {each["id"] for finding in report["findings"] for each in finding["evidence"]}
    return ids | {each["id"] for member in report["panel"] for each in member["measurements"]}


def cited(report: Mapping[str, Any]) -> list[str]:
    """Every id that the report cites, wherever it does."""
    claims = [claim for member in report["panel"] for claim in member["claims"]]
    claims += report["narrative"]
    claims += [each for conflict in report["conflicts"] for each in conflict["positions"]]
    ids = [id for claim in claims for id in claim["cites"]]
    for kind in ("themes", "opportunities", "recommendations"):
        ids += [id for each in report[kind] for id in each["finding_ids"]]
    return ids


def by_model(report: Mapping[str, Any], kind: str) -> Sequence[Mapping[str, Any]]:
    return [each for each in report[kind] if each["origin"] == "model"]


async def test_a_model_adds_to_the_same_findings_what_cites_them(
    convener: CommandLine, provider: ModelProcess
) -> None:
    (convener.folder / "convener.toml").write_text(PRICES)
    await provider.start("digging")
    plain = report_of(await convener.run("--model", "", "analyze", PLANES, "--format", "json"))
    assert plain["model"] is None
    assert not provider.requests

    ended = await convener.run("analyze", PLANES, "--format", "json")
    report = report_of(ended)
    assert (report["status"], report["model"]) == ("complete", MODEL)
    assert report["findings"] == plain["findings"]
    assert {each["fallback_level"] for each in report["panel"]} == {"full"}
    assert any(each["claims"] for each in report["panel"])
    assert report["narrative"]
    assert by_model(report, "themes")
    assert by_model(report, "recommendations")
    assert set(cited(report)) <= citable(report)
    for role in report["run"]["member_seconds"]:
        assert f"{speciality(role).capitalize()} is done" in ended.err

    usage = {role: Usage(**each) for role, each in report["run"]["usage"].items()}
    assert set(usage) == {each["role"] for each in report["panel"]} | {"orchestrator"}
    assert sum(each.calls for each in usage.values()) == len(provider.requests)
    for each in usage.values():
        assert each.cost == pytest.approx(PRICE.of(each))
        assert each.tokens > 0


async def test_what_was_answered_is_not_paid_again_unless_it_is_to_be_fresh(
    convener: CommandLine, provider: ModelProcess
) -> None:
    command = ("analyze", PLANES, "--role", "data_quality", "--format", "json")
    first = report_of(await convener.run(*command))
    asked = len(provider.requests)
    assert asked == 2
    second = report_of(await convener.run(*command))
    assert len(provider.requests) == asked
    assert [each["saved_calls"] for each in second["run"]["usage"].values()] == [1, 1]
    for part in ("findings", "panel", "narrative", "recommendations"):
        assert second[part] == first[part]
    report_of(await convener.run(*command, "--fresh"))
    assert len(provider.requests) == 2 * asked


async def test_prompts_of_a_folder_reach_the_provider_and_their_version_the_history(
    convener: CommandLine, provider: ModelProcess
) -> None:
    folder = convener.folder / "prompts"
    folder.mkdir()
    (folder / "security.batch.md").write_text("Think of the night watchman of $title.\n")
    convener.environment["CONVENER_PROMPTS"] = "prompts"
    report_of(await convener.run("analyze", AIRLINES, "--role", "security", "--format", "json"))
    (system,) = (
        request.messages[0]["content"]
        for request in provider.requests
        if request.form == "Assessment"
    )
    assert system.startswith("Think of the night watchman of ")
    listed = await convener.run("history", "--type", "model.called", "--format", "json")
    called = [json.loads(line)["event"]["data"] for line in listed.out.splitlines()]
    (used,) = (each["prompt"] for each in called if each["caller"] == "security")
    loaded = [await asyncio.to_thread(load_prompts, where) for where in (folder, None)]
    own, built_in = (
        prompts.examination(
            "security",
            "batch",
            title="",
            characteristics=Characteristics(),
            addition=builtin_panel()["security"].prompt,
        ).used
        for prompts in loaded
    )
    assert used == own.model_dump()
    assert used != built_in.model_dump()


async def test_who_waits_reads_along_what_the_model_writes(
    convener: CommandLine, provider: ModelProcess, tmp_path: Path
) -> None:
    await provider.start("slow")
    convener.environment["CONVENER_BUS"] = f"sqlite:///{tmp_path}/bus.db"
    (convener.folder / "planes.csv").write_bytes(Path(PLANES).read_bytes())
    async with (
        convener.worker("orchestrator", "data_quality"),
        model_client(convener, "planes.csv") as client,
        client.asking("data_quality") as pending,
    ):
        read = await heard(pending, is_written)
        report = await pending.report()
    (claim,) = member(report, "data_quality").claims
    assert read.role == "data_quality"
    assert claim.text.startswith(read.text)


async def test_a_terminal_shows_what_the_model_writes(
    convener: CommandLine, provider: ModelProcess
) -> None:
    await provider.start("slow")
    drawn = await drawn_on_terminal(convener, "analyze", PLANES, "--role", "data_quality")
    assert "asking the model: " in drawn
    assert "speed is missing" in drawn


@pytest.mark.parametrize(("tokens", "is_enough_for_some"), [(15_000, False), (30_000, True)])
async def test_a_budget_is_never_exceeded_by_what_the_greediest_provider_counts(
    convener: CommandLine, provider: ModelProcess, tokens: int, is_enough_for_some: bool
) -> None:
    await provider.start("greedy")
    ended = await convener.run(
        "analyze", PLANES, "--budget", f"tokens={tokens}", "--format", "json"
    )
    report = report_of(ended, code=3)
    taken = [sum(counted(request)) for request in provider.requests]
    assert sum(taken) <= tokens
    assert bool(taken) is is_enough_for_some
    assert report["status"] == "partial"
    assert report["findings"]
    assert report["run"]["budget"]["tokens"] == tokens
    reasons = [each["reason"] for member in report["panel"] for each in member["fallbacks"]]
    reasons += [each["reason"] for each in report["fallbacks"]]
    assert any("budget" in reason for reason in reasons)
    used = sum(Usage(**each).tokens for each in report["run"]["usage"].values())
    assert used == sum(taken)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("refuse", "refused the key: check OPENAI_API_KEY"),
        ("unknown", "check the model's name and OPENAI_BASE_URL"),
        ("quota", "no credit left"),
    ],
)
async def test_who_is_refused_reads_why_and_has_the_findings_all_the_same(
    convener: CommandLine, provider: ModelProcess, script: str, sentence: str
) -> None:
    await provider.start(script)
    ended = await convener.run(
        *("--log-level", "debug", "analyze", PLANES, "--role", "data_quality", "--format", "json")
    )
    report = report_of(ended, code=3)
    (quality,) = report["panel"]
    (fallback,) = quality["fallbacks"]
    assert sentence in fallback["reason"]
    assert report["findings"]
    assert len(provider.requests) == 2
    shown = await convener.run("history", "--format", "json")
    printed = await convener.run("report", report["request_id"])
    assert sentence in printed.out
    for said in (ended.out, ended.err, shown.out, shown.err, printed.out):
        assert KEY not in said
        assert "Traceback" not in said
    assert_nowhere(KEY, convener.home)


async def test_a_model_without_key_or_address_is_refused_in_one_sentence(
    convener: CommandLine,
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        del convener.environment[name]
    ended = await convener.run("analyze", AIRLINES)
    assert (ended.code, ended.out) == (2, "")
    (sentence,) = ended.err.splitlines()
    assert "OPENAI_API_KEY" in sentence


async def test_a_server_of_ones_own_needs_no_key(convener: CommandLine) -> None:
    del convener.environment["OPENAI_API_KEY"]
    ended = await convener.run("analyze", AIRLINES, "--role", "business", "--format", "json")
    assert report_of(ended)["model"] == MODEL


def assert_nowhere(secret: str, folder: Path) -> None:
    """No file below `folder` contains the secret."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert secret.encode() not in file.read_bytes(), file


async def drawn_on_terminal(line: CommandLine, *arguments: str) -> str:
    """What a command draws on a terminal that is its standard error; it ends well."""
    primary, replica = os.openpty()
    fcntl.ioctl(replica, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONVENER")}
    own = {
        "HOME": str(line.home),
        "XDG_STATE_HOME": str(line.home / "state"),
        "XDG_CACHE_HOME": str(line.home / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TERM": "xterm",
        "NO_COLOR": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agents", *arguments),
        cwd=line.folder,
        env={**kept, **own, **line.environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=replica,
    )
    os.close(replica)
    drawing = asyncio.get_running_loop().run_in_executor(None, read_all, primary)
    async with asyncio.timeout(120):
        code = await process.wait()
        drawn = await drawing
    assert code == 0, drawn.decode()
    return drawn.decode()


def read_all(terminal: int) -> bytes:
    drawn = b""
    try:
        while chunk := os.read(terminal, 65536):
            drawn += chunk
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(terminal)
    return drawn
