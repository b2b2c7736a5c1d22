"""The compose file starts what there is, with settings that exist."""

from pathlib import Path
from typing import Any

import yaml

from agents.builtin import builtin_panel
from agents.settings import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVERS = {"rabbitmq", "redis"}


def test_there_is_a_service_for_the_orchestrator_and_for_every_specialist() -> None:
    roles = {"orchestrator", *builtin_panel().roles}
    assert set(COMPOSE["services"]) == SERVERS | roles
    for role in roles:
        service = COMPOSE["services"][role]
        assert service["command"] == ["worker", role]
        assert service["healthcheck"]["test"] == ["CMD", "convener", "worker", "--check", role]


def test_every_service_is_watched_and_waits_for_the_servers() -> None:
    for name, service in COMPOSE["services"].items():
        assert "healthcheck" in service, name
        if name not in SERVERS:
            assert set(service["depends_on"]) == SERVERS


def test_the_settings_of_the_workers_are_understood() -> None:
    environment = COMPOSE["services"]["orchestrator"]["environment"]
    settings = load_settings(environment=environment, folder=ROOT)
    assert settings.bus_url.startswith("amqp://")
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.roots == {"data": Path("/data")}


def test_the_image_copies_what_the_build_needs() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "bus", "agents"):
        assert name in copied
        assert (ROOT / name).exists()
