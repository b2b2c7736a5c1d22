"""After the gather: both sides of conflicts are asked, a model may take the chair, all is recorded.

*Guarantees*: a synthesis that others were asked for is recorded, first writer wins, before anything
is told, so that nobody is asked or paid twice. Further rounds are bounded in number and in time,
and go over the bus like the first. Without a model, or without its answer, the synthesis is the one
by rule.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from agents.domain.composition import missing_roles
from agents.domain.dispute import MAX_ROUNDS, Dispute, Position
from agents.domain.gather import Gather
from agents.domain.identity import round_key, synthesis_key
from agents.domain.report import Synthesis
from agents.domain.request import AnalysisRequested, GatherPolicy
from agents.domain.role import ORCHESTRATOR
from agents.domain.rounds import disputes_by_role, settled
from agents.domain.synthesis import synthesise
from agents.domain.task import AnalysisPlanned, Assignment
from agents.domain.usage import SYNTHESIS_SHARE, Usage
from agents.orchestration.chair import integrated
from agents.reasoning.reasoning import Asker, Reasoning
from bus import AgentMessage, MessageBus, Principal, Recorded

ROUND_TIME: Final = 45.0
"""Seconds that a further round may take, if the deadline leaves as much."""
ROUND_SHARE: Final = 0.4
"""Of the time that is left, the part that a further round may take."""
LEAST_TIME: Final = 2.0
"""Seconds below which nobody is asked any more."""
ABSENT_TIMEOUT: Final = 5.0
"""Seconds for which a further round waits for a role that nobody serves any more."""

GatherRound: TypeAlias = Callable[
    [AnalysisPlanned, bytes, GatherPolicy, datetime], Awaitable[Gather]
]
"""Has the assignments of a plan done until the deadline; `bytes` are the plan as recorded."""

_log = structlog.get_logger(__name__)


class Deliberation:
    """Turns what a gather brought into a synthesis."""

    def __init__(self, *, bus: MessageBus, reasoning: Reasoning | None) -> None:
        self._bus = bus
        self._reasoning = reasoning

    async def synthesis(
        self,
        message: AgentMessage[AnalysisRequested],
        plan: AnalysisPlanned,
        gather: Gather,
        *,
        principal: Principal,
        deadline: datetime,
        gather_round: GatherRound,
    ) -> Synthesis:
        """The synthesis of the request as it is recorded, made if nobody has made it yet."""
        by_rule = synthesis_by_rule(plan, gather)
        if gather.status == "cancelled" or not (self._reasoning or by_rule.conflicts):
            return by_rule  # what costs nothing to make again is recorded with the report
        key = synthesis_key(plan.request_id)
        recorded = (await self._bus.ledger.look_up([key])).get(key)
        if isinstance(recorded, Recorded):
            return Synthesis.model_validate_json(recorded.value)
        made, spent = await self._after_rounds(by_rule, plan, gather, deadline, gather_round)
        if self._reasoning is not None and made.findings:
            asker = Asker(
                role=ORCHESTRATOR,
                message=message,
                principal=principal,
                deadline=deadline,
                budget=message.content.budget.part(SYNTHESIS_SHARE),
                account=synthesis_key(plan.request_id),
                is_fresh=plan.fresh,
            )
            made = await integrated(
                self._reasoning, made, plan=plan, results=gather.results, asker=asker
            )
        made = made.model_copy(update={"round_usage": spent})
        kept = await self._bus.ledger.record(key, made.model_dump_json().encode())
        return Synthesis.model_validate_json(kept)

    async def _after_rounds(
        self,
        by_rule: Synthesis,
        plan: AnalysisPlanned,
        gather: Gather,
        deadline: datetime,
        gather_round: GatherRound,
    ) -> tuple[Synthesis, dict[str, Usage]]:
        """The synthesis with its conflicts as the two sides settle them, and what that took."""
        positions: list[Position] = []
        spent: dict[str, Usage] = {}
        charged: dict[str, Usage] = {}
        for number in range(1, MAX_ROUNDS + 1):
            disputes = disputes_by_role(
                by_rule.conflicts, by_rule.findings, gather.results, positions
            )
            now = self._bus.clock.now()
            time = min(ROUND_TIME, ROUND_SHARE * (deadline - now).total_seconds())
            if not disputes or time < LEAST_TIME:
                break
            assignments = tuple(
                _further(
                    assignment,
                    disputes[assignment.role],
                    gather.results[assignment.role].charged + charged.get(assignment.role, Usage()),
                )
                for assignment in plan.assignments
                if assignment.role in disputes
            )
            asked = plan.model_copy(update={"assignments": assignments})
            kept = await self._bus.ledger.record(
                round_key(plan.request_id, number), asked.model_dump_json().encode()
            )
            policy = GatherPolicy(quorum=0, task_timeout=time, absent_timeout=ABSENT_TIMEOUT)
            answered = await gather_round(
                AnalysisPlanned.model_validate_json(kept),
                kept,
                policy,
                now + timedelta(seconds=time),
            )
            for role, result in answered.results.items():
                positions += result.positions
                spent[role] = spent.get(role, Usage()) + result.usage
                charged[role] = charged.get(role, Usage()) + result.charged
            if answered.missing or answered.status == "cancelled":
                _log.info("agents.round.incomplete", number=number, missing=dict(answered.missing))
                break
        conflicts = settled(by_rule.conflicts, positions)
        return by_rule.model_copy(update={"conflicts": conflicts}), spent


def synthesis_by_rule(plan: AnalysisPlanned, gather: Gather) -> Synthesis:
    """What follows from the results of a gather without asking anybody."""
    return synthesise(
        question=plan.question,
        route=plan.route,
        datasets=plan.datasets,
        findings=[finding for result in gather.results.values() for finding in result.findings],
        missing=missing_roles(plan, gather),
    )


def _further(assignment: Assignment, disputes: tuple[Dispute, ...], charged: Usage) -> Assignment:
    """The role's assignment for a further round, with what is left of its budget."""
    return assignment.model_copy(
        update={
            "questions": (),
            "tools": (),
            "disputes": disputes,
            "budget": assignment.budget.less(charged),
        }
    )
