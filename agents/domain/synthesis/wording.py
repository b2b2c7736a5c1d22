"""Words for figures, lists and names, the same everywhere in a report."""

import re
from collections.abc import Iterable
from typing import Final

from agents.domain.finding import Value

TITLE_LENGTH: Final = 200
"""Characters of a title that another text quotes."""


def shortened(text: str, length: int = TITLE_LENGTH) -> str:
    """`text` on one line and without its full stop, at most `length` characters."""
    line = " ".join(text[: length * 4].split())
    if len(line) > length:
        line = line[: length - 1].rstrip() + "…"
    return line.removesuffix(".")


def listed(items: Iterable[str], limit: int = 4) -> str:
    """Such as "a, b and 3 more"; each item once, in its order."""
    names = [shortened(item, 80) for item in dict.fromkeys(items)]
    if len(names) > limit:
        names = [*names[: limit - 1], f"{len(names) - limit + 1} more"]
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: int, noun: str) -> str:
    """Such as "1 finding" or "1,200 findings"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def figure(value: Value) -> str:
    """A measured value as a person writes it."""
    match value:
        case bool() | None:
            return str(value).lower()
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        case str():
            return shortened(value, 60)


def mentions(text: str, name: str) -> bool:
    """Whether `text` says `name` as a word, whatever the case of its letters."""
    pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
    return re.search(pattern, text, flags=re.IGNORECASE) is not None


def speciality(role: str) -> str:
    """A role as words: "data quality" for `data_quality`."""
    return role.replace("_", " ")
