"""How the page begins: what was asked, how it ended, the summary, what to do first."""

from collections.abc import Iterator
from typing import Final

from agents.domain.report import Recommendation, ReportPublished, ReportStatus
from agents.domain.synthesis.wording import counted, speciality
from agents.reports.claims import TOP_NARRATIVE, Sources, Voice, narrative
from agents.reports.html.markup import Markup, element, joined, text
from agents.reports.html.page import Section, bullets, flowing, folded
from agents.reports.outline import FIRST_STEPS, shortfalls, status_line, terms, title
from agents.reports.plain import LONGEST_PARAGRAPH

_TONES: Final[dict[ReportStatus, str]] = {
    "complete": "good",
    "partial": "medium",
    "failed": "critical",
    "cancelled": "critical",
    "expired": "critical",
}


def heading(report: ReportPublished) -> Markup:
    """The title with the status, the question, what is lacking, and the summary."""
    return flowing(
        [
            element("h1", title(report)),
            element(
                "p",
                element("strong", report.status, class_=f"badge {_TONES[report.status]}"),
                " ",
                status_line(report),
            ),
            _lacking(report),
            element("blockquote", element("p", text(report.question, LONGEST_PARAGRAPH)))
            if report.question.strip()
            else None,
            element("p", text(report.executive_summary, LONGEST_PARAGRAPH), class_="summary"),
        ]
    )


def narrated(report: ReportPublished, sources: Sources, *, show_all: bool) -> Iterator[Section]:
    """What the model says across the specialities, if it says anything."""
    voice = narrative(report, sources, show_all=True)
    if voice.claims or voice.dropped:
        yield Section(
            id="narrative",
            heading=f"What {report.model or 'the model'} says",
            content=said(voice, TOP_NARRATIVE, show_all=show_all),
        )


def said(voice: Voice, most: int, *, show_all: bool) -> Markup:
    """The claims of `voice` with their sources; those after the first `most` are folded."""
    lines = [
        joined([text(claim, LONGEST_PARAGRAPH), " ", element("small", f"({cited})")])
        for claim, cited in voice.claims
    ]
    return flowing(
        [
            bullets(lines[:most]) if lines else None,
            folded(
                counted(len(lines) - most, "more statement"),
                bullets(lines[most:]),
                is_open=show_all,
            )
            if len(lines) > most
            else None,
            element("p", element("small", voice.dropped)) if voice.dropped else None,
        ]
    )


def first_steps(report: ReportPublished, *, show_all: bool) -> Iterator[Section]:
    """What to do, the most urgent first, each with its grounds."""
    places = {finding.id: place for place, finding in enumerate(report.findings)}
    steps = [_step(step, places, show_all=show_all) for step in report.recommendations]
    if not steps:
        return
    first, later = steps[:FIRST_STEPS], steps[FIRST_STEPS:]
    content = [element("ol", *first, newlines=True, class_="steps")]
    if later:
        rest = element("ol", *later, newlines=True, class_="steps", start=FIRST_STEPS + 1)
        content.append(folded(counted(len(later), "more recommendation"), rest, is_open=show_all))
    yield Section(id="first", heading="What to do first", content=flowing(content))


def _step(step: Recommendation, places: dict[str, int], *, show_all: bool) -> Markup:
    known = [places[id] for id in step.finding_ids if id in places]
    links = [element("a", f"{place + 1}", href=f"#finding-{place + 1}") for place in sorted(known)]
    noun = "finding" if len(links) == 1 else "findings"
    depth = [
        ("How", step.guidance),
        ("Done when", step.success_metric),
        ("Watch", step.monitoring),
    ]
    return element(
        "li",
        element("p", element("strong", f"{step.rank}. {step.action}")),
        element(
            "p",
            element("small", terms(step)),
            " " if links else None,
            element("small", f"Because of {noun} ", joined(links, between=", "), ".")
            if links
            else None,
        ),
        folded(
            "How, and when it is done",
            element(
                "dl",
                *(
                    joined([element("dt", term), element("dd", text(words, LONGEST_PARAGRAPH))])
                    for term, words in depth
                    if words.strip()
                ),
            ),
            is_open=show_all,
        ),
        value=step.rank,
    )


def _lacking(report: ReportPublished) -> Markup | None:
    if report.status == "complete" and not report.missing:
        return None
    lines = [
        joined([element("strong", speciality(who)), ": ", why]) for who, why in shortfalls(report)
    ]
    if not lines:
        return None
    return element(
        "div", bullets(lines), class_="notice", role="note", aria_label="What is missing"
    )
