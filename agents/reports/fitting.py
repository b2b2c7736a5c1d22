"""Shortening a document to what a comment holds, and saying so.

*Guarantees*: a block is shown whole, in a shorter form of its own, or not at all, the last ones
giving way first; a document that lacks anything says so below its first block.

*Source*: GitHub takes at most 65,536 characters in a comment or a description.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MOST: Final = 65_000
"""UTF-16 units: what a comment holds, and a line of whoever posts it."""

_BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of a document, and its `shorter` forms, none longer than the one before."""

    text: str
    shorter: tuple[str, ...] = ()


def fitted(blocks: Sequence[Block], notice: Callable[[int, int], str], *, most: int = MOST) -> str:
    """The blocks with an empty line between them, in at most `most` units.

    Where not all of them fit, `notice` says how many are shortened and how many left out.

    >>> told = "{} {}".format
    >>> fitted([Block(text="# A"), Block(text="long enough", shorter=("l",))], told, most=14)
    '# A\\n\\n1 0\\n\\nl\\n'
    """
    forms = [block.text for block in blocks]
    size = sum(map(_room, forms))
    if size <= most:
        return _document(forms)
    size += _room(notice(len(blocks), len(blocks)))
    for level in range(max(len(block.shorter) for block in blocks)):
        for place in reversed(range(len(blocks))):
            if size > most and level < len(blocks[place].shorter):
                size += _room(blocks[place].shorter[level]) - _room(forms[place])
                forms[place] = blocks[place].shorter[level]
    for place in reversed(range(1, len(blocks))):
        if size > most:
            size -= _room(forms[place])
            forms[place] = ""
    given = [(form, block.text) for form, block in zip(forms, blocks, strict=True)]
    left_out = sum(not form for form, _ in given)
    shortened = sum(form != text for form, text in given) - left_out
    return _document([forms[0], notice(shortened, left_out), *forms[1:]])


def _document(texts: Sequence[str]) -> str:
    return _BETWEEN.join(filter(None, texts)) + "\n"


def _room(text: str) -> int:
    """What a block takes in a document, with what stands before the next one."""
    return len(text.encode("utf-16-le", errors="replace")) // 2 + len(_BETWEEN) if text else 0
