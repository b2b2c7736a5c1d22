"""HTML put together from elements, in which text is text.

*Guarantees*: whatever is not `Markup` is escaped, on one line and of bounded length, as content and
as the value of an attribute; so what comes from the data cannot become an element or an attribute.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from agents.reports.plain import LONGEST, plain, plain_sql

_VOID: Final = frozenset({"meta", "br", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(
    tag: str, /, *content: str | None, newlines: bool = False, **attributes: str | float | None
) -> Markup:
    """The element `tag` around `content`; None is left out, as content and as an attribute.

    An attribute is written with `_` for `-`, and with one at the end where Python has the word. An
    empty one stands without a value. `newlines` puts each child on a line of its own.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value == "" else f'="{_value(value)}"')
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    inside = joined(content, between="\n" if newlines else "")
    if newlines:
        inside = Markup(f"\n{inside}\n")
    return Markup(f"<{tag}{given}>{inside}</{tag}>")


def joined(parts: Iterable[str | None], *, between: str = "") -> Markup:
    """The parts one after the other."""
    return Markup(
        between.join(
            part if isinstance(part, Markup) else text(part) for part in parts if part is not None
        )
    )


def text(content: str, limit: int = LONGEST) -> Markup:
    """`content` as HTML that shows just these characters, on one line.

    A space at either end stays, so that texts can stand side by side.
    """
    if isinstance(content, Markup):
        return content
    line = plain(content, limit)
    if not line:
        return Markup(" " if content else "")
    before, after = content[0] == " ", content[-1] == " "
    return Markup(f"{' ' * before}{escape(line)}{' ' * after}")


def sql(statement: str, limit: int) -> Markup:
    """`statement` as HTML that shows its lines."""
    return element("pre", element("code", Markup(escape(plain_sql(statement, limit)))), tabindex=0)


def code(content: str) -> Markup:
    """`content` as a name in the data."""
    return element("code", content)


def _value(value: str | float) -> str:
    if isinstance(value, Markup):
        return value
    return escape(plain(value)) if isinstance(value, str) else f"{value:g}"
