"""What the terminal shows, and that nothing in the data reaches the terminal as a command."""

import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from agents.domain.report import Member, Missing, ReportPublished
from agents.domain.synthesis import TOP_FINDINGS
from agents.domain.task import Fallback
from agents.reports.outline import measurement
from agents.reports.terminal import render
from tests.support.reported import conflict, finding, many, report, report_by_model


def drawn(shown: ReportPublished, *, width: int = 80, colour: bool = False, **options: Any) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour)
    console.print(render(shown, **options))
    return out.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


def test_it_leads_from_the_verdict_over_the_first_step_to_the_evidence() -> None:
    shown = report(finding("A quarter of tailnum is missing."))
    text = words(drawn(shown))
    places = [
        text.index(part)
        for part in (
            "Analysis of flights",
            "usable with care",
            "What to do first",
            f"1. {shown.recommendations[0].action}",
            "Findings",
            "medium A quarter of tailnum is missing.",
            measurement(shown.findings[0].evidence[0]),
            "Where to look next",
            "SELECT row_id FROM flights WHERE tailnum IS NULL;",
            "convener report 6f0c4f0e --all",
            "About this report",
        )
    ]
    assert places == sorted(places)


def test_it_says_how_it_came_to_be() -> None:
    text = words(drawn(report(finding("Something."))))
    assert "No model was used" in text
    assert "Treated as a batch: No column says when each row happened." in text
    assert "version 0123456789ab" in text
    assert "2026-03-01 12:00:03 UTC, 3.2 s" in text


def test_what_is_missing_stands_at_the_top_with_the_reason() -> None:
    missing = (Missing(role="security", reason="No worker of that role was running."),)
    text = drawn(report(status="partial", missing=missing))
    head = text.splitlines()[:4]
    assert head[0].endswith("PARTIAL")
    assert "security: No worker of that role was running." in "\n".join(head)


def test_what_a_member_could_not_do_stands_at_the_top_with_the_reason() -> None:
    lacked = (Fallback(level="degraded", reason="No tool could be called."),)
    member = Member(
        role="security", status="completed", fallback_level="degraded", fallbacks=lacked
    )
    head = "\n".join(drawn(report(status="partial", panel=(member,))).splitlines()[:5])
    assert "everybody answered, but not all" in words(head)
    assert "security: No tool could be called." in head


def test_a_note_says_what_could_not_be_examined() -> None:
    member = Member(role="business", status="completed", notes=("There is no time column.",))
    assert "business: There is no time column." in drawn(report(panel=(member,)))


def test_a_long_report_shows_what_matters_and_counts_the_rest() -> None:
    text = drawn(report(*many(40)))
    assert len(re.findall(r"Finding number \d+\.\s*\n\s+null rate", text)) == TOP_FINDINGS
    assert "30 findings of less consequence: --all shows everything" in words(text)


def test_all_means_all_with_impact_and_advice() -> None:
    text = drawn(report(*many(40)), show_all=True)
    assert len(re.findall(r"Finding number \d+\.\s*\n\s+null rate", text)) == 40
    assert "--all" not in text
    assert "Joins lose rows." in text


def test_a_request_whose_data_nobody_could_examine_is_said_to_be_one() -> None:
    text = drawn(report(panel=(), datasets=(), route=None, status="failed"))
    assert "No analysis" in text
    assert "the data could not be examined" in text
    assert "Findings" not in text


def test_what_a_model_says_stands_with_its_sources_after_the_summary() -> None:
    text = words(drawn(report_by_model()))
    places = [
        text.index(part)
        for part in (
            "What openai:gpt-x says",
            "• A quarter of tailnum is missing. findings 1 and 2",
            "1 statement was dropped because",
            "What to do first",
            "1. A quarter is missing.",
            "What the specialists say",
            "data quality • Claim 0: A quarter of tailnum is missing. profile(column=tailnum)",
            "2 more: --all shows everything",
            "3 statements were dropped because",
            "(by the model)",
            "data quality came down to a shorter question to the model: It did not answer",
            "An answer of 45 min ago stands in.",
            "total 3 1 13,000 4,000 600 0.3000",
            "13,600 of 50,000 tokens",
            "openai:gpt-x weighed and explained",
        )
    ]
    assert places == sorted(places)


def test_without_a_model_there_is_no_trace_of_one() -> None:
    text = drawn(report(*many(8)), show_all=True)
    for trace in (
        "What the specialists",
        "(by the model)",
        "Tokens",
        "dropped",
        "came down to",
        "1. Finding",
    ):
        assert trace not in text


def test_a_conflict_shows_who_stands_where_and_all_of_it_on_demand() -> None:
    one, other = many(2)
    asked = report(one, other, conflicts=(conflict(one.id, other.id, text="So it is."),))
    brief, whole = words(drawn(asked)), words(drawn(asked, show_all=True))
    assert "it is settled. data quality accepts, security insists." in brief
    assert "So it is." not in brief
    assert "data quality accepts: So it is." in whole
    assert "security insists: So it is." in whole


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_report_by_a_model_is_no_wider_than_the_terminal(width: int) -> None:
    text = drawn(report_by_model("word " * 60), width=width, show_all=True)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = drawn(report(*many(15), finding("word " * 60, key="long")), width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    "title", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\rb", "\b\b\b", "\u202egnp"]
)
def test_nothing_in_the_data_commands_the_terminal(title: str) -> None:
    text = drawn(report(finding(title, impact=title, recommendation=title)), show_all=True)
    said = drawn(report_by_model(title, model=title), show_all=True)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text + said)


def test_colour_comes_from_us_alone() -> None:
    text = drawn(report(finding("[red]not a style[/red] [link=http://evil.example]x[/link]")))
    assert "[red]not a style[/red]" in words(text)
    coloured = drawn(report(finding("[blink]plain[/blink]")), colour=True)
    assert "\x1b[5m" not in coloured


def test_a_megabyte_is_cut() -> None:
    assert len(drawn(report(finding("x" * 1_000_000)), show_all=True)) < 20_000
