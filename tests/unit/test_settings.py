"""Flags over environment over `convener.toml`."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents.errors import AgentUsageError
from agents.settings import load_settings
from bus.tls import TlsFiles, split_files


def test_without_anything_the_bus_is_a_file_and_the_root_is_here(tmp_path: Path) -> None:
    settings = load_settings(environment={}, folder=tmp_path)
    assert settings.is_embedded
    assert settings.roots == {"data": tmp_path}


def test_a_flag_beats_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "convener.toml").write_text('bus = "sqlite:///file"\ncache = "here"\n')
    environment = {"CONVENER_BUS": "sqlite:///environment"}
    assert load_settings(environment={}, folder=tmp_path).bus_url == "sqlite:///file"
    assert (
        load_settings(environment=environment, folder=tmp_path).bus_url == "sqlite:///environment"
    )
    flagged = load_settings(bus="sqlite:///flag", environment=environment, folder=tmp_path)
    assert flagged.bus_url == "sqlite:///flag"


def test_data_roots_are_named_folders_relative_to_here(tmp_path: Path) -> None:
    settings = load_settings(environment={"CONVENER_DATA": "a=/lake, b=local"}, folder=tmp_path)
    assert settings.roots == {"a": Path("/lake"), "b": tmp_path / "local"}
    (tmp_path / "convener.toml").write_text('[data]\norders = "/orders"\n')
    assert load_settings(environment={}, folder=tmp_path).roots == {"orders": Path("/orders")}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("buss = 1", "'buss'"), ("bus = [", "cannot be read"), ('data = "x"', "table of name = path")],
)
def test_a_file_that_cannot_be_understood_is_named(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "convener.toml").write_text(text)
    with pytest.raises(AgentUsageError, match=complaint):
        load_settings(environment={}, folder=tmp_path)


@pytest.mark.parametrize("roots", ["/lake", "=x", "a/b=/lake", "a="])
def test_a_data_root_without_a_name_or_folder_is_refused(tmp_path: Path, roots: str) -> None:
    with pytest.raises(AgentUsageError, match="CONVENER_DATA"):
        load_settings(environment={"CONVENER_DATA": roots}, folder=tmp_path)


def test_certificates_are_named_once_for_broker_and_redis(tmp_path: Path) -> None:
    (tmp_path / "convener.toml").write_text('certificate = "own.pem"\n')
    environment = {
        "CONVENER_BUS": "amqps://broker/",
        "CONVENER_REDIS": "rediss://redis/0?cafile=/etc/its-own.pem",
        "CONVENER_CA": "/etc/a b.pem",
    }
    settings = load_settings(environment=environment, folder=tmp_path)
    own = tmp_path / "own.pem"
    _, broker = split_files(settings.bus_url)
    assert broker == TlsFiles(authority=Path("/etc/a b.pem"), certificate=own)
    _, redis = split_files(settings.redis_url or "")
    assert redis == TlsFiles(authority=Path("/etc/its-own.pem"), certificate=own)


def test_a_url_that_is_not_encrypted_stays_as_it_is(tmp_path: Path) -> None:
    environment = {"CONVENER_BUS": "amqp://broker/", "CONVENER_CA": "/etc/ca.pem"}
    assert load_settings(environment=environment, folder=tmp_path).bus_url == "amqp://broker/"


@pytest.mark.parametrize("url", ["ampq://ann:s3cret@broker/", "ann:s3cret@broker"])
def test_no_password_is_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(AgentUsageError, match="broker") as caught:
        load_settings(bus=url, environment={}, folder=tmp_path)
    assert "s3cret" not in str(caught.value)
    settings = load_settings(bus="amqp://ann:s3cret@broker/", environment={}, folder=tmp_path)
    assert "s3cret" not in repr(settings)


def test_retention_is_a_duration_of_an_hour_at_least(tmp_path: Path) -> None:
    assert load_settings(environment={}, folder=tmp_path).retention is None
    (tmp_path / "convener.toml").write_text('[history]\nretention = "90d"\n')
    assert load_settings(environment={}, folder=tmp_path).retention == timedelta(days=90)
    environment = {"CONVENER_RETENTION": "36h"}
    settings = load_settings(environment=environment, folder=tmp_path)
    assert settings.retention == timedelta(hours=36)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[history]\nretention = "soon"', "'soon' is no duration"),
        ('[history]\nretention = "30m"', "an hour is the shortest"),
        ('[history]\nretain = "90d"', "one key: retention"),
        ('history = "90d"', "one key: retention"),
    ],
)
def test_a_retention_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "convener.toml").write_text(text)
    with pytest.raises(AgentUsageError, match=complaint):
        load_settings(environment={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cache = 1", "'cache' in .* is not a text"),
        ("bus = ['sqlite:///x']", "'bus' in .* is not a text"),
        ('cache = "~nobody-here/x"', "is no path"),
        ('prompts = "a\\u0000b"', "NUL"),
        ('[data]\nd = "~nobody-here/x"', "is no path"),
        ('[authority]\nservices = "~nobody-here/x"', "is no path"),
    ],
)
def test_a_text_or_path_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "convener.toml").write_text(text)
    with pytest.raises(AgentUsageError, match=complaint):
        load_settings(environment={}, folder=tmp_path)


def test_a_path_may_begin_at_home(tmp_path: Path) -> None:
    (tmp_path / "convener.toml").write_text('prompts = "~/prompts"\n[data]\nd = "~/data"\n')
    settings = load_settings(environment={}, folder=tmp_path)
    assert settings.prompts == Path.home() / "prompts"
    assert settings.roots == {"d": Path.home() / "data"}
