"""The report as lines to be read aloud: all that the drawn one says, and nothing drawn."""

import re
from typing import Any

import pytest

from agents.domain.report import Denial, Member, Missing
from agents.domain.synthesis import TOP_FINDINGS
from agents.reports.outline import measurement
from agents.reports.terminal import AMBER, GREEN, RED, TEAL
from agents.reports.terminal_next import SHORT_SETUP
from agents.reports.terminal_plain import render
from tests.support.reported import finding, many, report, report_by_model
from tests.unit.test_terminal_report import drawn, words

DRAWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2500-\u259f\u202a-\u202e•·✗]")


def test_it_leads_from_the_verdict_over_the_first_step_to_the_evidence() -> None:
    shown = report(finding("A quarter of tailnum is missing."))
    text = render(shown)
    (evidence,) = shown.findings[0].evidence
    places = [
        text.index(part)
        for part in (
            "Analysis of flights",
            "Complete: every member of the panel answered.",
            "Summary: ",
            "Section: What to do first.",
            f"Step 1: {shown.recommendations[0].action}",
            "Section: Findings.",
            "Finding 1, medium: A quarter of tailnum is missing.",
            f"Evidence: {measurement(evidence)}. Found by data quality.",
            "Section: Where to look next.",
            "convener report 6f0c4f0e --all",
            "SELECT row_id FROM flights WHERE tailnum IS NULL;",
            "Section: About this report.",
            "No model was used",
        )
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("show_all", [False, True])
@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\rb", "\u202egnp", "two\nlines"]
)
def test_nothing_is_drawn_and_nothing_in_the_data_is_obeyed(text: str, show_all: bool) -> None:
    hostile = report(finding(text, impact=text, recommendation=text), question=text)
    for lines in (
        render(hostile, show_all=show_all),
        render(report_by_model(text), show_all=show_all),
    ):
        assert not DRAWN.search(lines)
        assert not [line for line in lines.splitlines() if line in ("lines", "lines.")]


def test_every_line_ends_as_a_sentence_or_is_something_to_type() -> None:
    lines = render(report_by_model(), show_all=True).splitlines()
    typed = [line for line in lines if line[-1] not in ".:…"]
    assert all(": convener " in line or line.endswith(";") for line in typed), typed


@pytest.mark.parametrize("show_all", [False, True])
def test_it_says_and_leaves_out_what_the_drawn_one_does(show_all: bool) -> None:
    for shown in (report(*many(40)), report_by_model()):
        read, seen = render(shown, show_all=show_all), words(drawn(shown, show_all=show_all))
        for each in (*shown.findings, *shown.themes, *shown.opportunities):
            assert (each.title in words(read)) is (each.title in seen), each.title
        for step in shown.recommendations:
            assert (step.action in words(read)) is (step.action in seen), step.action
    assert ("30 findings more: --all shows everything." in render(report(*many(40)))) is True
    assert render(report(*many(40)), show_all=True).count("\nFinding ") == 40 > TOP_FINDINGS


def lacking(**changes: Any) -> Any:
    return report(
        status="partial",
        missing=(Missing(role="security", reason="No worker of that role was running."),),
        denied=(Denial(role="business", reason="It may not read data"),),
        panel=(Member(role="data_quality", status="completed", notes=("No column says when.",)),),
        **changes,
    )


def test_what_is_missing_denied_or_not_examined_is_said_in_both_forms() -> None:
    read, seen = render(lacking()), words(drawn(lacking()))
    assert "Lacking, security: No worker of that role was running." in read
    assert "Not permitted, business: It may not read data." in read
    assert "Section: What was not examined.\nData quality: No column says when." in read
    assert "security: No worker of that role was running." in seen
    assert "business, not permitted: It may not read data" in seen
    assert "data quality: No column says when." in seen


def test_without_data_it_is_said_why_and_where_to_look() -> None:
    text = render(report(panel=(), datasets=(), route=None, status="failed"))
    assert "the data could not be examined" in text
    assert "convener history 6f0c4f0e" in text
    assert "--all" not in text


@pytest.mark.parametrize("form", [drawn, render])
def test_a_long_set_up_is_only_shown_when_asked_for_all(form: Any) -> None:
    (dataset,) = report().datasets
    setup = f"CREATE VIEW flights AS SELECT {'a, ' * SHORT_SETUP}b;"
    long = report(
        finding("Something."), datasets=(dataset.model_copy(update={"setup_sql": setup}),)
    )
    assert "CREATE VIEW" not in form(long)
    assert "setup_sql" in form(long)
    assert "SELECT row_id FROM flights WHERE tailnum IS NULL;" in form(long)
    assert "CREATE VIEW" in form(long, show_all=True)


def test_a_drawn_report_ends_no_line_in_blanks() -> None:
    for shown in (report(*many(20)), report_by_model(), lacking()):
        for line in drawn(shown, show_all=True).splitlines():
            assert line == line.rstrip()


def test_colours_stand_out_from_white_and_from_black() -> None:
    for colour in (RED, AMBER, TEAL, GREEN):
        light = luminance(int(colour.removeprefix("color(").removesuffix(")")))
        assert 1.05 / (light + 0.05) > 3.9, colour
        assert (light + 0.05) / 0.05 > 3.8, colour


def luminance(number: int) -> float:
    """Of a colour of the cube of 256; by WCAG 2.2."""
    levels = (0, 95, 135, 175, 215, 255)
    place = number - 16
    parts = [levels[place // 36], levels[place // 6 % 6], levels[place % 6]]
    linear = [
        each / 255 / 12.92 if each <= 10 else ((each / 255 + 0.055) / 1.055) ** 2.4
        for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
