"""Words for figures, lists and names, the same everywhere in a report."""

import re
from collections.abc import Iterable
from typing import Final

from agents.domain.finding import Value

_SHARE: Final = re.compile(r"\b(share|null rate)\b")
_SECONDS: Final = re.compile(r"\bseconds\b")
_BYTES: Final = re.compile(r"\bbytes\b")

TITLE_LENGTH: Final = 200
"""Characters of a title that another text quotes."""


def shortened(text: str, length: int = TITLE_LENGTH) -> str:
    """`text` on one line and without its full stop, at most `length` characters."""
    line = " ".join(text[: length * 4].split())
    if len(line) > length:
        line = line[: length - 1].rstrip() + "…"
    return line.removesuffix(".")


def gist(text: str, length: int = TITLE_LENGTH) -> str:
    """`text` as `shortened` gives it, but cut where a clause ends if that leaves a statement."""
    line = shortened(text, len(text) + 1)
    if len(line) <= length:
        return line
    ends = [line.rfind(mark, length // 3, length) for mark in (": ", "; ", ", and ")]
    end = max(ends) if max(ends) > 0 else line.rfind(" (", length // 3, length)
    return line[:end] if end > 0 else shortened(line, length)


def sentence(text: str) -> str:
    """`text` on one line, ending in one full stop or in the mark that it has; "" if it is empty.

    >>> sentence("Rows repeat "), sentence("Is that so?"), sentence("They differ;")
    ('Rows repeat.', 'Is that so?', 'They differ.')
    """
    line = " ".join(text.split()).rstrip(" .,;:")
    return line if not line or line[-1] in "!?…" else f"{line}."


def lowered(text: str) -> str:
    """A sentence that begins with a plain word, as it goes on after others: "find out why"."""
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or first == "A" else text


def raised(text: str) -> str:
    """`text` with a capital letter first."""
    return text[:1].upper() + text[1:]


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


def quantity(metric: str, value: Value) -> str:
    """A measured value in the unit that its metric names: a share, a time, a size, or a number.

    >>> quantity("null rate of speed", 0.9931), quantity("longest time in seconds", 21600.0)
    ('99.3 %', '6 h')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return figure(value)
    if _SHARE.search(metric):
        return _percent(value)
    if _SECONDS.search(metric):
        return _span(value)
    if _BYTES.search(metric):
        return _size(value)
    return figure(value)


def measured_as(metric: str) -> str:
    """What was measured, without the unit that `quantity` shows beside the value.

    >>> measured_as("longest time without a record in seconds"), measured_as("seconds by which")
    ('longest time without a record', 'time by which')
    """
    return re.sub(r"^seconds\b", "time", re.sub(r" in seconds\b", "", metric))


def _percent(share: float) -> str:
    """A share as per cent, never rounded to none or to all."""
    if 0 < share < 0.001:
        return f"{share * 100:.2g} %" if share >= 0.00001 else "< 0.001 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share * 100:,.1f} %" if share * 100 % 1 else f"{share * 100:,.0f} %"


def _span(seconds: float) -> str:
    for unit, step in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * step or (unit != "days" and abs(seconds) == step):
            return f"{seconds / step:,.3g} {unit}"
    return f"{seconds:,.3g} s"


def _size(size: float) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= step:
            return f"{size / step:,.3g} {unit}"
    return f"{size:,.0f} bytes"


def mentions(text: str, name: str) -> bool:
    """Whether `text` says `name` as a word, whatever the case of its letters."""
    pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
    return re.search(pattern, text, flags=re.IGNORECASE) is not None


def speciality(role: str) -> str:
    """A role as words: "data quality" for `data_quality`."""
    return role.replace("_", " ")
