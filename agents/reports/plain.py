"""Text that came from data, made harmless: no control characters, one line, bounded length."""

import unicodedata
from typing import Final

LONGEST_PARAGRAPH: Final = 1_500
"""Characters of a paragraph such as a summary or a guidance."""

LONGEST: Final = 400
"""Characters of one text in a rendering."""

LONGEST_SQL: Final = 4_000
LONGEST_SETUP: Final = 60_000
"""Characters of a statement; what sets a dataset up is useless if cut, and names every column."""

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reverse the writing or show nothing."""


def plain(text: str, limit: int = LONGEST) -> str:
    """`text` on one line, at most `limit` characters, with nothing in it that a terminal obeys."""
    line = " ".join(_visible(text, limit, keep="").split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def plain_sql(sql: str, limit: int = LONGEST_SQL) -> str:
    """`sql` with its lines; one that is too long ends in a comment that says so."""
    text = _visible(sql, limit, keep="\n").strip()
    return text if len(text) <= limit else f"{text[:limit]}\n-- cut: too long to show"


def _visible(text: str, limit: int, *, keep: str) -> str:
    # A cell can have megabytes: what lies far beyond the limit is not even looked at.
    return "".join(
        character if character in keep or unicodedata.category(character) not in _INVISIBLE else " "
        for character in text[: limit * 4 + 1]
    )
