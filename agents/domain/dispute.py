"""Disputes: two specialists whose advice conflicts are asked once more, and how that settles it.

*Guarantees*: pure; the order in which positions arrive changes nothing.

*Not here*: which findings conflict; that is `agents.domain.synthesis.conflicts`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from agents.domain.finding import Finding, Part, severity_rank

MAX_ROUNDS: Final = 2
"""How often the two sides of one conflict are asked."""

Stance: TypeAlias = Literal["insists", "accepts", "yields"]
"""On a proposal: it must not be followed; it may; the other side may have its way altogether."""


class Dispute(Part):
    """A conflict as it is put to one side of it.

    `own` and `other` are the two findings, `proposal` how both could be had. `said` is what the
    other side answered in the round before.
    """

    id: str
    issue: str
    proposal: str
    own: Finding
    other: Finding
    said: str = ""


class Position(Part):
    """What one side answers; `cites` are ids of findings, evidence or measurements."""

    dispute_id: str
    role: str
    stance: Stance
    text: str
    cites: tuple[str, ...] = ()


def position_by_rule(dispute: Dispute, role: str) -> Position:
    """What a specialist without a model answers, by the weight of the two findings.

    The weaker finding yields and the stronger one insists on being dealt with first only where it
    is critical; otherwise a proposal that keeps both is accepted.
    """
    own, other = _weight(dispute.own), _weight(dispute.other)
    stance: Stance = "accepts"
    if own > other and dispute.own.severity == "critical":
        stance = "insists"
    elif own < other and dispute.other.severity == "critical":
        stance = "yields"
    words = {
        "accepts": "Both can be had that way.",
        "insists": "This comes first, whatever the other side loses by it.",
        "yields": "The other finding weighs more; this one can wait for it.",
    }
    return Position(
        dispute_id=dispute.id,
        role=role,
        stance=stance,
        text=f"{dispute.own.title} {words[stance]}",
        cites=(dispute.own.id,),
    )


def is_settled(positions: Sequence[Position]) -> bool:
    """Whether the two positions on one dispute leave nothing to ask."""
    return sum(position.stance == "insists" for position in positions) < 2


def resolution(proposal: str, positions: Sequence[Position]) -> tuple[str, bool]:
    """How a dispute ends given its last positions, and whether the panel settled it."""
    stances: Mapping[Stance, list[str]] = {
        stance: sorted(each.role for each in positions if each.stance == stance)
        for stance in ("insists", "accepts", "yields")
    }
    if not positions:
        return proposal, False
    if len(stances["insists"]) > 1:
        both = " and ".join(_words(role) for role in stances["insists"])
        return f"Not settled: {both} both insist, so somebody has to decide. {proposal}", False
    if stances["insists"]:
        first = _words(stances["insists"][0])
        return f"{first.capitalize()} goes first, as it insists. {proposal}", True
    return proposal, True


def _words(role: str) -> str:
    return role.replace("_", " ")


def _weight(finding: Finding) -> tuple[int, float, int]:
    return -severity_rank(finding.severity), finding.confidence, finding.rows or 0
