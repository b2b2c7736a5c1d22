"""Charts as tables of bars, each with its figure as text, and series as lines with a caption.

*Guarantees*: who cannot see a bar or a line loses nothing, since what it shows is said beside it;
nothing is said by colour alone.

*Source*: WCAG 2.2, criteria 1.1.1 and 1.4.1.
"""

from collections.abc import Callable, Sequence
from typing import Final

from agents.domain.finding import Series, Spread
from agents.domain.synthesis.wording import figure
from agents.reports.charts import Bar, Chart, Curve, Tally, bounds, curve_said, instants
from agents.reports.html.markup import Markup, element, joined

_WIDTH: Final = 100.0
_HEIGHT: Final = 10.0
_VISIBLE: Final = 0.6
"""Of `_WIDTH`: what is there at all can be seen."""

_MARGIN: Final = 1.0
"""Of `_WIDTH`, at either end of a scale: no line is cut in half."""


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
        class_="bars counts",
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


def scale(title: str, drawn: Spread) -> Markup:
    """A figure with the values of a column on one axis; what stands apart is so marked."""
    first, last = drawn.places[0].value, drawn.places[-1].value
    usual = [each.value for each in drawn.places if not each.is_apart] or [first]

    def across(value: float) -> float:
        return _MARGIN + (_WIDTH - 2 * _MARGIN) * (value - first) / (last - first)

    def tick(value: float, class_: str) -> Markup:
        place = across(value)
        return element("line", class_=class_, x1=place, x2=place, y1=0.0, y2=_HEIGHT)

    return element(
        "figure",
        element(
            "figcaption",
            element("strong", title),
            " ",
            element("span", "Where the values lie; all others are in the filled part."),
        ),
        _svg(
            element("rect", class_="track", width=_WIDTH, height=_HEIGHT),
            element(
                "rect",
                class_="usual",
                x=across(min(usual)),
                width=max(_VISIBLE, across(max(usual)) - across(min(usual))),
                height=_HEIGHT,
            ),
            *(
                tick(each.value, "apart" if each.is_apart else "limit")
                for each in drawn.places
                if each.is_apart or min(usual) < each.value < max(usual)
            ),
        ),
        element(
            "ul",
            *(
                element(
                    "li",
                    f"{each.label}{' apart' if each.is_apart else ''} ",
                    element("strong", figure(each.value)),
                    class_="key critical" if each.is_apart else None,
                )
                for each in drawn.places
            ),
            class_="places",
        ),
        newlines=True,
        class_="scale",
    )


def curves(drawn: Sequence[Curve]) -> Markup:
    """Figures side by side, each with a link to its finding."""
    return element(
        "div",
        *(curve(each.series, each.title, each.write, place=each.place) for each in drawn),
        newlines=True,
        class_="beside",
    )


def curve(
    drawn: Series,
    title: str = "",
    write: Callable[[float], str] = figure,
    *,
    place: int | None = None,
) -> Markup:
    """A line through the points of a series, with what is marked behind it and said above it."""
    first, last = instants(drawn) if drawn.points else ("", "")
    lowest, highest = bounds(drawn)
    link = None if place is None else joined([" Finding ", _link(place), "."])
    return element(
        "figure",
        element(
            "figcaption",
            element("strong", title) if title else None,
            " " if title else None,
            element("span", curve_said(drawn, write), link),
        ),
        element(
            "div",
            element("span", write(highest), class_="highest"),
            _line(drawn),
            element("span", write(lowest), class_="lowest"),
            element("span", first, class_="first"),
            element("span", last, class_="last"),
            class_="plot",
            aria_hidden="true",
        ),
        class_="series",
    )


def _line(drawn: Series) -> Markup:
    lowest, highest = bounds(drawn)
    places = {point.at: place for place, point in enumerate(drawn.points)}
    step = _WIDTH / max(1, len(drawn.points) - 1)
    whole = (highest - lowest) or 1.0

    def across(instant: str) -> float:
        return step * (
            places[instant]
            if instant in places
            else min(sum(at < instant for at in places), len(places) - 1)
        )

    line = " ".join(
        f"{place * step:.2f},{_HEIGHT * (highest - point.value) / whole:.2f}"
        for place, point in enumerate(drawn.points)
    )
    marked = [
        element(
            "rect",
            class_=f"mark {('even', 'odd')[number % 2]}",
            x=across(mark.since),
            width=max(_VISIBLE, across(mark.until) - across(mark.since)),
            height=_HEIGHT,
        )
        for number, mark in enumerate(drawn.marks)
    ]
    return _svg(*marked, element("polyline", class_="curve", points=Markup(line)))


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


def _figure(
    title: str,
    explanation: str,
    rows: Sequence[Markup],
    heads: Sequence[str],
    class_: str = "bars",
) -> Markup:
    return element(
        "figure",
        element("figcaption", element("strong", title), " ", element("span", explanation)),
        element(
            "table",
            # The heads are for the ear alone, so that no cell of theirs sets the widths.
            element("colgroup", *(element("col") for _ in heads)),
            element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
            element("tbody", *rows, newlines=True),
            class_=class_,
        ),
        newlines=True,
    )
