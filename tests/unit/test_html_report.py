"""What the page says, that it can be read by anybody, and that nothing in the data becomes HTML."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from agents.domain.claim import Claim
from agents.domain.finding import Evidence
from agents.domain.report import Member, Missing, Run
from agents.domain.task import Fallback
from agents.reports.html import render
from agents.reports.html.markup import Markup, element, text
from agents.reports.html.page import POLICY, STYLE
from tests.support.reported import (
    conflict,
    drawn_report,
    everything,
    finding,
    many,
    report,
    report_by_model,
)

VOID = {"meta", "br", "col"}
UNREAD = {"style", "title", "nav"}
BLOCKS = {"p", "li", "th", "td", "dt", "dd", "h1", "h2", "h3", "summary", "pre", "footer"}
TAGS = (
    "html head meta title style body header nav main section article footer figure figcaption "
    "h1 h2 h3 p ul ol li a strong em small span div blockquote details summary dl dt dd "
    "table colgroup col thead tbody tr th td pre code svg rect line polyline"
)
ATTRIBUTES = (
    "lang charset http-equiv content name id class href open role aria-label aria-labelledby "
    "aria-hidden focusable scope value start tabindex viewbox preserveaspectratio "
    "x y x1 x2 y1 y2 width height points"
)
HOSTILE = (
    "</style></title><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"
    "\" onmouseover=\"alert(4)\" ' autofocus onfocus='alert(5)' {{7*7}} &lt;b&gt; "
    "<a href='javascript:alert(6)'>here</a> <!-- --> ]]> </details></pre></code>"
)


class Document(HTMLParser):
    """What a parser sees: elements in order, text, and whether every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), attrs
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag in BLOCKS:
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not UNREAD.intersection(self._open):
            self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def words(page: str) -> str:
    return " ".join(Document(page).text.split())


REPORTS = {
    "without a model": report(*many(40), question="Can it be trusted?"),
    "by a model": report_by_model(),
    "hostile": everything(HOSTILE),
    "without findings": report(),
    "failed": report(panel=(), datasets=(), route=None, status="failed"),
    "with what is drawn": drawn_report(),
    "hostile in what is drawn": drawn_report(HOSTILE),
    "disputed": report(*many(2), conflicts=(conflict("a", "b", text="So it is."),)),
}


def test_it_leads_from_the_verdict_over_the_first_step_to_the_evidence() -> None:
    shown = words(render(report(finding("A quarter of tailnum is missing."))))
    places = [
        shown.index(part)
        for part in (
            "Analysis of flights.parquet",
            "complete Complete: every member of the panel answered.",
            "usable with care",
            "What to do first 1. Find out why values are missing in flights.tailnum",
            "Because of finding 1.",
            "Done when",
            "Findings 1 finding: 1 medium.",
            "medium 1. A quarter of tailnum is missing.",
            "null rate: 25 % (threshold 5 %)",
            "Joins lose rows. Advice:",
            "SELECT row_id FROM flights WHERE tailnum IS NULL",
            "About this report",
            "No model was used",
            "2026-03-01 12:00:03 UTC, 3.2 s",
            "CREATE VIEW flights",
        )
    ]
    assert places == sorted(places)


def test_what_a_model_says_stands_with_its_sources() -> None:
    shown = words(render(report_by_model()))
    places = [
        shown.index(part)
        for part in (
            "What openai:gpt-x says",
            "A quarter of tailnum is missing. (findings 1 and 2)",
            "1 statement was dropped because",
            "Proposed by the model",
            "What the specialists say",
            "Claim 0: A quarter of tailnum is missing. (profile(column=tailnum))",
            "2 more statements",
            "Claim 3:",
            "(by the model)",
            "data quality accepts: A quarter",
            "it is settled",
            "An answer of 45 min ago stands in.",
            "13,600 of 50,000 tokens",
        )
    ]
    assert places == sorted(places)


def test_without_a_model_there_is_no_trace_of_one() -> None:
    shown = words(render(report(*many(8)), show_all=True))
    for trace in ("What the specialists", "(by the model)", "Tokens", "dropped", "came down to"):
        assert trace not in shown


