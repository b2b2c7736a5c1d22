"""The report in a terminal: summary, what to do first, findings by severity, where to look next.

*Guarantees*: pleasant from 60 columns up, and legible on light and dark backgrounds alike; text
from the data is shown without markup and without control characters, so that it cannot colour, move
or rename anything; no line ends in blanks, which would break anew as lines of their own in a window
made narrower.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from agents.domain.finding import Finding, Severity
from agents.domain.report import ReportPublished, ReportStatus
from agents.domain.synthesis.wording import counted, speciality
from agents.domain.usage import Usage
from agents.reports.charts import sparkline
from agents.reports.claims import Sources, Voice, narrative, position_line, voices
from agents.reports.outline import (
    FIRST_STEPS,
    TOP_CONNECTIONS,
    Connection,
    certainty,
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
from agents.reports.plain import LONGEST, LONGEST_PARAGRAPH, plain
from agents.reports.spending import USAGE_HEADS, budget_line, usage_rows
from agents.reports.terminal_next import next_steps, shown_by_data

RED, AMBER, TEAL, GREEN = "color(160)", "color(130)", "color(30)", "color(28)"
"""Halfway between black and white in lightness, so that they stand out from both."""

_COLOURS: Final[dict[Severity, str]] = {
    "critical": f"bold reverse {RED}",
    "high": f"bold {RED}",
    "medium": AMBER,
    "low": TEAL,
    "info": "dim",
}
_STATUS_COLOURS: Final[dict[ReportStatus, str]] = {
    "complete": f"bold {GREEN}",
    "partial": f"bold {AMBER}",
    "failed": f"bold {RED}",
    "cancelled": f"bold {RED}",
    "expired": f"bold {RED}",
}


def render(report: ReportPublished, *, show_all: bool = False) -> RenderableType:
    """The report as something that a rich console prints; `show_all` leaves nothing out."""
    if not is_examined(report):
        end = Text(plain(run_line(report)), style="dim")
        return _Trimmed(Group(*_head(report), *_look_next(report, show_all=show_all), end))
    sources = Sources(report, visible=len(shown_findings(report, show_all=show_all)[0]))
    return _Trimmed(
        Group(
            *_head(report),
            *_narrative(report, sources, show_all=show_all),
            *_first_steps(report, show_all=show_all),
            *_findings(report, sources, show_all=show_all),
            *_voices(report, sources, show_all=show_all),
            *_connections(report, sources, show_all=show_all),
            *_unexamined(report),
            *_look_next(report, show_all=show_all),
            *_origin(report),
        )
    )


class _Trimmed:
    """What it is given, without the blanks at the ends of lines."""

    def __init__(self, whole: RenderableType) -> None:
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._whole, options, pad=False):
            segments = list(line)
            while segments and not segments[-1].text.strip():
                segments.pop()
            if segments:
                last = segments.pop()
                yield from segments
                yield Segment(last.text.rstrip(), last.style)
            yield Segment.line()


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
            yield _entry("✗", f"{speciality(who)}: {why}", style=AMBER)
    for denial in report.denied:
        yield _entry("✗", f"{speciality(denial.role)}, not permitted: {denial.reason}", style=RED)
    yield Text("")
    yield Text(plain(report.executive_summary, LONGEST_PARAGRAPH))


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
        yield _entry("•", text, limit=LONGEST_PARAGRAPH, below=[cited])
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
            below=[terms(step), f"Done when: {step.success_metric}"]
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
    below += [sparkline(each.series) for each in finding.evidence if each.series is not None]
    if show_all:
        below += [finding.impact, finding.recommendation, f"{certainty(finding)}."]
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


def _unexamined(report: ReportPublished) -> Iterator[RenderableType]:
    notes = [(member.role, note) for member in report.panel for note in member.notes]
    if notes:
        yield from _heading("What was not examined")
    for role, note in notes:
        yield _entry("!", f"{speciality(role)}: {note}")


def _look_next(report: ReportPublished, *, show_all: bool) -> Iterator[RenderableType]:
    yield from _heading("Where to look next")
    what, statement = shown_by_data(report, show_all=show_all)
    if what:
        yield Text(what)
        yield Padding(Text(statement), (0, 0, 0, 2))
    steps = Table.grid(padding=(0, 2))
    steps.add_column(no_wrap=True)
    steps.add_column(overflow="fold")
    for step in next_steps(report, show_all=show_all):
        steps.add_row(Text(f"  {step.command}", style="bold"), Text(step.what))
    yield steps


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
    for line in fallback_lines(report):
        yield _entry("!", line, limit=LONGEST_PARAGRAPH)
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
        grid.add_row(Text(""), Text(plain(line, LONGEST_PARAGRAPH), style="dim"))
    return grid
