"""Prompts differ by role and kind of data, come from files, and are known by their content."""

from pathlib import Path

import pytest

from agents.domain.request import Characteristics
from agents.domain.task import RouteKind
from agents.errors import AgentUsageError
from agents.reasoning.prompt import Prompt, Prompts, load_prompts

ROLES = ("data_quality", "performance", "security", "business")
NOTHING = Characteristics()


def examination(
    prompts: Prompts, role: str, kind: RouteKind = "batch", addition: str = ""
) -> Prompt:
    return prompts.examination(
        role, kind, title="Bird watcher", characteristics=NOTHING, addition=addition
    )


def test_every_built_in_role_has_a_prompt_of_its_own_for_both_kinds_of_data() -> None:
    prompts = load_prompts()
    made = [examination(prompts, role, kind) for role in ROLES for kind in ("batch", "streaming")]
    assert len({prompt.text for prompt in made}) == 8
    assert len({prompt.used.version for prompt in made}) == 8
    assert {prompt.used.name for prompt in made} == {
        f"{role}.{kind}.md" for role in ROLES for kind in ("batch", "streaming")
    }
    assert not [prompt for prompt in made if "$" in prompt.text]


def test_a_role_without_a_file_gets_the_general_prompt_with_its_title_and_instruction() -> None:
    prompt = examination(load_prompts(), "birds", addition="Count only $5 birds.")
    assert prompt.used.name == "specialist.batch.md"
    assert "You are the Bird watcher" in prompt.text
    assert "Count only $5 birds." in prompt.text
    assert prompt.used != examination(load_prompts(), "birds").used


def test_what_the_requester_states_is_part_of_the_prompt_and_not_of_its_version() -> None:
    prompts = load_prompts()
    stated = Characteristics(events_per_second=500, error_rate=0.01)
    prompt = prompts.examination(
        "performance", "streaming", title="", characteristics=stated, addition=""
    )
    assert "500 events per second" in prompt.text
    assert "error rate of 0.01" in prompt.text
    assert prompt.used == examination(prompts, "performance", "streaming").used


def test_a_users_file_replaces_the_built_in_one_of_its_name_and_only_that(tmp_path: Path) -> None:
    (tmp_path / "security.batch.md").write_text("Look for treasure.")
    (tmp_path / "notes.txt").write_bytes(b"\xff")
    own, built_in = load_prompts(tmp_path), load_prompts()
    assert examination(own, "security").text.startswith("Look for treasure.")
    assert (
        examination(own, "security").used.version != examination(built_in, "security").used.version
    )
    assert examination(own, "business") == examination(built_in, "business")


def test_the_rules_are_part_of_every_prompt_and_of_its_version(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("Be kind.")
    own = load_prompts(tmp_path)
    for prompt in (
        examination(own, "security"),
        own.synthesis("batch", characteristics=NOTHING),
        own.dispute(title="Bird watcher"),
    ):
        assert prompt.text.endswith("Be kind.")
    assert examination(own, "security").used.version != (
        examination(load_prompts(), "security").used.version
    )


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentUsageError, match="nowhere"):
        load_prompts(tmp_path / "nowhere")
    (tmp_path / "security.batch.md").write_bytes(b"\xff\xfe")
    with pytest.raises(AgentUsageError, match="cannot be read"):
        load_prompts(tmp_path)
