"""Flags over environment over `convener.toml`."""

from pathlib import Path

import pytest

from agents.errors import AgentUsageError
from agents.settings import load_settings


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
