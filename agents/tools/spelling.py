"""Whether one text is a slip of the pen for another; pure."""

import re
from collections.abc import Sequence
from typing import Final

MIN_WORD: Final = 5
"""Letters of a word below which a slip cannot be told from another word."""

MIN_WORD_IF_SYSTEMATIC: Final = 4
"""The same, where a text is full of slips."""

LETTERS_PER_SLIP: Final = 5
"""Letters of a word for each slip that is allowed in it."""

_DIGITS: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_FILLING: Final = re.compile(r"[\s._,;:'\"-]+")
_MIXED_CASE: Final = re.compile(r"[a-z][A-Z]")


def folded(value: str) -> str:
    """`value` without what does not matter: case, spacing and punctuation.

    >>> folded("  St. Paul") == folded("st paul")
    True
    """
    return _FILLING.sub(" ", value.casefold()).strip()


def is_slip(variant: str, value: str, *, systematic: bool = False) -> bool:
    """Whether `variant` differs from `value` by slips of letters in words long enough to tell.

    Numbers must agree. Words with capitals inside are codes. A slip in the first letter mostly
    makes another word, so it only counts with `systematic`, where slips are known to be frequent.

    >>> is_slip("birminghxm", "birmingham"), is_slip("Cortland", "Portland")
    (True, False)
    """
    if _DIGITS.findall(variant) != _DIGITS.findall(value):
        return False
    if _MIXED_CASE.search(variant) or _MIXED_CASE.search(value):
        return False
    ours, theirs = _WORD.findall(variant), _WORD.findall(value)
    if len(ours) != len(theirs):
        ours, theirs = ["".join(ours)], ["".join(theirs)]
    changed = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    return bool(changed) and all(_is_slip_of_word(a, b, systematic) for a, b in changed)


def _is_slip_of_word(variant: str, value: str, systematic: bool) -> bool:
    shortest = min(len(variant), len(value))
    if shortest < (MIN_WORD_IF_SYSTEMATIC if systematic else MIN_WORD):
        return False
    if variant[0].casefold() != value[0].casefold() and not systematic:
        return False
    return 0 < _slips(variant, value) <= max(1, len(value) // LETTERS_PER_SLIP)


def _slips(first: str, second: str) -> int:
    """Differing places of words of equal length, otherwise the edits between them."""
    if len(first) == len(second) and not _is_swap(first, second):
        return sum(a != b for a, b in zip(first, second, strict=True))
    return 1 if len(first) == len(second) else edits(first, second)


def _is_swap(first: str, second: str) -> bool:
    """Whether two neighbouring letters have changed places."""
    places = [n for n, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]]
    return len(places) == 2 and first[places[0]] == second[places[1]] and places[1] - places[0] == 1


def edits(first: Sequence[str], second: Sequence[str]) -> int:
    """Insertions, removals and replacements that turn one into the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for number, a in enumerate(first, start=1):
        before, row[0] = row[0], number
        for place, b in enumerate(second, start=1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (a != b)),
            )
    return row[-1]
