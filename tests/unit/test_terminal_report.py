"""What the terminal shows, and that nothing in the data reaches the terminal as a command."""

import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from agents.domain.report import Member, Missing, ReportPublished
from agents.domain.synthesis import TOP_FINDINGS
from agents.reports.terminal import render
from tests.support.reported import finding, many, report


def drawn(shown: ReportPublished, *, width: int = 80, colour: bool = False, **options: Any) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour)
    console.print(render(shown, **options))
    return out.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


def test_it_leads_from_the_verdict_over_the_first_step_to_the_evidence() -> None:
    text = drawn(report(finding("A quarter of tailnum is missing.")))
    places = [
        text.index(part)
        for part in (
            "Analysis of flights",
            "usable with care",
            "What to do first",
            "1. flights.tailnum: Ask the source",
            "Findings",
            "medium   A quarter of tailnum is missing.",
            "null rate: 0.25 (threshold 0.05)",
            "Where to look next",
            "SELECT row_id FROM flights WHERE tailnum IS NULL;",
            "convener report 6f0c4f0e-6a58-5b1d-9f5c-3a1c1f7a9d10 --all",
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


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = drawn(report(*many(15), finding("word " * 60, key="long")), width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    "title", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\rb", "\b\b\b", "\u202egnp"]
)
def test_nothing_in_the_data_commands_the_terminal(title: str) -> None:
    text = drawn(report(finding(title, impact=title, recommendation=title)), show_all=True)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_colour_comes_from_us_alone() -> None:
    text = drawn(report(finding("[red]not a style[/red] [link=http://evil.example]x[/link]")))
    assert "[red]not a style[/red]" in words(text)
    coloured = drawn(report(finding("[blink]plain[/blink]")), colour=True)
    assert "\x1b[5m" not in coloured


def test_a_megabyte_is_cut() -> None:
    assert len(drawn(report(finding("x" * 1_000_000)), show_all=True)) < 20_000
