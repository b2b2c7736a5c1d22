"""Conflicts are put to both sides, and their positions settle them."""

import itertools

import pytest

from agents.domain.dispute import Dispute, Position, Stance, position_by_rule, resolution
from agents.domain.finding import Evidence, Finding, Severity, Subject
from agents.domain.report import Conflict
from agents.domain.rounds import dispute_id, disputes_by_role, settled

PROPOSAL = "Mask the values after they are merged."


def finding(role: str, severity: Severity = "high") -> Finding:
    return Finding(
        role=role,
        title=f"What {role} found.",
        severity=severity,
        category="something",
        subject=Subject(table="data", column="name"),
        evidence=(Evidence(metric="m", value=1),),
        recommendation="Do something.",
    )


QUALITY, SECURITY = finding("data_quality"), finding("security", "critical")
CONFLICT = Conflict(between=(SECURITY.id, QUALITY.id), issue="They differ.", resolution=PROPOSAL)
FINDINGS = (SECURITY, QUALITY)
ROLES = ("data_quality", "security")


def position(role: str, stance: Stance, text: str = "Because.") -> Position:
    return Position(dispute_id=dispute_id(CONFLICT), role=role, stance=stance, text=text)


def test_each_side_is_asked_about_its_own_finding() -> None:
    asked = disputes_by_role([CONFLICT], FINDINGS, ROLES, [])
    assert {role: disputes[0].own.role for role, disputes in asked.items()} == {
        "security": "security",
        "data_quality": "data_quality",
    }
    assert asked["security"][0].id == asked["data_quality"][0].id
    assert asked["security"][0].proposal == PROPOSAL


def test_a_conflict_of_a_role_with_itself_or_with_a_missing_one_is_put_to_nobody() -> None:
    assert disputes_by_role([CONFLICT], FINDINGS, ["security"], []) == {}
    alone = (finding("security"), finding("security").model_copy(update={"id": "other"}))
    own = CONFLICT.model_copy(update={"between": (alone[0].id, "other")})
    assert disputes_by_role([own], alone, ROLES, []) == {}


def test_only_what_both_insist_on_is_asked_again_and_each_hears_the_other() -> None:
    both = [position("security", "insists", "Law."), position("data_quality", "insists", "Keys.")]
    again = disputes_by_role([CONFLICT], FINDINGS, ROLES, both)
    assert again["security"][0].said == "Keys."
    assert again["data_quality"][0].said == "Law."
    one = [position("security", "insists"), position("data_quality", "accepts")]
    assert disputes_by_role([CONFLICT], FINDINGS, ROLES, one) == {}


@pytest.mark.parametrize(
    ("stances", "begins", "agreed"),
    [
        (("accepts", "accepts"), PROPOSAL, True),
        (("accepts", "yields"), PROPOSAL, True),
        (("accepts", "insists"), "Security goes first", True),
        (("insists", "insists"), "Not settled", False),
    ],
)
def test_positions_make_the_resolution_whatever_their_order(
    stances: tuple[Stance, Stance], begins: str, agreed: bool
) -> None:
    taken = [position("data_quality", stances[0]), position("security", stances[1])]
    results = {resolution(PROPOSAL, order) for order in itertools.permutations(taken)}
    assert len(results) == 1
    text, is_agreed = results.pop()
    assert text.startswith(begins)
    assert PROPOSAL in text
    assert is_agreed is agreed


def test_the_last_position_of_a_role_is_the_one_that_counts() -> None:
    positions = [
        position("security", "insists"),
        position("data_quality", "insists"),
        position("security", "insists"),
        position("data_quality", "yields"),
    ]
    (conflict,) = settled([CONFLICT], positions)
    assert conflict.is_settled
    assert [each.stance for each in conflict.positions] == ["yields", "insists"]


def test_a_conflict_that_nobody_was_asked_about_stays_as_it_is() -> None:
    assert settled([CONFLICT], []) == (CONFLICT,)


@pytest.mark.parametrize(
    ("own", "other", "stance"),
    [
        ("critical", "high", "insists"),
        ("high", "critical", "yields"),
        ("high", "medium", "accepts"),
        ("critical", "critical", "accepts"),
    ],
)
def test_without_a_model_the_weight_of_the_findings_decides(
    own: Severity, other: Severity, stance: Stance
) -> None:
    dispute = Dispute(
        id="d",
        issue="i",
        proposal=PROPOSAL,
        own=finding("security", own),
        other=finding("data_quality", other),
    )
    taken = position_by_rule(dispute, "security")
    assert taken.stance == stance
    assert taken.cites == (dispute.own.id,)
