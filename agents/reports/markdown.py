"""The report as Markdown (GitHub flavour): reads well in a pull request, an issue or an editor.

*Guarantees*: text from the data cannot become markup, a link, an image, HTML, an emoji, or a
mention of somebody or of an issue, nor break out of a table cell or a code block. Unless all is
asked for, it fits into a comment on GitHub, and says so where that left something out.

*Source*: GitHub Flavored Markdown 0.29, sections 4.5 (fences), 4.10 (tables), 6.1 (escapes), 6.9
(autolinks). Mentions, references to issues and emoji are looked for in the text that results, so an
escape does not hinder them, and a space of no width does.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Recommendation, ReportPublished
from agents.domain.synthesis.wording import counted, speciality
from agents.domain.usage import Usage
from agents.reports.charts import Curve, curve_said, curves_of, sparkline, spread_said
from agents.reports.claims import Sources, Voice, narrative, position_line, voices
from agents.reports.fitting import Block, fitted
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
from agents.reports.plain import (
    LONGEST,
    LONGEST_PARAGRAPH,
    LONGEST_SETUP,
    LONGEST_SQL,
    plain,
    plain_sql,
)
from agents.reports.spending import USAGE_HEADS, budget_line, usage_rows

_SPECIAL: Final = re.compile(r"[\\`*{}\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)")
_SPECIAL_IN_HTML: Final = re.compile(r"[<>&\"'\[\]`*_:~$|\\]")
_LEADING: Final = re.compile(r"^(?:[-+=#]|(\d+)(?=[.)]))")
_LINKED: Final = re.compile(
    r"(?i)(?<=[a-z]):(?=//)|(?<![a-z0-9])www(?=\.)|@(?=\w)|#(?=\d)|(?<![a-z0-9])GH-(?=\d)"
    r"|:(?=(?:[\d_]*[a-z+-][\w+-]*|100|1234):)"
)
"""Where what would become a link, a mention, a reference or an emoji can be taken apart."""

_BREAK: Final = "&#8203;"
"""A space of no width."""


def render(report: ReportPublished, *, show_all: bool = False) -> str:
    """The report as Markdown, ending in a newline; `show_all` leaves nothing out."""
    blocks: list[str | Block] = [
        f"# {escaped(title(report))}",
        *_notice(report),
        *(
            [f"**Question:** {escaped(report.question, LONGEST_PARAGRAPH)}"]
            if report.question.strip()
            else []
        ),
        escaped(report.executive_summary, LONGEST_PARAGRAPH),
    ]
    if is_examined(report):
        sources = Sources(report, visible=len(shown_findings(report, show_all=show_all)[0]))
        blocks += [
            *_narrative(report, sources, show_all=show_all),
            *_first_steps(report, show_all=show_all),
            *_findings(report, sources, show_all=show_all),
            *_voices(report, sources, show_all=show_all),
            *_connections(report, sources, show_all=show_all),
            *_origin(report),
        ]
    else:
        blocks.append(escaped(run_line(report)))
    whole = [each if isinstance(each, Block) else Block(text=each) for each in blocks]
    if show_all:
        return fitted(whole, lambda *_: "", most=sys.maxsize)
    everything = code(f"convener report {report.request_id} --all")
    return fitted(
        whole,
        lambda short, out: (
            f"*Shortened to fit into a comment: {counted(short, 'part')} without SQL, {out:,} left "
            f"out. All of it: {everything}*"
        ),
    )


def escaped(text: str, limit: int = LONGEST) -> str:
    """`text` as Markdown that shows just these characters, on one line."""
    line = _unlinked(plain(text, limit), lambda part: _SPECIAL.sub(r"\\\g<0>", part))
    return _LEADING.sub(lambda match: f"{match[1] or ''}\\{'' if match[1] else match[0]}", line)


def as_html(text: str) -> str:
    """`text` as HTML that shows just these characters, on one line, also where Markdown is read."""
    return _unlinked(
        plain(text),
        lambda part: _SPECIAL_IN_HTML.sub(lambda match: f"&#{ord(match[0])};", part),
    )


def code(text: str, limit: int = 120) -> str:
    """`text` as a code span that may stand in a table cell."""
    line = plain(text, limit) or " "
    fence = "`" * (_longest_run(line) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}".replace("|", "\\|")


def sql_block(sql: str, limit: int = LONGEST_SQL) -> str:
    """`sql` as a fenced block that nothing in it can close."""
    text = plain_sql(sql, limit)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}sql\n{text}\n{fence}"


def _unlinked(line: str, escape: Callable[[str], str]) -> str:
    """`line` with what would become a link, a mention or an emoji taken apart, the rest escaped."""
    parts: list[str] = []
    end = 0
    for link in _LINKED.finditer(line):
        parts += [escape(line[end : link.start()]), link[0], _BREAK]
        end = link.end()
    return "".join([*parts, escape(line[end:])])


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _notice(report: ReportPublished) -> Iterator[str]:
    if report.status == "complete" and not report.missing:
        return
    lines = [f"**{status_line(report)}**"]
    lines += [
        f"{escaped(speciality(who)).capitalize()}: {escaped(why)}"
        for who, why in shortfalls(report)
    ]
    yield "\n>\n".join(["> [!WARNING]\n> " + lines[0], *(f"> {line}" for line in lines[1:])])


def _narrative(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    voice = narrative(report, sources, show_all=show_all)
    if voice.claims or voice.dropped:
        yield f"## What {escaped(report.model or 'the model', 80)} says"
        yield from _said(voice)


def _voices(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    speaking = voices(report, sources, show_all=show_all)
    if speaking:
        yield "## What the specialists say"
    for voice in speaking:
        yield f"**{escaped(speciality(voice.role)).capitalize()}**"
        yield from _said(voice)


def _said(voice: Voice) -> Iterator[str]:
    if voice.claims:
        yield "\n".join(
            f"- {escaped(text, LONGEST_PARAGRAPH)} *({escaped(cited)})*"
            for text, cited in voice.claims
        )
    if voice.left_out:
        yield f"*{voice.left_out} more with `--all`*"
    if voice.dropped:
        yield f"*{voice.dropped}*"


def _first_steps(report: ReportPublished, *, show_all: bool) -> Iterator[str]:
    steps, left_out = shown(report.recommendations, FIRST_STEPS, show_all=show_all)
    if not steps:
        return
    yield "## What to do first"
    yield "\n".join(_step(step) for step in steps)
    if left_out:
        everything = code(f"convener report {report.request_id} --all")
        yield f"*{counted(left_out, 'more recommendation')}: {everything}*"


def _step(step: Recommendation) -> str:
    lines = [
        f"{step.rank}. **{escaped(step.action)}**  ",
        f"   {escaped(terms(step))}  ",
        f"   *How:* {escaped(step.guidance, LONGEST_PARAGRAPH)}  " if step.guidance else "",
        f"   *Done when:* {escaped(step.success_metric, LONGEST_PARAGRAPH)}  ",
        f"   *Watch:* {escaped(step.monitoring, LONGEST_PARAGRAPH)}",
    ]
    return "\n".join(line for line in lines if line)


def _findings(
    report: ReportPublished, sources: Sources, *, show_all: bool
) -> Iterator[str | Block]:
    findings, left_out = shown_findings(report, show_all=show_all)
    numbers = [str(place) if sources.is_numbered else "" for place in range(1, len(findings) + 1)]
    yield "## Findings"
    more = f" The {len(findings)} most consequential are shown." if left_out else ""
    yield severity_counts(report.findings) + more
    if findings:
        yield table(
            (
                *(("No.",) if sources.is_numbered else ()),
                *("Severity", "Finding", "Where", "Measured", "Found by"),
            ),
            (
                (
                    *((number,) if number else ()),
                    finding.severity,
                    escaped(finding.title),
                    code(str(finding.subject)),
                    escaped(measurement(finding.evidence[0])),
                    escaped(speciality(finding.role)),
                )
                for number, finding in zip(numbers, findings, strict=True)
            ),
        )
        yield from map(_details, numbers, findings)


def _details(number: str, finding: Finding) -> Block:
    """A fold with the evidence; shorter without the SQL, then none at all."""
    whole, short = (_fold(number, finding, with_sql=with_sql) for with_sql in (True, False))
    return Block(text=whole, shorter=(short, "") if len(short) < len(whole) else ("",))


def _fold(number: str, finding: Finding, *, with_sql: bool) -> str:
    rows = f" {finding.rows:,} rows are affected." if finding.rows else ""
    mark = f"{number}, {finding.severity}" if number else finding.severity
    blocks = [
        f"<details><summary>{mark}: {as_html(finding.title)}</summary>",
        f"{escaped(finding.impact, LONGEST_PARAGRAPH)}{rows} "
        f"{escaped(certainty(finding), LONGEST_PARAGRAPH)}; id {code(finding.id)}.".strip(),
    ]
    if finding.recommendation.strip():
        blocks.append(f"*Advice:* {escaped(finding.recommendation, LONGEST_PARAGRAPH)}")
    blocks += map(_course, curves_of(finding))
    for evidence in finding.evidence:
        blocks.append(f"{code(evidence.id)}: {escaped(measurement(evidence))}")
        if evidence.spread is not None:
            blocks.append(escaped(spread_said(evidence.spread), LONGEST_PARAGRAPH))
        if evidence.sql and with_sql:
            blocks.append(sql_block(evidence.sql))
    return "\n\n".join([*blocks, "</details>"])


def _course(curve: Curve) -> str:
    line = sparkline(curve.series)
    said = escaped(curve_said(curve.series, curve.write), LONGEST_PARAGRAPH)
    return f"{code(line)} {said}" if line else said


def _connections(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[str]:
    for heading, entries in connections(report):
        visible, left_out = shown(entries, TOP_CONNECTIONS, show_all=show_all)
        if visible:
            yield f"## {heading}"
            yield "\n".join(_connection(each, sources) for each in visible)
        if left_out:
            yield f"*{left_out} more with `--all`*"


def _connection(entry: Connection, sources: Sources) -> str:
    by_model = " *(by the model)*" if entry.origin == "model" else ""
    headline = f"- **{escaped(entry.headline.removesuffix('.'))}.**{by_model}"
    lines = [f"{headline} {escaped(entry.body, LONGEST_PARAGRAPH)}".rstrip()]
    lines += [
        f"  - {escaped(position_line(each, sources), LONGEST_PARAGRAPH)}"
        for each in entry.positions
    ]
    return "\n".join([*lines, *([f"  - *{entry.outcome}*"] if entry.outcome else [])])


def _origin(report: ReportPublished) -> Iterator[str | Block]:
    yield "## About this report"
    yield table(
        ("Dataset", "Rows", "Columns", "Format", "Version", "Location"),
        (
            (
                code(dataset.name),
                f"{dataset.rows:,}",
                f"{dataset.columns:,}",
                escaped(dataset.format),
                code(dataset.version[:16]),
                code(dataset.location),
            )
            for dataset in report.datasets
        ),
    )
    yield table(
        ("Specialist", "Status", "Findings", "Notes"),
        (
            (
                escaped(speciality(member.role)),
                escaped(
                    member.status
                    if member.fallback_level == "full"
                    else f"{member.status} ({member.fallback_level})"
                ),
                f"{member.findings:,}",
                escaped(" ".join(member.notes), LONGEST_PARAGRAPH),
            )
            for member in report.panel
        ),
    )
    fallbacks = fallback_lines(report)
    if fallbacks:
        yield "\n".join(
            f"- {escaped(line[:1].upper() + line[1:], LONGEST_PARAGRAPH)}" for line in fallbacks
        )
    yield from _spending(report)
    lines = (status_line(report), route_line(report), model_line(report), run_line(report))
    yield "\n".join(f"- {escaped(line)}" for line in lines)
    setups = [each.setup_sql for each in report.datasets if each.setup_sql.strip()]
    if setups:
        yield "The SQL above runs in a DuckDB shell after this:"
        for setup in setups:
            whole = sql_block(setup, LONGEST_SETUP)
            without = f"*The SQL that sets it up has {len(whole):,} characters and is left out.*"
            # It goes after the SQL that needs it.
            shorter = (whole, without) if len(without) < len(whole) else ()
            yield Block(text=whole, shorter=shorter)


def _spending(report: ReportPublished) -> Iterator[str]:
    usage = report.run.usage
    rows = usage_rows((speciality(role), usage[role]) for role in sorted(usage))
    if rows:
        yield table(USAGE_HEADS, ([escaped(name), *figures] for name, *figures in rows))
        budget = budget_line(report.run.budget, sum(usage.values(), Usage()))
        yield from [budget] if budget else []


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
