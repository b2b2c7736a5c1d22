"""Every threat that was thought of, and the tests that show what became of it."""

import ast
from pathlib import Path

import pytest

from tests.support.attacks import ATTACKS

ROOT = Path(__file__).parents[2]
ATTACKER = "tests/fault/test_attacker.py::test_an_attack_comes_to_nothing"
EMBEDDED = (
    "tests/fault/test_attacker_embedded.py::test_an_attacker_gets_nothing_done_on_the_embedded_bus"
)

THREATS = {
    "forged sender": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_authority_at_work.py::test_a_forged_task_is_refused_before_its_handler",
    ),
    "carbon copies": (
        ATTACKER,
        (
            "tests/unit/test_rabbitmq_wire.py::"
            "test_a_copy_asks_the_broker_for_no_carbon_copies_and_still_shows_that_it_did"
        ),
    ),
    "forged role": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_authority_at_work.py::test_a_role_cannot_answer_for_another",
    ),
    "token replay": (
        ATTACKER,
        "tests/unit/test_tokens.py::test_a_proof_holds_for_one_message",
        (
            "tests/unit/test_token_authority.py::"
            "test_a_tasks_token_does_not_fit_another_message_or_agent"
        ),
    ),
    "expiry in queue": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_token_authority.py::test_a_tasks_authority_ends_with_its_deadline",
    ),
    "JWT misuse": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_tokens.py::test_the_algorithm_is_the_keys_and_not_the_tokens",
    ),
    "confused deputy": (
        ATTACKER,
        EMBEDDED,
        (
            "tests/unit/test_authority_at_work.py::"
            "test_a_persons_authority_reaches_every_tool_and_no_further"
        ),
    ),
    "unknown kinds": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_token_authority.py::test_what_no_rule_allows_nobody_may_send",
    ),
    "injection by data": (
        (
            "tests/acceptance/test_hostile_content.py::"
            "test_hostile_names_and_cells_reach_every_report_and_harm_none"
        ),
        "tests/unit/test_authority_at_work.py::test_an_agent_gets_no_more_than_its_role_may_have",
    ),
    "SQL that escapes": (
        "tests/fault/test_sandbox.py::test_nothing_can_be_written_or_reached_past_the_rules",
    ),
    "a server's tables": (
        (
            "tests/contract/test_sources_postgres.py::"
            "test_views_are_read_when_named_and_can_write_nothing"
        ),
    ),
    "paths": ("tests/unit/test_sources.py::test_no_location_leads_out_of_its_root",),
    "bombs": (
        ATTACKER,
        EMBEDDED,
        "tests/unit/test_codec.py::test_hostile_or_broken_input_is_refused_with_a_reason",
        "tests/unit/test_hostile_records.py::test_the_history_outlives_it",
    ),
    "undecodable frames": (
        ATTACKER,
        (
            "tests/fault/test_rabbitmq_hostile_messages.py::"
            "test_undecodable_messages_stop_neither_the_recorder_nor_the_history"
        ),
    ),
    "secrets in logs": (
        "tests/unit/test_redaction.py::test_the_command_lines_own_logs_are_clean",
        "tests/unit/test_settings.py::test_no_password_is_shown",
    ),
    "audit tampering": (
        ATTACKER,
        "tests/property/test_audit.py::test_any_byte_that_is_altered_is_found",
        "tests/acceptance/test_audit.py::test_a_tail_that_is_cut_off_is_named_by_its_head",
    ),
    "a history made up": (
        "tests/fault/test_attacker.py::test_an_honest_request_gets_its_report_beside_it",
        "tests/unit/test_recorded.py::test_a_record_counts_only_where_its_kind_belongs",
    ),
    "flood": (
        "tests/fault/test_attacker.py::test_an_honest_request_gets_its_report_beside_it",
        (
            "tests/fault/test_rabbitmq_alarm.py::"
            "test_a_full_queue_refuses_and_what_it_accepted_is_all_there"
        ),
    ),
    "eavesdropping": (
        "tests/fault/test_rabbitmq_permissions.py::test_the_broker_refuses_everything_else",
        "tests/fault/test_encrypted.py::test_a_server_by_another_authority_is_not_spoken_to",
    ),
}


@pytest.mark.parametrize("threat", THREATS)
def test_what_is_done_about_a_threat_is_shown(threat: str) -> None:
    for proof in THREATS[threat]:
        file, _, test = proof.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert test in {each.name for each in tree.body if isinstance(each, functions)}, proof


def test_every_attack_belongs_to_a_threat() -> None:
    assert {each.row for each in ATTACKS.values()} <= THREATS.keys()