def test_what_is_missing_stands_at_the_top_with_the_reason() -> None:
    missing = (Missing(role="security", reason="No worker of that role was running."),)
    shown = words(render(report(finding("Something."), status="partial", missing=missing)))
    reason = shown.index("security: No worker of that role was running.")
    assert reason < shown.index("What to do first")


def test_what_a_member_could_not_do_stands_at_the_top_with_the_reason() -> None:
    lacked = (Fallback(level="degraded", reason="No tool could be called."),)
    member = Member(
        role="security", status="completed", fallback_level="degraded", fallbacks=lacked
    )
    shown = words(render(report(finding("Something."), status="partial", panel=(member,))))
    assert shown.index("security: No tool could be called.") < shown.index("What to do first")


def test_a_series_stands_at_a_glance_and_with_its_finding_on_axes_that_are_only_seen() -> None:
    page = render(drawn_report())
    glance, findings = page.partition('<h2 id="findings">')[::2]
    assert glance.count("<polyline") == findings.count("<polyline") == 1
    shown = words(page)
    assert (
        "flights.tailnum: missing values By month, 2025-01-01 to 2025-12-01: from 1.0 % "
        "(2025-01-01) to 40.0 % (2025-07-01). Marked: 2025-01-01 to 2025-07-01: 1.0 %; "
        "2025-07-01 to 2025-12-01: 40.0 %. Finding 1." in shown
    )
    for axis in ("highest", "lowest", "first", "last"):
        assert re.search(f'<div class="plot" aria-hidden="true">.*<span class="{axis}">', page)


def test_holders_are_bars_and_what_stands_apart_is_said_to() -> None:
    page = render(drawn_report())
    shown = words(page)
    assert (
        "Who has how much of the whole. What Figure Bar UA 60.0 % B6 15.0 % the other 3 25.0 %"
        in shown
    )
    assert "lowest of the others 0 median 10 highest of the others 42 1 row apart 1,048" in shown
    (scale,) = re.findall('<figure class="scale">.*?</figure>', page, re.DOTALL)
    assert scale.count('class="apart"') == 1
    lines = [float(place) for place in re.findall(r'x1="([0-9.]+)"', scale)]
    assert lines == sorted(lines)
    assert 0 < lines[0] < lines[-1] < 100


def test_nothing_is_left_out_and_what_matters_less_is_folded() -> None:
    page = render(report(*many(40)))
    document = Document(page)
    for number in range(40):
        assert f"Finding number {number}." in document.text
    assert "30 findings of less consequence" in document.text
    assert not any("open" in attributes for attributes in document.all("details"))


def test_all_unfolds_everything_but_statements() -> None:
    for attributes in Document(render(report(*many(40)), show_all=True)).all("details"):
        assert ("open" in attributes) or attributes["class"] == "sql"


def test_the_same_statement_stands_once() -> None:
    shared = "SELECT 1 FROM flights"
    one = finding(
        "Two figures.",
        evidence=[
            Evidence(metric="a", value=1, sql=shared),
            Evidence(metric="b", value=2, sql=shared),
        ],
    )
    assert words(render(report(one))).count(shared) == 1


def test_a_request_whose_data_nobody_could_examine_is_said_to_be_one() -> None:
    shown = words(render(REPORTS["failed"]))
    assert "No analysis" in shown
    assert "the data could not be examined" in shown
    assert "Findings" not in shown


@pytest.mark.parametrize("name", REPORTS)
def test_every_element_is_one_of_ours_and_closed(name: str) -> None:
    document = Document(render(REPORTS[name]))
    for tag, attributes in document.elements:
        assert tag in TAGS.split()
        assert attributes.keys() <= set(ATTRIBUTES.split())
        if "href" in attributes:
            assert (attributes["href"] or "").startswith("#")


