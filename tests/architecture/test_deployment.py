"""The compose file starts what there is, with settings that exist."""

import asyncio
import configparser
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from agents.authority import open_tokens
from agents.builtin import builtin_panel
from agents.cli.main import main as convener
from agents.settings import load_settings
from bus import SystemClock

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVERS = {"rabbitmq", "redis"}
ROLES = {"orchestrator", *builtin_panel().roles}
KEYS, CLIENT = "keys", "client"


def test_there_is_a_service_for_the_orchestrator_and_for_every_specialist() -> None:
    assert set(COMPOSE["services"]) == SERVERS | ROLES | {KEYS, CLIENT}
    for role in ROLES:
        service = COMPOSE["services"][role]
        assert service["command"] == ["worker", role]
        assert service["healthcheck"]["test"] == ["CMD", "convener", "worker", "--check", role]


def test_every_service_is_watched_and_waits_for_the_servers() -> None:
    for name in SERVERS | ROLES:
        assert "healthcheck" in COMPOSE["services"][name], name
    for name in ROLES | {CLIENT}:
        assert set(COMPOSE["services"][name]["depends_on"]) == SERVERS | {KEYS}


def test_the_keys_that_it_makes_let_the_workers_sign_and_the_client_ask(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (script,) = COMPOSE["services"][KEYS]["command"]
    for _ in range(2):  # the second start finds what the first one made
        subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, check=True)
    kept = {**COMPOSE["services"]["orchestrator"]["environment"], "CONVENER_KEY": "panel.key"}
    worker = open_tokens(load_settings(environment=kept, folder=tmp_path), clock=SystemClock())
    assert worker.own is not None
    assert worker.own.kinds == {"task", "message"}
    _, _, asking, _ = COMPOSE["services"][CLIENT]["entrypoint"]
    told = subprocess.run(
        ["sh", "-ec", asking.replace("$$", "$").replace('exec convener "$@"', "env")],
        cwd=tmp_path,
        env={**environment, **kept, "CLIENT": "ann"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "CONVENER_KEY" not in told
    (token,) = re.findall(r"^CONVENER_TOKEN=(.+)$", told, re.MULTILINE)
    claims = asyncio.run(worker.verify(token, topic="analysis.requested", digest=""))
    assert claims.principal.subject == "ann"


def test_the_settings_of_the_workers_are_understood() -> None:
    environment = COMPOSE["services"]["orchestrator"]["environment"]
    settings = load_settings(environment=environment, folder=ROOT)
    assert settings.bus_url.startswith("amqp://")
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.roots == {"data": Path("/data")}


def test_the_unit_for_systemd_starts_what_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(_shown("ini"))
    service = unit["Service"]
    command = service["ExecStart"].replace("%i", "security").split()
    assert Path(command[0]).name == "convener"
    _assert_parses(command[1:])
    given = dict(each.split("=") for each in service["Environment"].split())
    folders = {"XDG_STATE_HOME": "StateDirectory", "XDG_CACHE_HOME": "CacheDirectory"}
    assert given.keys() == folders.keys()  # a user made for one run has no home of its own
    assert all(service[folder] == "convener" for folder in folders.values())


def test_the_deployment_for_kubernetes_starts_what_there_is() -> None:
    deployment = yaml.safe_load(_shown("yaml"))
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    _assert_parses(container["args"])
    _assert_parses(container["readinessProbe"]["exec"]["command"][1:])
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts.keys() == volumes
    assert mounts["settings"] == container["workingDir"]
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    home = f"/home/{re.findall(r'^USER (.+)$', image, re.MULTILINE)[0]}"
    assert mounts["cache"] == f"{home}/.cache"


def _shown(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(block)


def _assert_parses(arguments: Sequence[str]) -> None:
    context = convener.make_context("convener", list(arguments))
    name, command, rest = convener.resolve_command(context, list(arguments))
    assert command is not None
    command.make_context(name, rest, parent=context)


def test_the_image_copies_what_the_build_needs() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "bus", "agents"):
        assert name in copied
        assert (ROOT / name).exists()
