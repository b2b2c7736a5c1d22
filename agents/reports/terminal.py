"""The report in a terminal: summary, what to do first, findings by severity, where to look next.

*Guarantees*: pleasant from 60 columns up; text from the data is shown without markup and without
control characters, so that it cannot colour, move or rename anything.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from agents.domain.finding import Finding, Severity
from agents.domain.report import ReportPublished, ReportStatus
from agents.domain.synthesis.wording import counted, speciality
from agents.domain.usage import Usage
from agents.reports.claims import Sources, Voice, narrative, position_line, voices
from agents.reports.outline import (
    FIRST_STEPS,
    TOP_CONNECTIONS,
    Connection,
    connections,
    fallback_lines,
    is_examined,
    measurement,
    model_line,
    route_line,
    run_line,
    severity_counts,
    shortfalls,
    shown,
    shown_findings,
    status_line,
    terms,
    title,
)
from agents.reports.plain import LONGEST, LONGEST_SETUP, plain, plain_sql
from agents.reports.spending import USAGE_HEADS, budget_line, usage_rows

LONG: Final = 1_500
"""Characters of a paragraph such as a summary or a guidance."""

_COLOURS: Final[dict[Severity, str]] = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}
_STATUS_COLOURS: Final[dict[ReportStatus, str]] = {
    "complete": "bold green",
    "partial": "bold yellow",
    "failed": "bold red",
    "cancelled": "bold red",
    "expired": "bold red",
}


def render(report: ReportPublished, *, show_all: bool = False) -> RenderableType:
    """The report as something that a rich console prints; `show_all` leaves nothing out."""
    if not is_examined(report):
        return Group(*_head(report), Text(""), Text(plain(run_line(report)), style="dim"))
    sources = Sources(report, visible=len(shown_findings(report, show_all=show_all)[0]))
    return Group(
        *_head(report),
        *_narrative(report, sources, show_all=show_all),
        *_first_steps(report, show_all=show_all),
        *_findings(report, sources, show_all=show_all),
        *_voices(report, sources, show_all=show_all),
        *_connections(report, sources, show_all=show_all),
        *_look_next(report, show_all=show_all),
        *_origin(report),
    )


def _head(report: ReportPublished) -> Iterator[RenderableType]:
    heading = Table.grid(expand=True)
    heading.add_column()
    heading.add_column(justify="right")
    heading.add_row(
        Text(plain(title(report)), style="bold"),
        Text(report.status.upper(), style=_STATUS_COLOURS[report.status]),
    )
    yield heading
    if report.question.strip():
        yield Text(f"“{plain(report.question)}”", style="italic")
    if report.status != "complete":
        yield Text(status_line(report), style=_STATUS_COLOURS[report.status])
    if report.status != "complete" or report.missing:
        for who, why in shortfalls(report):
            yield _entry("✗", f"{speciality(who)}: {why}", style="yellow")
    yield Text("")
    yield Text(plain(report.executive_summary, LONG))


def _narrative(
    report: ReportPublished, sources: Sources, *, show_all: bool
) -> Iterator[RenderableType]:
    voice = narrative(report, sources, show_all=show_all)
    if voice.claims or voice.dropped:
        yield from _heading(f"What {plain(report.model or 'the model', 40)} says")
        yield from _said(voice)


def _voices(
    report: ReportPublished, sources: Sources, *, show_all: bool
) -> Iterator[RenderableType]:
    speaking = voices(report, sources, show_all=show_all)
    if speaking:
        yield from _heading("What the specialists say")
    for voice in speaking:
        yield Text(plain(speciality(voice.role)), style="bold")
        yield from _said(voice)


def _said(voice: Voice) -> Iterator[RenderableType]:
    for text, cited in voice.claims:
        yield _entry("•", text, limit=LONG, below=[cited])
    if voice.left_out:
        yield _more(f"{voice.left_out} more")
    if voice.dropped:
        yield Text(voice.dropped, style="dim")


def _first_steps(report: ReportPublished, *, show_all: bool) -> Iterator[RenderableType]:
    steps, left_out = shown(report.recommendations, FIRST_STEPS, show_all=show_all)
    if not steps:
        return
    yield from _heading("What to do first")
    for step in steps:
        yield _entry(
            f"{step.rank}.",
            step.action,
            style="bold",
            below=[terms(step), f"Done when {step.success_metric}"]
            + ([f"How: {step.guidance}", f"Watch: {step.monitoring}"] if show_all else []),
        )
    if left_out:
        yield _more(f"{left_out} more")


def _findings(
    report: ReportPublished, sources: Sources, *, show_all: bool
) -> Iterator[RenderableType]:
    findings, left_out = shown_findings(report, show_all=show_all)
    yield from _heading("Findings")
    yield Text(severity_counts(report.findings))
    for place, finding in enumerate(findings, start=1):
        number = f"{place}. " if sources.is_numbered else ""
        yield _finding(number, finding, show_all=show_all)
    if left_out:
        yield _more(f"{counted(left_out, 'finding')} of less consequence")


def _finding(number: str, finding: Finding, *, show_all: bool) -> RenderableType:
    evidence = finding.evidence if show_all else finding.evidence[:1]
    below = [f"{measurement(each)} · {speciality(finding.role)} · {each.id}" for each in evidence]
    if show_all:
        below += [finding.impact, finding.recommendation]
    return _entry(
        finding.severity,
        f"{number}{finding.title}",
        mark_style=_COLOURS[finding.severity],
        width=8,
        below=[line for line in below if line],
    )


def _connections(
    report: ReportPublished, sources: Sources, *, show_all: bool
) -> Iterator[RenderableType]:
    """What connects the findings: all there is to say, or only what it is about."""
    for heading, entries in connections(report):
        if entries:
            yield from _heading(heading)
        visible, left_out = shown(entries, TOP_CONNECTIONS, show_all=show_all)
        for entry in visible:
            yield _connection(entry, sources, show_all=show_all)
        if left_out:
            yield _more(f"{left_out} more")


def _connection(entry: Connection, sources: Sources, *, show_all: bool) -> RenderableType:
    below = [entry.body] if show_all else []
    if show_all:
        below += [position_line(each, sources) for each in entry.positions]
    elif entry.positions:
        stances = [f"{speciality(each.role)} {each.stance}" for each in entry.positions]
        below.append(f"{entry.outcome} {', '.join(stances)}.")
    if show_all and entry.outcome:
        below.append(entry.outcome)
    by_model = " (by the model)" if entry.origin == "model" else ""
    return _entry("•", f"{plain(entry.headline)}{by_model}", below=below)


def _look_next(report: ReportPublished, *, show_all: bool) -> Iterator[RenderableType]:
    lead = next((each for each in report.findings if any(e.sql for e in each.evidence)), None)
    yield from _heading("Where to look next")
    if lead is not None:
        setup = next(
            (each.setup_sql for each in report.datasets if each.name == lead.subject.table), ""
        )
        evidence = next(each.sql for each in lead.evidence if each.sql)
        yield Text("The first finding, shown by the data itself (in a DuckDB shell):")
        yield Padding(
            Syntax(
                plain_sql(f"{setup}\n{evidence};".strip(), LONGEST_SETUP),
                "sql",
                theme="ansi_dark",
                background_color="default",
                word_wrap=True,
            ),
            (0, 0, 0, 2),
        )
    if not show_all:
        yield Text("Everything, with guidance:")
        yield Text(f"  convener report {plain(report.request_id)} --all", style="bold")


def _origin(report: ReportPublished) -> Iterator[RenderableType]:
    yield from _heading("About this report")
    for dataset in report.datasets:
        yield Text(
            plain(
                f"{dataset.name}: {dataset.rows:,} rows, {dataset.columns} columns, "
                f"{dataset.format}, version {dataset.version[:12]}, {dataset.location}"
            )
        )
    members = [
        f"{speciality(member.role)} {member.status}"
        + ("" if member.fallback_level == "full" else f" ({member.fallback_level})")
        + f" ({member.findings})"
        for member in report.panel
    ]
    if members:
        yield Text(plain(f"Panel (findings): {', '.join(members)}."))
    for member in report.panel:
        for note in member.notes:
            yield _entry("!", f"{speciality(member.role)}: {note}")
    for line in fallback_lines(report):
        yield _entry("!", line, limit=LONG)
    yield from _spending(report)
    for line in (route_line(report), model_line(report), run_line(report)):
        yield Text(plain(line))


def _spending(report: ReportPublished) -> Iterator[RenderableType]:
    usage = report.run.usage
    rows = usage_rows((speciality(role), usage[role]) for role in sorted(usage))
    if not rows:
        return
    drawn = figure_table(USAGE_HEADS)
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    yield drawn
    budget = budget_line(report.run.budget, sum(usage.values(), Usage()))
    if budget:
        yield Text(budget)


def figure_table(heads: Sequence[str], *, is_text: bool = False) -> Table:
    """An empty table: the first column is text, the others are figures unless `is_text`."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for place, head in enumerate(heads):
        has_text = is_text or place == 0
        drawn.add_column(
            Text(head),
            justify="left" if has_text else "right",
            overflow="fold",
            no_wrap=not has_text,
        )
    return drawn


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text("")
    yield Rule(Text(text, style="bold"), align="left", style="dim")


def _more(what: str) -> Text:
    return Text(f"… {what}: --all shows everything", style="dim")


def _entry(
    mark: str,
    text: str,
    *,
    style: str = "",
    mark_style: str = "bold",
    width: int = 2,
    limit: int = LONGEST,
    below: Sequence[str] = (),
) -> RenderableType:
    """A marked text with dimmed lines below it, all indented alike."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=width, no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(Text(mark, style=mark_style), Text(plain(text, limit), style=style))
    for line in below:
        grid.add_row(Text(""), Text(plain(line, LONG), style="dim"))
    return grid
