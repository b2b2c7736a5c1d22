"""The page around the report: head, policy, stylesheet, landmarks.

*Guarantees*: the page loads nothing and runs nothing: its policy forbids every source, and lets in
one stylesheet, by its digest. It works from a file and without a network.

*Source*: Content Security Policy Level 3, sections 2.3.1 (hashes) and 3.3 (the meta element).
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final

from agents.reports.html.markup import Markup, element, joined

STYLE: Final = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_DIGEST: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page that the contents name; `id` is a name of ours, never one of the data."""

    id: str
    heading: str
    content: Markup


def page(title: str, header: Markup, sections: Sequence[Section], footer: Markup) -> str:
    """The whole document, ending in a newline."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(STYLE)),
        newlines=True,
    )
    body = element(
        "body",
        element("header", header, newlines=True),
        _contents(sections) if len(sections) > 1 else None,
        element("main", *map(_section, sections), newlines=True),
        element("footer", footer),
        newlines=True,
    )
    return f"<!doctype html>\n{element('html', head, body, newlines=True, lang='en')}\n"


def flowing(blocks: Iterable[Markup | None]) -> Markup:
    """Blocks one below the other."""
    return joined(blocks, between="\n")


def bullets(items: Iterable[str]) -> Markup:
    """A list without an order."""
    return element("ul", *(element("li", item) for item in items), newlines=True)


def folded(summary: str, *content: Markup, is_open: bool = False, class_: str = "more") -> Markup:
    """Content that shows when it is asked for, and on paper."""
    return element(
        "details",
        element("summary", summary),
        *content,
        newlines=True,
        class_=class_,
        open="" if is_open else None,
    )


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Iterable[int] = ()
) -> Markup:
    """A table whose first column names the row; `figures` are the columns aligned as such."""
    right = frozenset(figures)
    style = ["figure" if place in right else None for place in range(len(heads))]
    return element(
        "div",
        element(
            "table",
            element(
                "thead",
                element(
                    "tr",
                    *(
                        element("th", head, scope="col", class_=style[place])
                        for place, head in enumerate(heads)
                    ),
                ),
            ),
            element(
                "tbody",
                *(
                    element(
                        "tr",
                        element("th", row[0], scope="row", class_=style[0]),
                        *(
                            element("td", cell, class_=style[place])
                            for place, cell in enumerate(row[1:], start=1)
                        ),
                    )
                    for row in rows
                ),
                newlines=True,
            ),
        ),
        # It scrolls where it is wider than the window, so it must be reached by keyboard.
        class_="wide",
        role="group",
        aria_label="Table",
        tabindex=0,
    )


def _contents(sections: Sequence[Section]) -> Markup:
    links = [
        element("li", element("a", section.heading, href=f"#{section.id}")) for section in sections
    ]
    return element("nav", element("ul", *links), aria_label="Contents")


def _section(section: Section) -> Markup:
    return element(
        "section",
        element("h2", section.heading, id=section.id),
        section.content,
        newlines=True,
        aria_labelledby=section.id,
    )
