"""The report as lines to be read aloud: one sentence or one command in each, nothing drawn.

*Guarantees*: no control sequence, no box, no bar and no column; a heading is a line that begins
with "Section"; a line is never broken, since who reads it breaks it. What is said and left out is
what `agents.reports.terminal` says and leaves out.
"""

from collections.abc import Iterator
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import ReportPublished
from agents.domain.synthesis.wording import counted, speciality
from agents.domain.usage import Usage
from agents.reports.charts import curve_said
from agents.reports.claims import Sources, Voice, narrative, position_line, voices
from agents.reports.outline import (
    FIRST_STEPS,
    TOP_CONNECTIONS,
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

_ENDS: Final = (".", "!", "?", ":", ";", "…")


def render(report: ReportPublished, *, show_all: bool = False) -> str:
    """The report, ending in a newline; `show_all` leaves nothing out."""
    return "\n".join(_lines(report, show_all=show_all)) + "\n"


def _lines(report: ReportPublished, *, show_all: bool) -> Iterator[str]:
    yield from _head(report)
    if not is_examined(report):
        yield from _look_next(report, show_all=show_all)
        yield _sentence(run_line(report))
        return
    sources = Sources(report, visible=len(shown_findings(report, show_all=show_all)[0]))
    said = narrative(report, sources, show_all=show_all)
    if said.claims or said.dropped:
        yield _heading(f"What {plain(report.model or 'the model', 40)} says")
        yield from _said(said)
    yield from _first_steps(report, show_all=show_all)
    yield from _findings(report, sources, show_all=show_all)
    yield from _voices(report, sources, show_all=show_all)
    yield from _connections(report, sources, show_all=show_all)
    yield from _unexamined(report)
    yield from _look_next(report, show_all=show_all)
    yield from _origin(report)


def _head(report: ReportPublished) -> Iterator[str]:
    yield _sentence(title(report))
    if report.question.strip():
        yield f"Question: {_sentence(report.question)}"
    yield _sentence(status_line(report))
    for who, why in shortfalls(report):
        yield f"Lacking, {speciality(who)}: {_sentence(why)}"
    for denial in report.denied:
        yield f"Not permitted, {speciality(denial.role)}: {_sentence(denial.reason)}"
    yield f"Summary: {_sentence(report.executive_summary, LONGEST_PARAGRAPH)}"


def _first_steps(report: ReportPublished, *, show_all: bool) -> Iterator[str]:
    steps, left_out = shown(report.recommendations, FIRST_STEPS, show_all=show_all)
    if steps:
        yield _heading("What to do first")
    for step in steps:
        yield f"Step {step.rank}: {_sentence(step.action)}"
        yield _sentence(terms(step))
        yield f"Done when: {_sentence(step.success_metric)}"
        if show_all:
            yield f"How: {_sentence(step.guidance, LONGEST_PARAGRAPH)}"
            yield f"Watch: {_sentence(step.monitoring, LONGEST_PARAGRAPH)}"
    yield from _more(left_out, "step")


def _findings(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    findings, left_out = shown_findings(report, show_all=show_all)
    yield _heading("Findings")
    yield severity_counts(report.findings)
    for number, finding in enumerate(findings, start=1):
        yield f"Finding {number}, {finding.severity}: {_sentence(finding.title)}"
        yield from _evidence(finding, show_all=show_all)
    yield from _more(left_out, "finding")


def _evidence(finding: Finding, *, show_all: bool) -> Iterator[str]:
    evidence = finding.evidence if show_all else finding.evidence[:1]
    for each in evidence:
        named = f", under the id {plain(each.id)}" if show_all else ""
        found_by = f"Found by {speciality(finding.role)}{named}."
        yield f"Evidence: {_sentence(measurement(each))} {found_by}"
    for each in finding.evidence:
        if each.series is not None:
            yield f"Over time: {_sentence(curve_said(each.series), LONGEST_PARAGRAPH)}"
    if show_all:
        for said in (finding.impact, finding.recommendation, certainty(finding)):
            if said:
                yield _sentence(said, LONGEST_PARAGRAPH)


def _voices(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    speaking = voices(report, sources, show_all=show_all)
    if speaking:
        yield _heading("What the specialists say")
    for voice in speaking:
        yield f"{speciality(voice.role).capitalize()} says:"
        yield from _said(voice)


def _said(voice: Voice) -> Iterator[str]:
    for text, cited in voice.claims:
        yield f"{_sentence(text, LONGEST_PARAGRAPH)} Its source: {_sentence(cited)}"
    yield from _more(voice.left_out, "statement")
    if voice.dropped:
        yield voice.dropped


def _connections(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    for heading, entries in connections(report):
        if entries:
            yield _heading(heading)
        visible, left_out = shown(entries, TOP_CONNECTIONS, show_all=show_all)
        for entry in visible:
            by_model = " This is the model's." if entry.origin == "model" else ""
            yield f"{_sentence(entry.headline)}{by_model}"
            if show_all and entry.body:
                yield _sentence(entry.body, LONGEST_PARAGRAPH)
            for position in entry.positions:
                said = position_line(position, sources)
                short = f"{speciality(position.role)} {position.stance}"
                yield _sentence(said if show_all else short, LONGEST_PARAGRAPH)
            if entry.outcome:
                yield _sentence(entry.outcome)
        yield from _more(left_out, "such point")


def _unexamined(report: ReportPublished) -> Iterator[str]:
    notes = [(member.role, note) for member in report.panel for note in member.notes]
    if notes:
        yield _heading("What was not examined")
    for role, note in notes:
        yield f"{speciality(role).capitalize()}: {_sentence(note)}"


def _look_next(report: ReportPublished, *, show_all: bool) -> Iterator[str]:
    yield _heading("Where to look next")
    for step in next_steps(report, show_all=show_all):
        yield f"{step.what}: {step.command}"
    what, statement = shown_by_data(report, show_all=show_all)
    if what:
        yield what
        yield from statement.splitlines()


def _origin(report: ReportPublished) -> Iterator[str]:
    yield _heading("About this report")
    for dataset in report.datasets:
        yield _sentence(
            f"{dataset.name} has {dataset.rows:,} rows and {dataset.columns} columns, is "
            f"{dataset.format} in version {dataset.version[:12]}, and lies at {dataset.location}"
        )
    for member in report.panel:
        level = "" if member.fallback_level == "full" else f", {member.fallback_level}"
        found = counted(member.findings, "finding")
        yield _sentence(f"{speciality(member.role)} {member.status}{level}, with {found}")
    for line in fallback_lines(report):
        yield _sentence(line, LONGEST_PARAGRAPH)
    yield from _spending(report)
    for line in (route_line(report), model_line(report), run_line(report)):
        yield _sentence(line)


def _spending(report: ReportPublished) -> Iterator[str]:
    usage = report.run.usage
    for name, *figures in usage_rows((speciality(role), usage[role]) for role in sorted(usage)):
        heads = zip(USAGE_HEADS[1:], figures, strict=True)
        spent = ", ".join(f"{head.lower()} {figure}" for head, figure in heads)
        yield _sentence(f"Models asked by {name}: {spent}")
    budget = budget_line(report.run.budget, sum(usage.values(), Usage()))
    if budget:
        yield budget


def _more(left_out: int, noun: str) -> Iterator[str]:
    if left_out:
        yield f"{counted(left_out, noun)} more: --all shows everything."


def _heading(text: str) -> str:
    return f"Section: {text}."


def _sentence(text: str, limit: int = LONGEST) -> str:
    """`text` on one line, with a full stop at its end."""
    line = plain(text, limit)
    if not line:
        return line
    return line if line.endswith(_ENDS) else f"{line}."
