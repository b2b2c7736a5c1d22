"""Charts as tables of bars: each row has its figure as text, and the bar beside it.

*Guarantees*: who cannot see a bar loses nothing, since the figures stand in the same row; nothing
is said by colour alone.

*Source*: WCAG 2.2, criteria 1.1.1 and 1.4.1.
"""

from collections.abc import Sequence
from typing import Final

from agents.reports.charts import Bar, Chart, Tally
from agents.reports.html.markup import Markup, element, joined

_WIDTH: Final = 100.0
_HEIGHT: Final = 10.0
_VISIBLE: Final = 0.6
"""Of `_WIDTH`: what is there at all can be seen."""


def chart(drawn: Chart) -> Markup:
    """A figure with the bars of `drawn`."""
    has_places = any(bar.place is not None for bar in drawn.bars)
    has_limits = any(bar.limit is not None for bar in drawn.bars)
    return _figure(
        drawn.title,
        drawn.explanation
        + (" The mark is the threshold." if has_limits else "")
        + (
            f" The longest {len(drawn.bars)} are shown, {drawn.left_out} are not."
            if drawn.left_out
            else ""
        ),
        [
            element(
                "tr",
                element("th", bar.label, scope="row"),
                element("td", bar.said, class_="figure"),
                element("td", picture(bar), class_="picture"),
                element("td", _link(bar.place), class_="figure") if has_places else None,
            )
            for bar in drawn.bars
        ],
        ("What", "Figure", "Bar", *(("Finding",) if has_places else ())),
    )


def tallies(drawn: Sequence[Tally]) -> Markup:
    """A figure with how many findings of each severity there are, by who found them."""
    most = max((tally.total for tally in drawn), default=0)
    return _figure(
        "Findings by severity",
        "How many there are, by who found them.",
        [
            element(
                "tr",
                element("th", tally.label, scope="row"),
                element("td", f"{tally.total:,}", class_="figure"),
                element("td", _stack(tally, most), class_="picture"),
                element(
                    "td",
                    joined(
                        (
                            element("span", f"{number:,} {severity}", class_=f"key {severity}")
                            for severity, number in tally.numbers
                        ),
                        between=" ",
                    ),
                    class_="keys",
                ),
            )
            for tally in drawn
        ],
        ("Who", "Findings", "Bar", "Of these"),
    )


def picture(bar: Bar) -> Markup:
    """The bar alone, to stand beside its figure."""
    return _svg(
        element("rect", class_="track", width=_WIDTH, height=_HEIGHT),
        element(
            "rect",
            class_=f"fill {bar.severity or ''}".strip(),
            width=_length(bar.length),
            height=_HEIGHT,
        ),
        None
        if bar.limit is None
        else element(
            "line",
            class_="limit",
            x1=_WIDTH * bar.limit,
            x2=_WIDTH * bar.limit,
            y1=0.0,
            y2=_HEIGHT,
        ),
    )


def _stack(tally: Tally, most: int) -> Markup:
    parts, start = [], 0.0
    for severity, number in tally.numbers:
        width = _WIDTH * number / most
        parts.append(
            element("rect", class_=f"fill {severity}", x=start, width=width, height=_HEIGHT)
        )
        start += width
    return _svg(element("rect", class_="track", width=_WIDTH, height=_HEIGHT), *parts)


def _svg(*content: Markup | None) -> Markup:
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def _length(part: float) -> float:
    return max(_VISIBLE, _WIDTH * part) if part > 0 else 0.0


def _link(place: int | None) -> str:
    if place is None:
        return ""
    return element("a", f"{place + 1}", href=f"#finding-{place + 1}")


def _figure(title: str, explanation: str, rows: Sequence[Markup], heads: Sequence[str]) -> Markup:
    return element(
        "figure",
        element("figcaption", element("strong", title), " ", element("span", explanation)),
        element(
            "table",
            element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
            element("tbody", *rows, newlines=True),
            class_="bars",
        ),
        newlines=True,
    )
