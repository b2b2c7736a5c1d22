"""Synthesis: from the findings of a panel to what follows from all of them together.

*Guarantees*: pure and deterministic; the order in which findings arrive changes nothing; any number
of findings, of any role and category, gives a synthesis. Every finding stays in it, with all of its
evidence.

*Not here*: how a report is shown, and how much of it; see `agents.reports`.
"""

from collections.abc import Sequence

from agents.domain.finding import Finding
from agents.domain.report import Missing, Synthesis
from agents.domain.synthesis.conflicts import find_conflicts
from agents.domain.synthesis.dependencies import find_dependencies
from agents.domain.synthesis.opportunities import find_opportunities
from agents.domain.synthesis.ranking import TOP_FINDINGS, ranked, weighty
from agents.domain.synthesis.recommendations import recommend
from agents.domain.synthesis.summary import summarise
from agents.domain.synthesis.themes import find_themes
from agents.domain.task import PinnedDataset, Route

__all__ = ["TOP_FINDINGS", "synthesise"]


def synthesise(
    question: str,
    route: Route,
    datasets: Sequence[PinnedDataset],
    findings: Sequence[Finding],
    missing: Sequence[Missing],
) -> Synthesis:
    """What follows from `findings`: 0..n, of any specialists, in any order.

    `missing` are the members of the panel that gave none because they could not.
    """
    merged = ranked(findings, datasets)
    weighing = weighty(merged, datasets)
    order = find_dependencies(merged, weighing)
    actions = recommend(merged, order, route)
    absent = sorted(missing, key=lambda each: (each.role, each.reason))
    return Synthesis(
        executive_summary=summarise(question, datasets, merged, actions, absent),
        findings=merged,
        themes=find_themes(merged),
        conflicts=find_conflicts(merged, weighing),
        dependencies=order,
        opportunities=find_opportunities(merged, order),
        recommendations=actions,
    )
