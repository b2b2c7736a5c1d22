"""The README holds: its examples run, its tree is the tree, its guarantees name real tests."""

import ast
import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from agents.settings import load_settings
from tests.support.command_line import DATA, CommandLine
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(first_line: str) -> str:
    """The Python block that begins with this line."""
    for found in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        if found.startswith(first_line):
            return str(found)
    raise AssertionError(f"no block in the README begins with {first_line!r}")


async def run_script(text: str, folder: Path, **environment: str) -> str:
    script = folder / "example.py"
    script.write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        cwd=folder,
        env={
            **os.environ,
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    assert err == b""
    return out.decode()


async def test_the_first_command_prints_what_the_readme_shows(tmp_path: Path) -> None:
    shown = README.split("convener analyze tests/data/planes.csv\n", 1)[1].split("…\n```")[0]
    convener = CommandLine(home=tmp_path, folder=ROOT)
    drawn = await convener.at_terminal("analyze", "tests/data/planes.csv")
    printed = "\n".join(line.rstrip() for line in drawn.splitlines())
    assert shown.strip() in printed


async def test_the_bus_alone_in_ten_lines(tmp_path: Path) -> None:
    assert await run_script(block("# shop.py"), tmp_path) == "packed A1\n"


async def test_an_analysis_from_python(tmp_path: Path) -> None:
    (tmp_path / "planes.csv").write_bytes((DATA / "planes.csv").read_bytes())
    printed = await run_script(block("# analysis.py"), tmp_path)
    assert printed.startswith("complete\n")
    assert "AIRBUS" in printed


async def test_a_specialist_of_ones_own(tmp_path: Path) -> None:
    source = block("# geography.py")
    assert len([line for line in source.splitlines() if line.strip()]) <= 35
    (tmp_path / "geography.py").write_text(source, encoding="utf-8")
    (tmp_path / "places.csv").write_text("name,lat,lon\nhere,50,8\nnowhere,95,8\n")
    convener = CommandLine(home=tmp_path, folder=tmp_path)
    async with (
        convener.worker("orchestrator"),
        convener.worker("geography", "--app", "geography:panel"),
    ):
        ended = await convener.run("publish", "places.csv", "--role", "geography", "--wait")
    assert ended.code == 0, ended.err
    assert "1 place" in ended.out


@pytest.mark.rabbitmq
async def test_a_client_that_knows_only_amqp_and_json(
    rabbitmq_node: RabbitmqNode, tmp_path: Path
) -> None:
    (tmp_path / "airlines.csv").write_bytes((DATA / "airlines.csv").read_bytes())
    with rabbitmq_node.vhost() as vhost:
        url = rabbitmq_node.url(vhost)
        convener = CommandLine(home=tmp_path, folder=tmp_path, environment={"CONVENER_BUS": url})
        issued = await convener.run("token", "issue", "--subject", "shop")
        token = issued.out.strip()
        async with convener.worker():
            printed = await run_script(
                block("# foreign.py"), tmp_path, BROKER=url, CONVENER_TOKEN=token
            )
    assert printed.splitlines()[0] == "complete my-7"


def test_the_settings_that_it_shows_are_understood(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(# convener\.toml.*?)```", README, re.DOTALL)
    (tmp_path / "convener.toml").write_text(shown)
    settings = load_settings(environment={}, folder=tmp_path)
    assert settings.roots == {"sales": Path("/srv/sales")}
    assert settings.authority.services == tmp_path / "services.jwks"
    assert settings.authority.policy.datasets == {"ann": ("sales/*",)}


def test_the_tree_is_the_tree() -> None:
    (tree,) = re.findall(r"```text\n(bus/.*?)```", README, re.DOTALL)
    folder = ""
    for line in tree.splitlines():
        path = line.split("  ")[0].rstrip()
        if not path or line.startswith("        "):
            continue
        if not line.startswith(" "):
            folder = path
        name = path.strip()
        target = ROOT / folder if name == folder else ROOT / folder / name
        assert target.exists(), target


def test_every_guarantee_names_tests_that_exist() -> None:
    section = README.split("## Guarantees")[1].split("\n## ")[0]
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::([a-z0-9_]+))?`", section)
    assert len(named) >= 10
    for file, test in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        if test:
            names = {
                node.name
                for node in ast.walk(ast.parse(source))
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            }
            assert test in names, f"{file}::{test}"


def test_every_command_it_shows_exists() -> None:
    from agents.cli.main import main

    context = main.make_context("convener", ["status"])
    for line in re.findall(r"^(?:\$ )?convener ([a-z]+)", README, re.MULTILINE):
        assert main.get_command(context, line) is not None, line