@pytest.mark.parametrize("name", REPORTS)
def test_every_link_leads_somewhere_and_every_id_is_there_once(name: str) -> None:
    document = Document(render(REPORTS[name]))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [f"#{id}" for id in ids]
    for _, attributes in document.elements:
        if "href" in attributes:
            assert attributes["href"] in targets
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


@pytest.mark.parametrize("name", REPORTS)
def test_who_cannot_see_it_finds_language_landmarks_headings_and_table_heads(name: str) -> None:
    document = Document(render(REPORTS[name]))
    assert document.all("html") == [{"lang": "en"}]
    for landmark in ("title", "header", "main", "footer", "h1"):
        assert len(document.all(landmark)) == 1
    levels = [int(tag[1]) for tag, _ in document.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for attributes in document.all("th"))
    assert all(attributes["aria-hidden"] == "true" for attributes in document.all("svg"))


def test_hostile_text_is_shown_as_it_is_written() -> None:
    shown = words(render(report_by_model(HOSTILE)))
    assert HOSTILE in shown


def test_the_policy_lets_in_one_stylesheet_and_nothing_else() -> None:
    page = render(report(finding("Something.")))
    metas = Document(page).all("meta")
    policies = [each["content"] for each in metas if "http-equiv" in each]
    assert policies == [POLICY]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; "
        r"form-action 'none'",
        POLICY,
    )
    assert f"<style>{STYLE}</style>" in page
    assert "url(" not in STYLE
    assert "@import" not in STYLE


@pytest.mark.parametrize("cell", ["\x00\x1b[31mred", "\u202egnp", "a\u2028b", "\b\b"])
def test_nothing_invisible_reaches_the_page(cell: str) -> None:
    page = render(report(finding(cell, impact=cell)))
    page.encode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", page)


def test_a_megabyte_is_cut() -> None:
    page = render(everything("x" * 1_000_000), show_all=True)
    assert len(page) < 200_000


def test_what_the_page_is_made_of_is_small() -> None:
    assert len(render(report()).encode()) < 30_000


def test_it_is_the_same_page_every_time() -> None:
    assert render(REPORTS["by a model"]) == render(REPORTS["by a model"])


def test_an_element_escapes_text_and_attributes_and_keeps_what_is_markup() -> None:
    made = element("p", "a < b", element("b", '"'), None, class_='x"y', aria_label=None, open="")
    assert made == '<p class="x&quot;y" open>a &lt; b<b>&quot;</b></p>'
    assert text(Markup("<i>")) == "<i>"


@pytest.mark.parametrize(
    ("given", "shown"), [(" a ", " a "), ("a\n b", "a b"), (" ", " "), ("", ""), ("\t", " ")]
)
def test_text_is_on_one_line_and_keeps_its_distance(given: str, shown: str) -> None:
    assert text(given) == shown


def colours(scheme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{([^}]*)\}", STYLE)
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", blocks[scheme == "dark"]))


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """*Source*: WCAG 2.2, definition of the contrast ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_and_every_bar_be_seen(scheme: str) -> None:
    palette = colours(scheme)
    for name in ("ink", "muted", "link", "good", "critical", "high", "medium", "low", "info"):
        for ground in ("page", "surface"):
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
    for name in ("critical", "high", "medium", "low", "info", "link"):
        assert contrast(palette[name], palette["track"]) >= 3.0, name


def test_both_schemes_name_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()
    assert set(re.findall(r"var\(--([a-z]+)\)", STYLE)) <= colours("light").keys()


def test_the_time_of_each_specialist_is_drawn() -> None:
    seed = report(finding("Something."))
    run = Run(**{**seed.run.model_dump(), "member_seconds": {"data_quality": 2.0, "security": 0.5}})
    shown = words(render(seed.model_copy(update={"run": run})))
    assert "security 0.5 s" in shown


def test_a_claim_without_a_source_among_the_findings_is_still_escaped() -> None:
    page = render(report_by_model(narrative=(Claim(text="So.", cites=("<b>nowhere</b>",)),)))
    assert "&lt;b&gt;nowhere&lt;/b&gt;" in page
    assert "<b>" not in page
