"""The report as one HTML file to hand on: for the eye, for paper, for a screen reader.

*Guarantees*: one file that loads nothing and runs nothing; text from the data is shown as text. It
leaves nothing out: what is of less consequence is folded.

*Source*: WCAG 2.2, level AA.
"""

from collections.abc import Iterator

from agents.domain.report import ReportPublished
from agents.reports.claims import Sources
from agents.reports.html.findings import connected, examined, glance, spoken
from agents.reports.html.markup import text
from agents.reports.html.opening import first_steps, heading, narrated
from agents.reports.html.origin import origin
from agents.reports.html.page import Section, page
from agents.reports.outline import is_examined, run_line, title


def render(report: ReportPublished, *, show_all: bool = False) -> str:
    """The report as a document, ending in a newline; `show_all` unfolds all of it."""
    sections = list(_sections(report, show_all=show_all)) if is_examined(report) else []
    return page(title(report), heading(report), sections, text(run_line(report)))


def _sections(report: ReportPublished, *, show_all: bool) -> Iterator[Section]:
    sources = Sources(report, visible=len(report.findings))
    yield from narrated(report, sources, show_all=show_all)
    yield from first_steps(report, show_all=show_all)
    yield from glance(report)
    yield from examined(report, show_all=show_all)
    yield from spoken(report, sources, show_all=show_all)
    yield from connected(report, sources, show_all=show_all)
    yield origin(report, show_all=show_all)
