"""What the Markdown says, and that nothing in the data becomes Markdown."""

import re
from html.parser import HTMLParser

import pytest

from agents.domain.claim import Claim
from agents.domain.finding import Subject
from agents.domain.report import Member, Missing
from agents.domain.synthesis import TOP_FINDINGS
from agents.domain.task import Fallback
from agents.domain.usage import Budget, Usage
from agents.reports.markdown import code, escaped, render, sql_block
from tests.support.reported import conflict, finding, many, report, report_by_model

HOSTILE = (
    "a|b `c` <img src=x onerror=y> ![i](http://evil.example) [l](http://evil.example) **d** @e"
)


def test_the_summary_comes_first_then_what_to_do_then_the_findings() -> None:
    text = render(report(finding("A quarter of tailnum is missing.")))
    places = [
        text.index(part)
        for part in (
            "# Analysis of flights",
            "The table flights (336,776 rows, 2 columns) is usable with care",
            "## What to do first",
            "1. **Find out why values are missing in flights.tailnum",
            "## Findings",
            "| medium | A quarter of tailnum is missing.",
            "null rate: 25 % (threshold 5 %)",
            "## About this report",
        )
    ]
    assert places == sorted(places)


def test_what_comes_first_is_said_by_kind_and_place() -> None:
    maker, model = (Subject(table="flights", column=each) for each in ("maker", "model"))
    spelt = finding("AIRBUS has two names.", category="inconsistent_category", subject=maker)
    uneven = finding("maker is uneven.", category="key_skew", subject=maker, role="performance")
    gaps = finding("A quarter of model is missing.", subject=model)
    text = render(report(spelt, gaps, uneven), show_all=True)
    assert (
        "- **First spelling variants in flights.maker, then an uneven split by flights.maker.** "
        "Variants split one value into several, so the shares are wrong."
    ) in text


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


def test_a_report_that_lacks_part_of_what_its_members_should_do_says_so_with_the_reason() -> None:
    lacked = (Fallback(level="partial", reason="The model was left alone."),)
    member = Member(
        role="data_quality", status="completed", fallback_level="partial", fallbacks=lacked
    )
    text = render(report(status="partial", panel=(member,), fallbacks=lacked))
    head = text[: text.index("## Findings")]
    assert "> **Partial: everybody answered, but not all" in head
    assert "> Data quality: The model was left alone." in head
    assert "> Synthesis: The model was left alone." in head
    assert "- Synthesis came down to no model, or not every check: The model was left" in text


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


