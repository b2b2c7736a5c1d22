"""The performance report in a terminal.

*Guarantees*: those of `agents.reports.terminal`.
"""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from agents.domain.statistics import Statistics
from agents.reports.plain import plain
from agents.reports.statistics import TITLE, FigureTable, introduction, tables
from agents.reports.terminal import figure_table


def render(figures: Statistics) -> RenderableType:
    """The figures as something that a rich console prints."""
    return Group(*_parts(figures))


def _parts(figures: Statistics) -> Iterator[RenderableType]:
    yield Text(TITLE, style="bold")
    for line in introduction(figures):
        yield Text(plain(line))
    for each in tables(figures):
        yield from _heading(each.heading)
        yield _drawn(each)
    yield from _heading("Advice")
    if figures.no_advice:
        yield Text(plain(figures.no_advice))
    for advice in figures.advice:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(ratio=1)
        grid.add_row(Text("•"), Text(plain(advice.about), style="bold"))
        grid.add_row(Text(""), Text(plain(advice.figure)))
        grid.add_row(Text(""), Text(plain(advice.change), style="green"))
        yield grid


def _drawn(shown: FigureTable) -> RenderableType:
    drawn = figure_table(shown.heads, is_text=shown.is_text)
    for row in shown.rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    return drawn


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text("")
    yield Rule(Text(text, style="bold"), align="left", style="dim")
