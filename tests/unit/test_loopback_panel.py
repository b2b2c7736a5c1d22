"""The panel of the loopback provider says only what the findings support, in any form."""

import json

import pytest
from pydantic import BaseModel, Field

from agents.domain.claim import Claim, Grounds, upheld
from agents.domain.finding import Evidence, Finding, Subject
from agents.examination.consultation import Answer, Answers
from tests.support.openai_panel import disputed_in, filled, known_in


class Theme(BaseModel):
    title: str = Field(max_length=80)
    explanation: str
    cites: list[str] = Field(min_length=1)
    rank: int = Field(ge=1)


class Synthesis(BaseModel):
    narrative: list[Claim]
    themes: list[Theme] = Field(min_length=2)
    opportunities: list[Theme]
    notes: list[str] = Field(default_factory=list)
    closing: str | None = None


FINDINGS = [
    Finding(
        role="data_quality",
        title=f"{share}% of {column} is missing.",
        severity="high",
        category="missing",
        subject=Subject(table="trips", column=column),
        evidence=(Evidence(metric="share", value=share / 100),),
        recommendation="Ask where it went.",
    )
    for share, column in ((9.4, "delay"), (31.25, "tail"))
]


@pytest.mark.parametrize(
    "material",
    [
        json.dumps({"findings": [each.model_dump(mode="json") for each in FINDINGS]}),
        "Here is [what] we {know}:\n" + json.dumps([each.model_dump() for each in FINDINGS]),
    ],
)
def test_everything_that_the_panel_says_is_upheld(material):
    grounds = Grounds()
    grounds.add_findings(FINDINGS)
    value = filled(Synthesis.model_json_schema(), known_in(material))
    synthesis = Synthesis.model_validate(value)
    claims = list(synthesis.narrative)
    for theme in (*synthesis.themes, *synthesis.opportunities):
        claims += [
            Claim(text=text, cites=tuple(theme.cites)) for text in (theme.title, theme.explanation)
        ]
    assert len(claims) == 7
    assert len({cite for claim in claims for cite in claim.cites}) == 2
    kept, fallen = upheld(grounds, [(claim, claim) for claim in claims])
    assert fallen == {}
    assert len(kept) == len(claims)


def test_material_without_a_document_is_searched_for_ids():
    assert [each.id for each in known_in('cut off: {"id": "a-1", "x": {"id": "b-2"')] == [
        "a-1",
        "b-2",
    ]


def test_every_conflict_is_answered_with_the_finding_that_is_ours():
    own, other = FINDINGS
    conflicts = [
        {"dispute": f"d{number}", "your_finding": mine, "their_finding": theirs}
        for number, (mine, theirs) in enumerate(
            [(own.model_dump(mode="json"), other.model_dump(mode="json"))] * 2
        )
    ]
    text = f"<data>{json.dumps({'conflicts': conflicts})}</data>"
    answers = filled(Answers.model_json_schema(), disputed_in(text))
    assert Answers.model_validate(answers) == Answers(
        answers=[
            Answer(dispute=id, stance="accepts", text=own.title, cites=[own.id])
            for id in ("d0", "d1")
        ]
    )
