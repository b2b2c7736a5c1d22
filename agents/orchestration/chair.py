"""The chair of the panel: a model reads what all specialists found and adds what connects it.

*Guarantees*: what follows by rule stays as it is; what the model adds is marked as its own, cites
findings that exist, and what does not is dropped and counted. Without an answer the synthesis is
the one by rule, and says why.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from pydantic import BaseModel, Field

from agents.caching.response_cache import cache_key
from agents.domain.cache_key import dataset_tag
from agents.domain.claim import MAX_CLAIM, Claim, Grounds, upheld
from agents.domain.finding import Level
from agents.domain.report import Opportunity, Recommendation, Synthesis, Theme
from agents.domain.task import AnalysisPlanned, TaskCompleted
from agents.examination.consultation import Statement, background
from agents.model import Brief
from agents.reasoning import material
from agents.reasoning.fallback import Question
from agents.reasoning.reasoning import Asker, Reasoning

MOST_STATEMENTS: Final = 6
"""Statements of the narrative that are kept."""
MOST: Final = 3
"""Themes, opportunities or recommendations that are kept of what the model adds."""

B = TypeVar("B", "Insight", "Proposal")


class Insight(BaseModel):
    """Something that several findings have in common, or make possible together."""

    title: str = Field(description="A few words.")
    explanation: str = Field(description="One or two plain sentences.")
    cites: list[str] = Field(description="Ids of the findings, as given.")

    @property
    def words(self) -> str:
        """What is held to the findings it cites."""
        return f"{self.title}. {self.explanation}"

    @property
    def is_short(self) -> bool:
        """Always, if its words are."""
        return True


class Proposal(BaseModel):
    """A piece of work that somebody could start tomorrow."""

    action: str = Field(description="What to do, in one sentence.")
    cites: list[str] = Field(description="Ids of the findings it deals with, as given.")
    impact: Level
    effort: Level
    guidance: str = Field(description="How to go about it, in one or two sentences.")
    success_metric: str = Field(description="By what to tell that it is done.")
    monitoring: str = Field(description="What to watch afterwards.")

    @property
    def words(self) -> str:
        """What is held to the findings it cites; a metric may name a target of its own."""
        return f"{self.action} {self.guidance}"

    @property
    def is_short(self) -> bool:
        """Whether its metrics are as short as a claim; its words are held to that like a claim."""
        return max(len(self.success_metric), len(self.monitoring)) <= MAX_CLAIM


class Integration(BaseModel):
    """What the chair adds to what follows by rule."""

    narrative: list[Statement] = Field(
        description="0 to 5 statements for the reader of the report, the weightiest first."
    )
    themes: list[Insight] = Field(description="0 to 3 common causes not given yet.")
    opportunities: list[Insight] = Field(description="0 to 3, not given yet.")
    recommendations: list[Proposal] = Field(description="0 to 3, not given yet.")


async def integrated(
    reasoning: Reasoning,
    synthesis: Synthesis,
    *,
    plan: AnalysisPlanned,
    results: Mapping[str, TaskCompleted],
    asker: Asker,
) -> Synthesis:
    """`synthesis` with what the model adds to it."""
    prompt = reasoning.prompts.synthesis(plan.route.kind, characteristics=plan.characteristics)
    full = material.of_panel(plan.question, plan.datasets, synthesis, results)
    question = Question(
        full=Brief(
            system=prompt.text,
            material=full,
            answer=Integration,
            max_exchanges=2,
            max_output_tokens=3_000,
        ),
        simplified=Brief(
            system=prompt.text,
            material=material.of_panel(
                plan.question, plan.datasets, synthesis, {}, most=material.FEW
            ),
            answer=Integration,
            max_exchanges=2,
            max_output_tokens=1_000,
        ),
        purpose="synthesise",
        simplified_purpose="synthesise_simplified",
        kept_as=cache_key(
            "integration",
            reasoning.model_name,
            plan.question,
            plan.route.kind,
            [[dataset.name, dataset.version] for dataset in plan.datasets],
            [assignment.role for assignment in plan.assignments],
            asker.principal.subject,
            " ".join(sorted(asker.principal.scopes)),
        ),
        tags=tuple(dataset_tag(dataset.version) for dataset in plan.datasets),
    )
    outcome, purse = await reasoning.ask(question, prompt=prompt, asker=asker)
    added = _Added(synthesis, plan, results)
    if outcome.answer is not None:
        added.take(outcome.answer)
    return synthesis.model_copy(
        update={
            "model": None if outcome.answer is None else reasoning.model_name,
            "usage": purse.used,
            "fallback_level": outcome.level,
            "fallbacks": outcome.fallbacks,
            "dropped_claims": added.dropped,
            "narrative": added.narrative,
            "themes": (*synthesis.themes, *added.themes),
            "opportunities": (*synthesis.opportunities, *added.opportunities),
            "recommendations": (*synthesis.recommendations, *added.recommendations),
        }
    )


class _Added:
    """What stands of a model's answer."""

    def __init__(
        self, synthesis: Synthesis, plan: AnalysisPlanned, results: Mapping[str, TaskCompleted]
    ) -> None:
        self.narrative: tuple[Claim, ...] = ()
        self.themes: tuple[Theme, ...] = ()
        self.opportunities: tuple[Opportunity, ...] = ()
        self.recommendations: tuple[Recommendation, ...] = ()
        self.dropped = 0
        self._ranks = len(synthesis.recommendations)
        self._roles = {finding.id: finding.role for finding in synthesis.findings}
        self._grounds = Grounds(background(plan.question, plan.datasets, plan.characteristics))
        self._grounds.add_findings(synthesis.findings)
        for result in results.values():
            self._grounds.add_findings(result.findings)
            for measurement in result.measurements:
                self._grounds.add_text(measurement.id, measurement.result)

    def take(self, answer: Integration) -> None:
        """Keep what cites what exists."""
        said = [Claim(text=each.text.strip(), cites=tuple(each.cites)) for each in answer.narrative]
        self.narrative, fallen = upheld(self._grounds, [(claim, claim) for claim in said])
        self.narrative = self.narrative[:MOST_STATEMENTS]
        self.dropped += sum(fallen.values())
        self.themes = tuple(
            Theme(
                title=each.title,
                explanation=each.explanation,
                finding_ids=finding_ids,
                origin="model",
            )
            for each, finding_ids in self._standing(answer.themes)
        )
        self.opportunities = tuple(
            Opportunity(
                title=each.title,
                explanation=each.explanation,
                finding_ids=finding_ids,
                origin="model",
            )
            for each, finding_ids in self._standing(answer.opportunities)
        )
        self.recommendations = tuple(
            Recommendation(
                rank=rank,
                action=each.action,
                finding_ids=finding_ids,
                impact=each.impact,
                effort=each.effort,
                owner_role=self._roles[finding_ids[0]],
                guidance=each.guidance,
                success_metric=each.success_metric,
                monitoring=each.monitoring,
                origin="model",
            )
            for rank, (each, finding_ids) in enumerate(
                self._standing(answer.recommendations), start=self._ranks + 1
            )
        )

    def _standing(self, said: Sequence[B]) -> Sequence[tuple[B, tuple[str, ...]]]:
        """Up to `MOST` of what stands, with the findings that it cites; the rest is counted."""
        standing: list[tuple[B, tuple[str, ...]]] = []
        for each in said:
            finding_ids = self._findings(each.cites)
            claim = Claim(text=each.words, cites=tuple(each.cites))
            if each.is_short and self._grounds.flaw(claim) is None and finding_ids:
                standing.append((each, finding_ids))
            else:
                self.dropped += 1
        return standing[:MOST]

    def _findings(self, cites: Sequence[str]) -> tuple[str, ...]:
        """The findings among what is cited, each once; evidence stands for its finding."""
        ids = (id if id in self._roles else id.rpartition(".")[0] for id in cites)
        return tuple(dict.fromkeys(id for id in ids if id in self._roles))
