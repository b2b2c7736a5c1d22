"""Further rounds: conflicts put to both sides, and what their positions make of them.

*Guarantees*: pure; each conflict is put to a role once per round, and to none that has no result or
stands on both sides itself.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from agents.domain.dispute import Dispute, Position, is_settled, resolution
from agents.domain.finding import Finding
from agents.domain.report import Conflict


def dispute_id(conflict: Conflict) -> str:
    """The name of a conflict in a round: the same for the same two findings."""
    return "dispute-" + blake2b("\x1f".join(conflict.between).encode(), digest_size=5).hexdigest()


def disputes_by_role(
    conflicts: Sequence[Conflict],
    findings: Sequence[Finding],
    roles: Collection[str],
    positions: Sequence[Position],
) -> dict[str, tuple[Dispute, ...]]:
    """What to put to which of `roles` about the conflicts that `positions` leave open."""
    by_id = {finding.id: finding for finding in findings}
    asked: dict[str, list[Dispute]] = {}
    for conflict in conflicts:
        name = dispute_id(conflict)
        taken = [position for position in positions if position.dispute_id == name]
        if taken and is_settled(taken):
            continue
        one, other = (by_id[id] for id in conflict.between)
        if one.role == other.role or not {one.role, other.role} <= set(roles):
            continue
        for own, theirs in ((one, other), (other, one)):
            said = next((each.text for each in taken if each.role == theirs.role), "")
            dispute = Dispute(
                id=name,
                issue=conflict.issue,
                proposal=conflict.resolution,
                own=own,
                other=theirs,
                said=said,
            )
            asked.setdefault(own.role, []).append(dispute)
    return {role: tuple(disputes) for role, disputes in asked.items()}


def settled(conflicts: Sequence[Conflict], positions: Sequence[Position]) -> tuple[Conflict, ...]:
    """The conflicts, each as the last `positions` on it settle it or leave it."""
    by_dispute: dict[str, dict[str, Position]] = {}
    for position in positions:
        by_dispute.setdefault(position.dispute_id, {})[position.role] = position
    return tuple(_settled(each, by_dispute.get(dispute_id(each), {})) for each in conflicts)


def _settled(conflict: Conflict, by_role: Mapping[str, Position]) -> Conflict:
    taken = tuple(by_role[role] for role in sorted(by_role))
    if not taken:
        return conflict
    text, is_agreed = resolution(conflict.resolution, taken)
    return conflict.model_copy(
        update={"positions": taken, "resolution": text, "is_settled": is_agreed}
    )
