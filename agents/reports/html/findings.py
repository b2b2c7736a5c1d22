"""The findings on the page: at a glance, one by one with their evidence, and what connects them."""

from collections.abc import Iterator, Sequence

from agents.domain.finding import Evidence, Finding
from agents.domain.report import ReportPublished
from agents.domain.synthesis import TOP_FINDINGS
from agents.domain.synthesis.wording import counted, measured_as, quantity, speciality
from agents.reports.charts import (
    Bar,
    against_threshold,
    charts,
    curves,
    curves_of,
    holders,
    scale_of,
    tallies,
)
from agents.reports.claims import TOP_CLAIMS, Sources, position_line, voices
from agents.reports.html import drawing
from agents.reports.html.markup import Markup, code, element, joined, sql, text
from agents.reports.html.opening import said
from agents.reports.html.page import Section, bullets, flowing, folded, table
from agents.reports.outline import (
    TOP_CONNECTIONS,
    Connection,
    certainty,
    connections,
    measurement,
    severity_counts,
)
from agents.reports.plain import LONGEST_PARAGRAPH, LONGEST_SQL


def glance(report: ReportPublished) -> Iterator[Section]:
    """What was found and measured, as charts."""
    counts = tallies(report)
    drawn = [drawing.tallies(counts)] if counts else []
    drawn += map(drawing.chart, charts(report))
    over_time = curves(report)
    drawn += [drawing.curves(over_time)] if over_time else []
    if drawn:
        yield Section(
            id="glance",
            heading="At a glance",
            content=element("div", *drawn, class_="charts", newlines=True),
        )


def examined(report: ReportPublished, *, show_all: bool) -> Iterator[Section]:
    """Every finding; those of less consequence are folded together."""
    cards = [
        _finding(number, finding, show_all=show_all)
        for number, finding in enumerate(report.findings, start=1)
    ]
    first, later = cards[:TOP_FINDINGS], cards[TOP_FINDINGS:]
    yield Section(
        id="findings",
        heading="Findings",
        content=flowing(
            [
                element("p", severity_counts(report.findings)),
                *first,
                folded(
                    f"{counted(len(later), 'finding')} of less consequence",
                    *later,
                    is_open=show_all,
                )
                if later
                else None,
            ]
        ),
    )


def spoken(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[Section]:
    """What the models of the specialists say, if they say anything."""
    blocks = [
        flowing(
            [
                element("h3", speciality(voice.role).capitalize()),
                said(voice, TOP_CLAIMS, show_all=show_all),
            ]
        )
        for voice in voices(report, sources, show_all=True)
    ]
    if blocks:
        yield Section(id="voices", heading="What the specialists say", content=flowing(blocks))


def connected(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[Section]:
    """Themes, conflicts, dependencies and opportunities, as far as there are any."""
    for number, (heading, entries) in enumerate(connections(report), start=1):
        lines = [_connection(entry, sources) for entry in entries]
        if not lines:
            continue
        first, later = lines[:TOP_CONNECTIONS], lines[TOP_CONNECTIONS:]
        content = [bullets(first)]
        if later:
            content.append(folded(f"{len(later):,} more", bullets(later), is_open=show_all))
        yield Section(id=f"connection-{number}", heading=heading, content=flowing(content))


def _finding(number: int, finding: Finding, *, show_all: bool) -> Markup:
    summary = joined(
        [
            element("span", finding.severity, class_=f"badge {finding.severity}"),
            " ",
            element("h3", f"{number}. {finding.title}"),
            element(
                "span",
                code(str(finding.subject)),
                f" · {measurement(finding.evidence[0])} · {speciality(finding.role)}",
                class_="subject",
            ),
        ]
    )
    return element(
        "article",
        folded(
            summary,
            # A link to what is inside opens the fold.
            element("div", *_depth(finding), newlines=True, id=f"finding-{number}"),
            is_open=show_all,
            class_=f"finding {finding.severity}",
        ),
    )


def _depth(finding: Finding) -> Iterator[Markup]:
    verb = "is" if finding.rows == 1 else "are"
    rows = f"{counted(finding.rows, 'row')} {verb} affected." if finding.rows else ""
    parts = [text(each, LONGEST_PARAGRAPH) for each in (finding.impact, rows) if each.strip()]
    if parts:
        yield element("p", joined(parts, between=" "))
    if finding.recommendation.strip():
        yield element(
            "p", element("strong", "Advice: "), text(finding.recommendation, LONGEST_PARAGRAPH)
        )
    yield from (drawing.curve(each.series, each.title, each.write) for each in curves_of(finding))
    yield from (
        drawing.scale(each.metric, spread)
        for each in finding.evidence
        if (spread := scale_of(each)) is not None
    )
    yield from map(drawing.chart, filter(None, map(holders, finding.evidence)))
    yield _measured(finding.evidence)
    statements: dict[str, list[Markup]] = {}
    for evidence in finding.evidence:
        if evidence.sql:
            statements.setdefault(evidence.sql, []).append(code(evidence.id))
    for statement, ids in statements.items():
        yield folded(
            joined(["SQL of ", joined(ids, between=", ")]),
            sql(statement, LONGEST_SQL),
            class_="sql",
        )
    yield element(
        "p",
        element(
            "small",
            f"{finding.category.replace('_', ' ')}. {certainty(finding)}. "
            f"Effort {finding.effort}, id ",
            code(finding.id),
        ),
    )


def _measured(evidence: Sequence[Evidence]) -> Markup:
    """The figures; thresholds and bars only where there are any."""
    has_limits = any(each.threshold is not None for each in evidence)
    bars = [against_threshold(each) for each in evidence]
    return table(
        (
            *("Measured", "Value"),
            *(("Threshold",) if has_limits else ()),
            *(("Bar",) if any(bars) else ()),
            "Evidence",
        ),
        (
            (
                *(measured_as(each.metric), quantity(each.metric, each.value)),
                *((_limit(each),) if has_limits else ()),
                *((_picture(bar),) if any(bars) else ()),
                code(each.id),
            )
            for each, bar in zip(evidence, bars, strict=True)
        ),
        figures=(1, 2) if has_limits else (1,),
    )


def _limit(evidence: Evidence) -> str:
    return "" if evidence.threshold is None else quantity(evidence.metric, evidence.threshold)


def _picture(bar: Bar | None) -> str:
    return "" if bar is None else element("span", drawing.picture(bar), class_="picture")


def _connection(entry: Connection, sources: Sources) -> Markup:
    by_model = element("small", " (by the model)") if entry.origin == "model" else None
    positions = [text(position_line(each, sources), LONGEST_PARAGRAPH) for each in entry.positions]
    if entry.outcome:
        positions.append(element("em", entry.outcome))
    return joined(
        [
            element("strong", f"{entry.headline.removesuffix('.')}."),
            by_model,
            " ",
            text(entry.body, LONGEST_PARAGRAPH),
            bullets(positions) if positions else None,
        ]
    )
