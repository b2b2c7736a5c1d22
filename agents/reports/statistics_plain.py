"""The performance report as lines to be read aloud: a sentence for each row of each table.

*Guarantees*: those of `agents.reports.terminal_plain`.
"""

from collections.abc import Iterator

from agents.domain.statistics import Statistics
from agents.reports.plain import plain
from agents.reports.statistics import TITLE, FigureTable, introduction, tables


def render(figures: Statistics) -> str:
    """The figures, ending in a newline."""
    return "\n".join(plain(line) for line in _lines(figures)) + "\n"


def _lines(figures: Statistics) -> Iterator[str]:
    yield f"{TITLE}."
    yield from introduction(figures)
    for each in tables(figures):
        yield f"Section: {each.heading}."
        yield from _rows(each)
    yield "Section: Advice."
    if figures.no_advice:
        yield figures.no_advice
    for advice in figures.advice:
        yield f"{advice.about}: {advice.figure} {advice.change}"


def _rows(shown: FigureTable) -> Iterator[str]:
    _, *heads = shown.heads
    for name, *cells in shown.rows:
        told = (f"{head.lower()} {cell}" for head, cell in zip(heads, cells, strict=True) if cell)
        yield f"{name}: {', '.join(told)}."