class TestWithAModel:
    def test_its_narrative_follows_the_summary_with_the_numbers_of_the_findings(self) -> None:
        text = render(report_by_model())
        places = [
            text.index(part)
            for part in (
                "# Analysis of flights",
                "flights (336,776 rows, 2 columns)",
                "## What openai:gpt-x says",
                "- A quarter of tailnum is missing. *(findings 1 and 2)*",
                "- Second: A quarter of tailnum is missing. *(profile(column=tailnum))*",
                "*1 statement was dropped because what it cites does not exist or does not",
                "## What to do first",
                "| 1 | high | A quarter is missing. |",
                "| 2 | medium | A name is readable. |",
                "<summary>1, high: A quarter is missing.</summary>",
                "openai:gpt-x weighed and explained",
            )
        ]
        assert places == sorted(places)

    def test_a_finding_that_is_not_shown_is_cited_with_its_title(self) -> None:
        findings = many(40)
        hidden = report(*findings).findings[-1]
        said = (Claim(text="It is rare.", cites=(hidden.id,)),)
        text = render(report(*findings, model="gpt-x", narrative=said))
        assert f"*(finding 40: {hidden.title.removesuffix('.')})*" in text
        everything = render(report(*findings, model="gpt-x", narrative=said), show_all=True)
        assert "*(finding 40)*" in everything

    def test_evidence_that_was_merged_into_another_finding_is_cited_by_that_one(self) -> None:
        merged = finding("One.", evidence=(*finding("x").evidence,))
        foreign = merged.evidence[0].model_copy(update={"id": "other-0123456789.2"})
        both = finding("One.", evidence=(*merged.evidence, foreign))
        said = (
            Claim(text="First.", cites=("other-0123456789.2",)),
            Claim(text="Then.", cites=("other-0123456789",)),
        )
        text = render(report(both, model="gpt-x", narrative=said))
        assert "- First. *(finding 1)*\n- Then. *(finding 1)*" in text

    def test_each_speciality_says_a_little_and_counts_the_rest(self) -> None:
        text = render(report_by_model())
        part = text[text.index("## What the specialists say") : text.index("## What belongs")]
        assert "**Data quality**" in part
        assert part.count("*(profile(column=tailnum))*") == 2
        assert "*2 more with `--all`*" in part
        assert "*3 statements were dropped because what they cite does not exist" in part
        assert render(report_by_model(), show_all=True).count("- Claim ") == 4

    def test_a_fallback_is_told_with_its_level_its_reason_and_the_age_of_what_stands_in(
        self,
    ) -> None:
        text = render(report_by_model())
        assert (
            "- Data quality came down to a shorter question to the model: It did not answer "
            "within 90 s." in text
        )
        assert "an earlier answer of the model: A quarter of tailnum is missing." in text
        assert "An answer of 45 min ago stands in." in text

    def test_what_the_model_proposed_is_marked(self) -> None:
        text = render(report_by_model())
        assert "- **Theme: A quarter of tailnum is missing.** *(by the model)*" in text
        assert "- **A chance.** *(by the model)*" in text
        assert "owner data quality. Proposed by the model." in text
        assert "by the model" not in render(report(*many(8))).lower()

    def test_tokens_and_cost_stand_by_role_and_in_total_with_the_budget(self) -> None:
        text = render(report_by_model())
        assert "| data quality | 2 | 1 | 12,000 | 4,000 | 500 | 0.2500 |" in text
        assert "| orchestrator | 1 | 0 | 1,000 | 0 | 100 | 0.0500 |" in text
        assert "| total | 3 | 1 | 13,000 | 4,000 | 600 | 0.3000 |" in text
        assert "13,600 of 50,000 tokens" in text

    def test_a_cost_that_nobody_knows_is_said_to_be_unknown(self) -> None:
        run = report_by_model().run
        unpriced = run.model_copy(
            update={
                "usage": {"business": Usage(calls=1, output_tokens=5, seconds=1.5)},
                "budget": Budget(cost=2.0, seconds=60.0),
            }
        )
        text = render(report_by_model(run=unpriced))
        assert "| business | 1 | 0 | 0 | 0 | 5 | unknown |" in text
        assert "0.0000 of 2.0000 in cost, 1.5 of 60.0 s of waiting." in text

    def test_an_unlimited_budget_is_not_spoken_of(self) -> None:
        run = report_by_model().run.model_copy(update={"budget": Budget()})
        assert "budget" not in render(report_by_model(run=run))

    def test_a_model_that_was_asked_in_vain_is_not_passed_over(self) -> None:
        asked = report_by_model(model=None, narrative=(), panel=(), conflicts=())
        text = render(asked)
        assert "A model was asked, and nothing of what it said is in here" in text
        assert "No model was used" not in text

    def test_without_a_model_there_is_no_trace_of_one(self) -> None:
        text = render(report(*many(8)))
        for trace in ("No.", " says\n", "(finding", "Tokens", "dropped", "came down to"):
            assert trace not in text.replace("No model", "")


def test_both_sides_of_a_conflict_and_whether_it_is_settled() -> None:
    one, other = many(2)
    text = render(report(one, other, conflicts=(conflict(one.id, other.id, text="So it is."),)))
    assert "- **Masking is in the way of matching.** Use a keyed hash." in text
    assert "\n  - data quality accepts: So it is.\n" in text
    assert "\n  - security insists: So it is.\n" in text
    assert "\n  - *Both sides were asked, and it is settled.*" in text
    open_one = conflict(one.id, other.id, is_settled=False)
    assert "it is not settled" in render(report(one, other, conflicts=(open_one,)))


class TestHostileData:
    def test_nothing_that_a_model_says_becomes_markup(self) -> None:
        text = render(report_by_model(f"# {HOSTILE}\n\n- x\x1b[2J"), show_all=True)
        outside = re.sub(r"\\.", "", re.sub(r"(?ms)^```.*?^```", "", text))
        assert "<img" not in outside
        assert "](" not in outside
        assert "://" not in outside.replace("`/data", "")
        assert "**d**" not in outside
        assert "\x1b" not in text
        assert not re.search(r"(?m)^- x", outside)
        assert "`c`" not in outside

    def test_a_citation_or_a_measurement_cannot_become_markup(self) -> None:
        said = (Claim(text="So.", cites=(HOSTILE,)),)
        text = render(report(*many(2), model=HOSTILE, narrative=said))
        outside = re.sub(r"\\.", "", re.sub(r"(?ms)^```.*?^```", "", text))
        assert "<img" not in outside
        assert "](" not in outside

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
