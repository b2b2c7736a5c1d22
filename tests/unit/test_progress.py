"""What a reader makes of a model's answer while it is being written."""

import pytest

from agents.progress import SHOWN, sentence_in


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", ""),
        ('{"claims": [', ""),
        ('{"claims": [{"text": "Rows lack a', "Rows lack a"),
        ('{"claims": [{"text": "One.", "cites": ["a"]}, {"text": "Two', "Two"),
        ('{"themes": [{"title": "Keys", "explanation": "One ca', "One ca"),
        ('{"text": "She said \\"no\\" to \\u00e9', 'She said "no" to \u00e9'),
        ('{"text": "It ends in a backslash \\', "It ends in a backslash"),
        ("Plain words are shown as they are. ", "Plain words are shown as they are."),
    ],
)
def test_the_sentence_being_written_is_found(written: str, sentence: str) -> None:
    assert sentence_in(written).strip() == sentence


def test_only_the_end_of_a_long_sentence_is_shown() -> None:
    assert len(sentence_in('{"text": "' + "x" * 5_000)) == SHOWN
