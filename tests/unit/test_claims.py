"""A claim stands only on what it cites."""

import pytest

from agents.domain.claim import MAX_CLAIM, Claim, Grounds, upheld
from agents.domain.finding import Evidence, Finding, Subject


def finding(**changes: object) -> Finding:
    fields = {
        "role": "data_quality",
        "title": "tailnum is missing in 2,512 rows (0.746 %).",
        "severity": "high",
        "category": "missing_values",
        "subject": Subject(table="data", column="tailnum"),
        "evidence": (
            Evidence(metric="rows without a tailnum", value=2512, threshold=0),
            Evidence(metric="share of rows without a tailnum", value=0.00746),
        ),
        "rows": 2512,
        "recommendation": "Look at the source of January 2013.",
    }
    return Finding.model_validate(fields | changes)


@pytest.fixture
def grounds() -> Grounds:
    grounds = Grounds("What happened in 2013? 336776 19")
    grounds.add_findings([finding()])
    grounds.add_text("profile-1", '{"mean": 12.6391, "largest": 1048.36}')
    return grounds


def claim(text: str, *cites: str) -> Claim:
    return Claim(text=text, cites=cites)


ID = finding().id


@pytest.mark.parametrize(
    "text",
    [
        "Rows lack a tail number.",
        "2,512 rows lack a tail number.",
        "2512 of 336,776 rows lack a tail number.",
        "About 2.5 thousand rows lack a tail number.",
        "0.7 % of the rows lack a tail number.",
        "0.75 percent of the rows lack one.",
        "Three or 12 columns are concerned in 2013.",
        "The aeroplane D942DN is in table2 and in Q3.",
    ],
)
def test_a_claim_whose_figures_are_in_what_it_cites_or_in_the_question_stands(
    grounds: Grounds, text: str
) -> None:
    assert grounds.flaw(claim(text, ID)) is None


@pytest.mark.parametrize(
    "text",
    [
        "2,513 rows lack a tail number.",
        "8 % of the rows lack a tail number.",
        "0.8 % of the rows lack a tail number.",
        "This costs 40000 per year.",
        "3.5 million rows lack a tail number.",
        "1048.36 rows lack a tail number.",
    ],
)
def test_a_figure_that_is_not_in_what_is_cited_brings_a_claim_down(
    grounds: Grounds, text: str
) -> None:
    assert grounds.flaw(claim(text, ID)) == "unsupported_figure"


def test_evidence_and_measurements_may_be_cited_by_their_own_ids(grounds: Grounds) -> None:
    assert grounds.flaw(claim("2,512 rows.", f"{ID}.1")) is None
    assert grounds.flaw(claim("The mean is 12.64, the largest 1,048.", "profile-1")) is None


def test_a_claim_without_a_citation_or_with_one_that_does_not_exist_falls(grounds: Grounds) -> None:
    assert grounds.flaw(claim("Rows lack a tail number.")) == "no_citation"
    assert grounds.flaw(claim("Rows lack one.", ID, "made-up")) == "unknown_citation"
    assert grounds.flaw(claim("x" * (MAX_CLAIM + 1), ID)) == "too_long"


def test_what_stands_keeps_its_order_and_the_rest_is_counted_by_flaw(grounds: Grounds) -> None:
    said = [claim("a", ID), claim("b"), claim("c", ID), claim("d 99", ID), claim("e")]
    kept, fallen = upheld(grounds, [(each, each.text) for each in said])
    assert kept == ("a", "c")
    assert fallen == {"no_citation": 2, "unsupported_figure": 1}
