"""A specialist consults its model: about what was measured, or about a conflict.

*Guarantees*: what the model says is held to what it cites, and what does not stand is dropped and
counted. Whatever the model or its provider does, the specialist's findings stand, and the outcome
says at which level it was had.

*Not here*: the levels, what the model reads, the call itself; they are in `agents.reasoning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from agents.caching.response_cache import cache_key
from agents.domain.cache_key import dataset_tag
from agents.domain.claim import Claim, Grounds, Measurement, upheld
from agents.domain.dispute import Dispute, Position, Stance, position_by_rule
from agents.domain.finding import Finding
from agents.domain.request import Characteristics
from agents.domain.task import Fallback, FallbackLevel, PinnedDataset, TaskAssigned
from agents.domain.usage import Usage
from agents.examination.toolbox import Toolbox
from agents.model import Brief
from agents.reasoning import material
from agents.reasoning.fallback import Outcome, Question
from agents.reasoning.prompt import Prompt
from agents.reasoning.purse import Purse
from agents.reasoning.reasoning import Asker, Reasoning
from agents.specialist import Specialist
from bus import AgentMessage, Principal

A = TypeVar("A", bound=BaseModel)

MAX_CLAIMS: Final = 12
"""Statements of one specialist that are kept."""
SHOWN_RESULT: Final = 600
"""Characters of a measurement that go into the report."""

_MEASUREMENTS: Final = TypeAdapter(tuple[Measurement, ...])


class Statement(BaseModel):
    """One statement about the data."""

    text: str = Field(description="One or two plain sentences.")
    cites: list[str] = Field(description="Ids of findings, evidence or measurements, as given.")


class Assessment(BaseModel):
    """What the specialist says about the measurements."""

    claims: list[Statement] = Field(description="0 to 8 statements, the weightiest first.")


class Answer(BaseModel):
    """The answer to one conflict."""

    dispute: str = Field(description="The id of the conflict.")
    stance: Literal["accepts", "yields", "insists"]
    text: str = Field(description="The reason, in one or two sentences.")
    cites: list[str] = Field(description="Ids of findings or evidence, as given.")


class Answers(BaseModel):
    """The answers to all conflicts."""

    answers: list[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What came of a consultation; `model` is None where no model had a say."""

    model: str | None
    level: FallbackLevel
    fallbacks: tuple[Fallback, ...]
    usage: Usage
    charged: Usage
    claims: tuple[Claim, ...] = ()
    dropped: int = 0
    measurements: tuple[Measurement, ...] = ()
    positions: tuple[Position, ...] = ()


