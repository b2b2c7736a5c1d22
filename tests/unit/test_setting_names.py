"""The list of settings is what the code reads, what the README tells, and hides what is secret."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.authority_settings import _Section
from agents.cli.line_mode import plain_option
from agents.cli.setting_list import in_effect, write_settings
from agents.diagnosis.environment import judged_variables
from agents.errors import AgentUsageError
from agents.setting_names import SETTINGS, keys
from agents.settings import load_settings, read_file

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
VARIABLES = {each.variable for each in SETTINGS if each.variable}
KEYS = {each.key for each in SETTINGS if each.key}
TEXTS = keys() - {"data", "prices", "history", "authority"}


class Noting(Mapping[str, str]):
    """An empty environment that knows what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self):
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_variable_that_is_read_is_listed_and_no_other(tmp_path: Path) -> None:
    environment = Noting()
    load_settings(environment=environment, folder=tmp_path)

    @plain_option
    def command() -> None:
        pass

    (option,) = command.__click_params__  # type: ignore[attr-defined]
    assert environment.asked | {option.envvar} == VARIABLES


def test_every_key_that_is_understood_is_listed(tmp_path: Path) -> None:
    below_authority = {f"authority.{name}" for name in _Section.model_fields}
    assert {key for key in KEYS if key.startswith("authority.")} == below_authority
    file = tmp_path / "convener.toml"
    for key in TEXTS:
        file.write_text(f'{key} = "x"\n')
        assert read_file(file) == {key: "x"}
    file.write_text('history = "x"\n')
    with pytest.raises(AgentUsageError, match="retention"):
        load_settings(environment={}, folder=tmp_path)


def test_a_key_does_the_same_as_its_variable(tmp_path: Path) -> None:
    values = {
        "bus": "amqp://h/",
        "redis": "redis://h/0",
        "vault": "redis://v/0",
        "cache": "/c",
        "model": "openai:m",
        "base_url": "http://m/v1",
        "prompts": "/p",
        "audit_heads": "/a",
    }
    for each in SETTINGS:
        if each.key not in values:
            continue
        value = values.pop(each.key)
        (tmp_path / "convener.toml").write_text(f'{each.key} = "{value}"\n')
        written = load_settings(environment={}, folder=tmp_path)
        (tmp_path / "convener.toml").unlink()
        given = load_settings(environment={each.variable: value}, folder=tmp_path)
        assert written == given != load_settings(environment={}, folder=tmp_path), each.key
    assert not values


def test_the_readme_names_no_setting_that_is_none() -> None:
    named = set(re.findall(r"\bCONVENER_[A-Z_]+\b", README))
    assert len(named) > 10
    assert named <= VARIABLES


def test_what_is_in_effect_comes_from_the_first_that_gives_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = in_effect(
        options={"bus": None, "model": "openai:flag"},
        environment={
            "CONVENER_MODEL": "openai:environment",
            "CONVENER_REDIS": "redis://:s3cret@h/0",
            "CONVENER_TOKEN": "s3cret",
        },
        written={"model": "openai:file", "history": {"retention": "90d"}},
    )
    write_settings(found, form="json")
    shown = capsys.readouterr().out
    by_name = {each["key"] or each["variable"]: each for each in json.loads(shown)}
    assert (by_name["model"]["value"], by_name["model"]["source"]) == ("openai:flag", "--model")
    assert by_name["redis"]["value"] == "redis://h/0"
    assert by_name["history.retention"]["source"] == "convener.toml"
    assert by_name["CONVENER_TOKEN"]["value"] == "(secret)"
    assert by_name["bus"]["source"] == ""
    write_settings(found, form="text")
    text = capsys.readouterr().out
    assert "history.retention, CONVENER_RETENTION\n" in text
    assert "    now 90d (convener.toml)\n" in text
    assert "s3cret" not in shown + text
    assert max(map(len, text.splitlines())) <= 80


def test_a_variable_that_is_no_setting_is_noticed_and_what_was_meant_is_named() -> None:
    assert judged_variables({"CONVENER_BUS": "x", "HOME": "/"}).status == "ok"
    verdict = judged_variables({"CONVENER_BUSS": "x", "PATH": "/"})
    assert verdict.status == "warning"
    assert "CONVENER_BUSS is set" in verdict.what
    assert "Did you mean CONVENER_BUS?" in verdict.remedy
