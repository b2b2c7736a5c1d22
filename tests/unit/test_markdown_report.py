"""What the Markdown says, and that nothing in the data becomes Markdown."""

import re
from html.parser import HTMLParser

import pytest

from agents.domain.report import Member, Missing
from agents.domain.synthesis import TOP_FINDINGS
from agents.reports.markdown import code, escaped, render, sql_block
from tests.support.reported import finding, many, report

HOSTILE = (
    "a|b `c` <img src=x onerror=y> ![i](http://evil.example) [l](http://evil.example) **d** @e"
)


def test_the_summary_comes_first_then_what_to_do_then_the_findings() -> None:
    text = render(report(finding("A quarter of tailnum is missing.")))
    places = [
        text.index(part)
        for part in (
            "# Analysis of flights",
            "flights (336,776 rows, 2 columns): usable with care",
            "## What to do first",
            "1. **flights.tailnum: Ask the source**",
            "## Findings",
            "| medium | A quarter of tailnum is missing.",
            "null rate: 0.25 (threshold 0.05)",
            "## About this report",
        )
    ]
    assert places == sorted(places)


def test_the_evidence_can_be_run_as_it_stands() -> None:
    text = render(report(finding("A quarter is missing.")))
    assert "```sql\nSELECT row_id FROM flights WHERE tailnum IS NULL\n```" in text
    assert "```sql\nCREATE VIEW flights AS SELECT * FROM '/data/flights.parquet';\n```" in text


def test_it_says_how_it_came_to_be() -> None:
    text = render(report(finding("Something.")))
    assert "No model was used" in text
    assert "Treated as a batch: No column says when each row happened." in text
    assert "`0123456789abcdef`" in text
    assert "2026-03-01 12:00:03 UTC, 3.2 s" in text
    assert "gpt" in render(report(model="gpt-x"))


def test_a_partial_report_says_so_first_with_who_is_missing_and_why() -> None:
    text = render(
        report(
            status="partial",
            missing=(Missing(role="security", reason="No worker of that role was running."),),
        )
    )
    head = text[: text.index("## Findings")]
    assert "> [!WARNING]\n> **Partial" in head
    assert "> Security: No worker of that role was running." in head


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_what_was_not_finished_says_so_first(status: str) -> None:
    assert render(report(status=status)).splitlines()[2:4] == [
        "> [!WARNING]",
        *[line for line in render(report(status=status)).splitlines() if status in line.lower()][
            :1
        ],
    ]


def test_notes_and_fallback_levels_of_the_panel_are_shown() -> None:
    member = Member(
        role="business",
        status="completed",
        findings=0,
        fallback_level="partial",
        notes=("There is no time column.",),
    )
    text = render(report(panel=(member,)))
    assert "| business | completed (partial) | 0 | There is no time column. |" in text


def test_a_long_report_shows_what_matters_and_counts_the_rest() -> None:
    findings = many(40)
    text = render(report(*findings))
    assert len(re.findall(r"<details>", text)) == TOP_FINDINGS
    assert "40 findings: 8 critical, 8 high, 8 medium, 8 low, 8 info." in text
    assert f"The {TOP_FINDINGS} most consequential are shown." in text


def test_all_means_all() -> None:
    text = render(report(*many(40)), show_all=True)
    assert len(re.findall(r"<details>", text)) == 40
    assert "most consequential are shown" not in text


class TestHostileData:
    def test_nothing_in_a_title_becomes_markup(self) -> None:
        text = render(report(finding(HOSTILE)))
        outside = re.sub(r"\\.", "", re.sub(r"(?ms)^```.*?^```", "", text))
        assert "<img" not in outside
        assert "](" not in outside
        assert "://" not in outside.replace("`/data", "")
        assert "@e" not in outside.replace("&#64;", "@&")

    def test_a_table_keeps_its_columns(self) -> None:
        text = render(report(finding(HOSTILE)))
        (row,) = [line for line in text.splitlines() if line.startswith("| medium |")]
        assert len(re.findall(r"(?<!\\)\|", row)) == 6

    def test_the_only_html_is_that_of_the_folds(self) -> None:
        tags: list[str] = []

        class Collector(HTMLParser):
            def handle_starttag(self, tag: str, _: object) -> None:
                tags.append(tag)

        text = render(report(finding("</summary></details><script>x</script>")))
        Collector().feed(re.sub(r"\\<", "&lt;", text))
        assert tags == ["details", "summary"]

    def test_sql_cannot_leave_its_block(self) -> None:
        assert sql_block("SELECT '```'\n```\n# heading").startswith("````sql\n")
        assert sql_block("SELECT 1 -- \x1b[2J").count("\x1b") == 0

    def test_a_code_span_holds_any_number_of_backticks_and_pipes(self) -> None:
        assert code("a``b`|c") == "```a``b`\\|c```"
        assert code("`") == "`` ` ``"
        assert code("") == "` `"

    @pytest.mark.parametrize(
        "text", ["line\nbreak", "car\rriage", "bell\a", "\x1b[31mred", "right\u202eleft", "\u2028"]
    )
    def test_control_characters_vanish(self, text: str) -> None:
        line = render(report(finding(text)))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\u2028]", line)

    def test_a_megabyte_is_cut(self) -> None:
        assert len(render(report(finding("x" * 1_000_000, impact="y" * 1_000_000)))) < 20_000

    @pytest.mark.parametrize("text", ["# a", "- a", "+ a", "1. a", "12) a", "=== a", "> a"])
    def test_a_text_does_not_begin_a_block(self, text: str) -> None:
        assert re.match(r"(?:\d*\\|#&)", escaped(text))

    @pytest.mark.parametrize(
        "text", ["www.evil.example", "HTTPS://evil.example", "#12", "@someone"]
    )
    def test_nothing_is_linked_by_itself(self, text: str) -> None:
        assert text not in escaped(text)

    def test_a_name_with_underscores_stays_readable(self) -> None:
        assert escaped("dep_delay") == "dep_delay"
        assert escaped("_dep_") == "\\_dep\\_"
