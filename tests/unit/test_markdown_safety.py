"""The Markdown as a renderer makes HTML of it: hostile text is text, and a comment holds it."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agents.domain.finding import Evidence
from agents.domain.report import ReportPublished
from agents.reports.fitting import MOST
from agents.reports.markdown import as_html, escaped, render
from tests.support.reported import drawn_report, everything, finding, many, report

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TAGS = (
    "h1 h2 p strong em code pre ul ol li br blockquote table thead tbody tr th td details summary"
)
VERBATIM = {"code", "pre"}
SPELLS = (
    "@octocat @org/team ann@example.org",
    "fixes #12, closes o/r#12, resolves GH-12 and gh-7",
    ":tada: :+1: :100: :e-mail:",
    "http://evil.example https://evil.example www.evil.example ftp://x",
    "[l](http://evil.example) ![i](x) <http://evil.example> [r][1] [^1] [[wiki]]",
    "| a | b |\n|---|---|\n# h\n> q\n- [ ] task\n1. one\n---\n===",
    "`a` ``b`` ```\ncode\n``` ~~~ $x$ $$y$$ ~~s~~ **b** __b__ *i* _i_",
    "<b>x</b> <img src=x onerror=y> </summary></details> <!-- --> &lt; &#64;octocat \\@octocat",
)
FORBIDDEN = re.compile(r"(?i)@\w|#\d|\bGH-\d|://|\bwww\.|:(?:[\d_]*[a-z+-][\w+-]*|100|1234):")


class Seen(HTMLParser):
    """The elements of a document in order, and its text but for what stands as code."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self._verbatim = 0
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not attrs or (tag == "code" and attrs == [("class", "language-sql")]), attrs
        self._verbatim += tag in VERBATIM

    def handle_endtag(self, tag: str) -> None:
        self._verbatim -= tag in VERBATIM

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        if not self._verbatim:
            self.text += data


def seen(shown: ReportPublished) -> Seen:
    return Seen(GITHUB.render(render(shown, show_all=True)))


@pytest.mark.parametrize("text", SPELLS)
def test_nothing_is_summoned_linked_or_built(text: str) -> None:
    for shown in (everything(text), drawn_report(text)):
        document = seen(shown)
        assert set(document.tags) <= set(TAGS.split())
        assert not FORBIDDEN.search(document.text)


def test_what_is_looked_for_would_be_found() -> None:
    for text in SPELLS[:4]:
        assert FORBIDDEN.search(text)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab1 \n\\`*_{}[]()<>#+-=.!|~$&@:'\"/", min_size=1, max_size=40))
def test_any_text_leaves_the_document_as_it_is_built(text: str) -> None:
    def built(word: str) -> list[str]:
        return seen(report(finding(f"x{word}x", impact=f"x{word}x"), question=f"x{word}x")).tags

    assert built(text) == built("word")


@given(st.text(alphabet="ab1 \\`*_{}[]()<>#+-=.!|~$&@:'\"/", min_size=1, max_size=40))
def test_any_text_is_shown_with_just_its_characters(text: str) -> None:
    line = " ".join(text.split())
    expected = f"x {line} x"
    for made in (GITHUB.render(f"x {escaped(text)} x"), f"<p>x {as_html(text)} x</p>"):
        assert Seen(made).text.strip().replace("\u200b", "") == expected


def large(number: int, **changes: object) -> ReportPublished:
    statement = "SELECT " + ", ".join(f"column_{place}" for place in range(300))
    findings = (
        finding(
            f"Finding number {place}.",
            key=str(place),
            evidence=[
                Evidence(metric=f"m{each}", value=each, sql=f"{statement} -- {each}")
                for each in range(5)
            ],
            **changes,
        )
        for place in range(number)
    )
    return report(*findings)


def test_a_long_report_fits_into_a_comment_and_says_what_it_lacks() -> None:
    shown = large(10)
    whole, short = render(shown, show_all=True), render(shown)
    assert len(whole) > MOST >= len(short)
    assert "Shortened to fit into a comment" not in whole
    lead = short[: short.index("## What to do first")]
    (said,) = re.findall(r"comment: (\d) parts without SQL, 0 left out\. All of it: `(.*)`", lead)
    assert said[1] == f"convener report {shown.request_id} --all"
    lacking = [part for part in short.split("<details>")[1:] if "```sql\nSELECT" not in part]
    assert len(lacking) == int(said[0]) > 0
    assert "CREATE VIEW flights" in short
    for place in range(10):
        assert f"Finding number {place}." in short


def test_what_is_said_first_stays_whatever_has_to_go() -> None:
    short = render(large(10, impact="y" * 1_500, recommendation="z" * 1_500))
    assert len(short) <= MOST
    for heading in ("## What to do first", "## Findings", "## About this report"):
        assert heading in short


def test_a_report_that_fits_is_not_shortened() -> None:
    assert "Shortened" not in render(report(*many(12)))


def test_what_is_drawn_is_told_in_a_line_and_in_words() -> None:
    text = render(drawn_report())
    assert "`▁▁▁▁▁▁██████` By month, 2025-01-01 to 2025-12-01: from 1.0 % (2025-01-01)" in text
    assert "median 10; highest of the others 42; 1 row apart 1,048" in text
    assert "UA 60.0 %; B6 15.0 %; the other 3 25.0 %" in text