class Consultation:
    """One task of one specialist, and the model that is at hand."""

    def __init__(
        self,
        *,
        reasoning: Reasoning,
        specialist: Specialist,
        message: AgentMessage[TaskAssigned],
        principal: Principal,
        deadline: datetime,
    ) -> None:
        self._reasoning = reasoning
        self._specialist = specialist
        self._message = message
        self._task = message.content
        self._principal = principal
        self._deadline = deadline

    async def explain(
        self, findings: Sequence[Finding], notes: Sequence[str], toolbox: Toolbox
    ) -> Opinion:
        """What the model says about `findings`, after looking up what it wants to know."""
        task, role = self._task, self._specialist.role
        prompt = self._reasoning.prompts.examination(
            role,
            task.route.kind,
            title=self._specialist.title,
            characteristics=task.characteristics,
            addition=self._specialist.prompt,
        )
        question = Question(
            full=Brief(
                system=prompt.text,
                material=material.of_task(task, findings, notes),
                answer=Assessment,
                tools=toolbox.offered(),
                refuse=toolbox.refuse,
            ),
            simplified=Brief(
                system=prompt.text,
                material=material.of_task(task, findings, (), most=material.FEW),
                answer=Assessment,
                max_exchanges=2,
                max_output_tokens=800,
            ),
            purpose="examine",
            simplified_purpose="examine_simplified",
            kept_as=cache_key(
                "assessment",
                role,
                self._reasoning.model_name,
                task.question,
                task.route.kind,
                [[dataset.name, dataset.version] for dataset in task.datasets],
                self._principal.subject,
                " ".join(sorted(self._principal.scopes)),
            ),
            tags=tuple(dataset_tag(dataset.version) for dataset in task.datasets),
            aside=lambda: _MEASUREMENTS.dump_python(
                tuple(toolbox.measurements.values()), mode="json"
            ),
        )
        outcome, purse = await self._ask(question, prompt)
        known = {**_kept_measurements(outcome.aside), **toolbox.measurements}
        grounds = Grounds(background(task.question, task.datasets, task.characteristics))
        grounds.add_findings(findings)
        for measurement in known.values():
            grounds.add_text(measurement.id, measurement.result)
        said = outcome.answer.claims if outcome.answer is not None else []
        claims = [Claim(text=each.text.strip(), cites=tuple(each.cites)) for each in said]
        kept, fallen = upheld(grounds, [(claim, claim) for claim in claims])
        cited = {id for claim in kept for id in claim.cites}
        return Opinion(
            model=None if outcome.answer is None else self._reasoning.model_name,
            level=outcome.level,
            fallbacks=outcome.fallbacks,
            usage=purse.used,
            charged=purse.charged,
            claims=kept[:MAX_CLAIMS],
            dropped=sum(fallen.values()),
            measurements=tuple(
                measurement.model_copy(update={"result": measurement.result[:SHOWN_RESULT]})
                for id, measurement in sorted(known.items())
                if id in cited
            ),
        )

    async def settle(self, disputes: Sequence[Dispute]) -> Opinion:
        """The positions on `disputes`: the model's where they stand, else those by rule."""
        prompt = self._reasoning.prompts.dispute(title=self._specialist.title)
        text = material.of_disputes(disputes)
        brief = Brief(system=prompt.text, material=text, answer=Answers, max_exchanges=2)
        question = Question(
            full=brief,
            simplified=brief,
            purpose="settle",
            simplified_purpose="settle",
            kept_as=cache_key("positions", self._specialist.role, self._reasoning.model_name, text),
        )
        outcome, purse = await self._ask(question, prompt)
        given = outcome.answer.answers if outcome.answer is not None else []
        by_dispute = {answer.dispute: answer for answer in given}
        positions: list[Position] = []
        dropped = 0
        for dispute in disputes:
            position = self._position(dispute, by_dispute.get(dispute.id))
            if position is None:
                dropped += dispute.id in by_dispute
                position = position_by_rule(dispute, self._specialist.role)
            positions.append(position)
        return Opinion(
            model=None if outcome.answer is None else self._reasoning.model_name,
            level=outcome.level,
            fallbacks=outcome.fallbacks,
            usage=purse.used,
            charged=purse.charged,
            dropped=dropped,
            positions=tuple(positions),
        )

    def _position(self, dispute: Dispute, answer: Answer | None) -> Position | None:
        """The model's position, if its reason stands."""
        if answer is None:
            return None
        grounds = Grounds(f"{dispute.issue} {dispute.proposal}")
        grounds.add_findings([dispute.own, dispute.other])
        claim = Claim(text=answer.text.strip(), cites=tuple(answer.cites))
        if grounds.flaw(claim) is not None:
            return None
        stance: Stance = answer.stance
        return Position(
            dispute_id=dispute.id,
            role=self._specialist.role,
            stance=stance,
            text=claim.text,
            cites=claim.cites,
        )

    async def _ask(self, question: Question[A], prompt: Prompt) -> tuple[Outcome[A], Purse]:
        asker = Asker(
            role=self._specialist.role,
            message=self._message,
            principal=self._principal,
            deadline=self._deadline,
            budget=self._task.budget,
            account=self._task.task_id,
            task_id=self._task.task_id,
            is_fresh=self._task.fresh,
        )
        return await self._reasoning.ask(question, prompt=prompt, asker=asker)


def background(question: str, datasets: Sequence[PinnedDataset], stated: Characteristics) -> str:
    """What may be said without a citation: the question, and how large the data is."""
    sizes = [f"{dataset.rows} {len(dataset.columns)} {dataset.size_bytes}" for dataset in datasets]
    return " ".join([question, *sizes, stated.model_dump_json(exclude_none=True)])


def _kept_measurements(aside: JsonValue) -> dict[str, Measurement]:
    try:
        kept = _MEASUREMENTS.validate_python(aside or ())
    except ValidationError:
        return {}
    return {measurement.id: measurement for measurement in kept}
