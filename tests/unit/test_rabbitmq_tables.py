"""What becomes of a broker's answers: plain values, and null for what is not as expected."""

import pytest

from agents.datasets.rabbitmq_tables import QUESTIONS, TABLES, row_of


def told(table: str, answer: dict) -> dict[str, str | None]:
    names = [field.name for field in TABLES[table]]
    return dict(zip(names, row_of(table, answer), strict=True))


def samples(*lengths: int) -> dict:
    """The latest first, five seconds apart."""
    return {
        "samples": [
            {"sample": length, "timestamp": 1_000_000 - 5000 * place}
            for place, length in enumerate(lengths)
        ]
    }


def test_the_last_minute_of_a_queue_is_summed_up() -> None:
    queue = told(
        "queues",
        {
            "name": "orders",
            "messages_ready_details": samples(30, 10, 20),
            "messages_unacknowledged_details": samples(0, 5, 0),
            "messages_details": samples(30, 15, 20),
        },
    )
    assert (queue["ready_low"], queue["unacked_low"]) == ("10", "0")
    assert (queue["growth_per_second"], queue["observed_seconds"]) == ("1.0", "10.0")


def test_a_queue_without_statistics_has_no_last_minute() -> None:
    queue = told("queues", {"name": "orders", "messages_details": samples(3)})
    assert queue["ready"] is None
    assert queue["ready_low"] is None
    assert queue["observed_seconds"] is None


def test_what_a_queue_was_declared_with_goes_before_its_policy() -> None:
    queue = told(
        "queues",
        {
            "arguments": {"x-message-ttl": 5},
            "effective_policy_definition": {"message-ttl": 7, "max-length": 9},
        },
    )
    assert (queue["message_ttl_ms"], queue["max_length"]) == ("5", "9")


@pytest.mark.parametrize(
    ("name", "answer", "text"),
    [
        ("disk_free_bytes", {"disk_free": "disk_free_monitoring_disabled"}, None),
        ("disk_free_bytes", {"disk_free": True}, None),
        ("memory_alarm", {"mem_alarm": True}, "true"),
        ("memory_alarm", {"mem_alarm": "true"}, None),
        ("partitions", {"partitions": []}, None),
        ("partitions", {"partitions": ["a@x", "b@x"]}, "a@x, b@x"),
        ("name", {"name": {"a": 1}}, None),
    ],
)
def test_a_value_of_another_type_than_expected_is_null(
    name: str, answer: dict, text: str | None
) -> None:
    assert told("nodes", answer)[name] == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2026-01-02T03:04:05.678+02:00", "2026-01-02 01:04:05.678000"),
        ("2026-01-02 3:04:05", None),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        (1_767_323_045_000, "2026-01-02 03:04:05"),
    ],
)
def test_instants_are_in_utc_however_they_are_written(written: str | int, text: str | None) -> None:
    assert told("channels", {"idle_since": written})["idle_since"] == text


def test_only_what_has_a_column_is_asked_of_queues() -> None:
    asked = QUESTIONS["queues"]["columns"].split(",")
    assert {"name", "messages_ready", "messages_ready_details", "arguments"} <= set(asked)
    assert "last_minute" not in asked
