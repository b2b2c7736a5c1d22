"""Topics and patterns."""

import pytest

from bus import UsageError, check_topic, matches
from bus.domain.topic import check_pattern, is_notice, is_transient, is_work


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("task.security", "task.security", True),
        ("task.*", "task.security", True),
        ("task.*", "task", False),
        ("task.*", "task.security.deep", False),
        ("task.#", "task", True),
        ("task.#", "task.security.deep", True),
        ("#", "anything.at.all", True),
        ("#.published", "event.report.published", True),
        ("*.report.#", "event.report.published", True),
        ("*.report.#", "event.task.published", False),
    ],
)
def test_a_star_is_one_word_and_a_hash_any_number(pattern: str, topic: str, fits: bool) -> None:
    assert matches(pattern, topic) is fits


@pytest.mark.parametrize("topic", ["", ".", "a..b", "a.", "a b", "a.*", "a.#", "ü", "x" * 256])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(UsageError):
        check_topic(topic)


def test_a_pattern_takes_stars_and_hashes_as_whole_words_only() -> None:
    assert check_pattern("a.*.#") == "a.*.#"
    with pytest.raises(UsageError):
        check_pattern("a.b*")


def test_the_first_word_decides_what_a_topic_promises() -> None:
    assert is_notice("event.report.published")
    assert is_transient("progress.4f2a")
    assert is_work("task.security")
    assert is_work("events.of.mine")
