"""Where to look next, said by both forms of a report in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.report import ReportPublished
from agents.reports.outline import is_examined
from agents.reports.plain import LONGEST_SETUP, plain, plain_sql

SHORT_SETUP: Final = 300
"""Characters of what sets a dataset up that are shown unless asked for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Something to find out, and the command that tells it."""

    what: str
    command: str


def next_steps(report: ReportPublished, *, show_all: bool) -> Sequence[NextStep]:
    """Commands that tell more than what is shown, the most useful first."""
    id = plain(report.request_id)[:8]
    steps = [NextStep(what="Who said what, and when", command=f"convener history {id}")]
    if not is_examined(report):
        return steps
    page = NextStep(what="A page to pass on", command=f"convener report {id} -o report.html")
    steps.insert(0, page)
    if any(finding.rows for finding in report.findings):
        steps.insert(
            1,
            NextStep(
                what="Every row behind the findings",
                command="convener analyze … --offenders rows.csv",
            ),
        )
    if not show_all:
        steps.insert(
            0, NextStep(what="Everything, with guidance", command=f"convener report {id} --all")
        )
    return steps


def shown_by_data(report: ReportPublished, *, show_all: bool) -> tuple[str, str]:
    """What the statement that shows the first finding is, and the statement; empty if none does.

    Where the statements that set the data up are long, only where they are is said, unless asked
    for all.
    """
    lead = next((each for each in report.findings if any(e.sql for e in each.evidence)), None)
    if lead is None:
        return "", ""
    query = next(f"{each.sql};" for each in lead.evidence if each.sql)
    setup = next((e.setup_sql for e in report.datasets if e.name == lead.subject.table), "")
    shown = "The first finding, shown by the data itself (in a DuckDB shell"
    if show_all or len(setup) <= SHORT_SETUP:
        return f"{shown}):", plain_sql(f"{setup}\n{query}".strip(), LONGEST_SETUP)
    return f"{shown}, after the setup_sql that --format json has):", plain_sql(query)
