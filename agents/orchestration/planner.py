"""The planner: pin the data, look at it, decide who examines what, and record that first.

*Guarantees*: of one request there is one plan, that of whoever recorded first; a second
orchestrator goes on with it. A request under a key that another request had is refused. No task is
given a tool whose circuit is known to be open.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from agents.calling.tool_gateway import Caller, ToolGateway
from agents.dataset import DatasetCatalog
from agents.domain.identity import message_id, plan_key, request_digest
from agents.domain.request import AnalysisRequested
from agents.domain.role import ORCHESTRATOR
from agents.domain.routing import Member, TimeColumn, assign, choose_route
from agents.domain.task import AnalysisPlanned, Assignment, PinnedDataset, RouteKind
from agents.domain.usage import Budget, shared_out
from agents.errors import ConflictingRequestError
from agents.specialist import Panel, Specialist
from agents.tools.pin_datasets import pin_datasets_of
from agents.tools.time_columns import time_columns
from bus import AgentMessage, MessageBus, Principal, Recorded

SOON: Final = 1.0
"""Seconds within which an open circuit will be probed by the time that a task needs its tool."""

_ROUTES: Final[tuple[RouteKind, ...]] = ("batch", "streaming")


class Planner:
    """Makes plans for the roles of `panel` and whatever other roles a request names."""

    def __init__(
        self, *, bus: MessageBus, catalog: DatasetCatalog, gateway: ToolGateway, panel: Panel
    ) -> None:
        self._bus = bus
        self._catalog = catalog
        self._gateway = gateway
        self._panel = tuple(panel)
        self._pin = pin_datasets_of(catalog)

    async def plan(
        self, message: AgentMessage[AnalysisRequested], principal: Principal, deadline: datetime
    ) -> tuple[AnalysisPlanned, bytes]:
        """The plan and its recorded bytes, announced.

        Raises:
            ConflictingRequestError: the request's key was used before for another request.
            DatasetError, ToolError: the data could not be pinned or looked at.
        """
        key = plan_key(message.conversation)
        recorded = (await self._bus.ledger.look_up([key])).get(key)
        if isinstance(recorded, Recorded):
            kept = recorded.value
        else:
            plan = await self._make(message, principal, deadline)
            kept = await self._bus.ledger.record(key, plan.model_dump_json().encode())
        plan = AnalysisPlanned.model_validate_json(kept)
        refuse_another(message, principal.subject, plan.request_digest)
        await self._bus.announce(
            plan,
            cause=message,
            sender=ORCHESTRATOR,
            id=message_id(plan.request_id, "plan"),
            timestamp=message.timestamp,
        )
        return plan, kept

    async def _make(
        self, message: AgentMessage[AnalysisRequested], principal: Principal, deadline: datetime
    ) -> AnalysisPlanned:
        request = message.content
        caller = Caller(
            name=ORCHESTRATOR,
            message=message,
            principal=principal,
            deadline=deadline,
            tools=(self._pin.name, time_columns.name),
            is_fresh=request.fresh,
            locations=tuple(reference.location for reference in request.datasets),
        )
        datasets = await self._gateway.call(
            self._pin, {"references": request.datasets}, caller=caller, data=None
        )
        columns: tuple[TimeColumn, ...] = ()
        if request.characteristics.processing_type == "auto":
            async with self._catalog.open(datasets) as data:
                columns = await self._gateway.call(
                    time_columns, {"table": datasets[0].name}, caller=caller, data=data
                )
        route = choose_route(request.characteristics, columns)
        return AnalysisPlanned(
            request_id=message.conversation,
            request_digest=request_digest(request, principal.subject),
            question=request.question,
            datasets=datasets,
            route=route,
            characteristics=request.characteristics,
            fresh=request.fresh,
            requested_at=message.timestamp,
            assignments=_within(
                request.budget,
                assign(
                    request,
                    route,
                    [_member(specialist, datasets) for specialist in self._panel],
                    unavailable=self._gateway.breakers.unavailable(for_longer_than=SOON),
                ),
            ),
        )


def refuse_another(message: AgentMessage[AnalysisRequested], subject: str, digest: str) -> None:
    """Refuse a request of `subject` under a key that was used for one with another `digest`.

    Raises:
        ConflictingRequestError: it was.
    """
    if request_digest(message.content, subject) != digest:
        raise ConflictingRequestError(
            f"The id {message.id!r} of {message.sender!r} was used before for another request: "
            "publish this one under a new id."
        )


def _within(budget: Budget, assignments: Sequence[Assignment]) -> tuple[Assignment, ...]:
    """The assignments, each with its part of `budget`."""
    parts = shared_out(budget, [each.role for each in assignments])
    return tuple(each.model_copy(update={"budget": parts[each.role]}) for each in assignments)


def _member(specialist: Specialist, datasets: Sequence[PinnedDataset]) -> Member:
    return Member(
        role=specialist.role,
        questions=specialist.questions,
        tools={
            kind: [tool.name for tool in specialist.tools if tool.fits(kind, datasets)]
            for kind in _ROUTES
        },
    )
