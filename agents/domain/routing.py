"""From what is known of the data to the plan: batch or streaming, who looks, at what, with what.

What the requester states wins; otherwise the first dataset is inspected. Data is treated as a
stream when it is a log of events: nearly every row has an instant of its own, the rows are nearly
in the order of those instants, and they are close together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agents.domain.finding import Part
from agents.domain.request import AnalysisRequested, Characteristics
from agents.domain.task import Assignment, Route, RouteKind

MIN_DISTINCT: Final = 0.9
"""Share of instants that differ, from which on rows are events rather than records of a period."""
MIN_ORDERED: Final = 0.95
"""Share of rows not before their predecessor, from which on a file was appended to over time."""
MAX_INTERVAL: Final = 15 * 60.0
"""Seconds between neighbouring events up to which data is a stream rather than a calendar."""
MIN_EVENTS: Final = 100
"""Rows below which nothing can be said of a rhythm."""

EVERY_TOOL: Final = "*"
"""Stands for all tools of a role whose tools the planner does not know."""


class TimeColumn(Part):
    """How one time-typed column runs through the rows of its table, in file order.

    `distinct` and `ordered` are shares from 0 to 1, `median_interval` is seconds.
    """

    name: str
    rows: int
    distinct: float
    ordered: float
    median_interval: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What the router must know of a specialist: tools and questions by kind of data."""

    role: str
    questions: Mapping[RouteKind, Sequence[str]]
    tools: Mapping[RouteKind, Sequence[str]]


def choose_route(characteristics: Characteristics, columns: Sequence[TimeColumn]) -> Route:
    """Batch or streaming, given what was stated and the time columns of the first dataset."""
    events = [column for column in columns if _is_event_time(column)]
    time_column = events[0].name if events else (columns[0].name if columns else None)
    stated = characteristics.processing_type
    if stated == "streaming":
        return Route(kind="streaming", why="The request says so.", time_column=time_column)
    if stated == "batch":
        return Route(kind="batch", why="The request says so.")
    if characteristics.events_per_second is not None:
        return Route(
            kind="streaming", why="The request states a rate of events.", time_column=time_column
        )
    if not events:
        why = (
            "No column says when each row happened."
            if not columns
            else f"Rows share or jump in {', '.join(column.name for column in columns[:3])}, "
            "so they are records rather than events in order."
        )
        return Route(kind="batch", why=why)
    column = events[0]
    return Route(
        kind="streaming",
        why=(
            f"{column.name} gives {column.distinct:.0%} of the rows an instant of their own, in "
            f"order, about every {_duration(column.median_interval or 0.0)}."
        ),
        time_column=column.name,
    )


def assign(
    request: AnalysisRequested,
    route: Route,
    members: Sequence[Member],
    unavailable: Collection[str] = (),
) -> tuple[Assignment, ...]:
    """What each role is asked: the roles that the request names, or all `members`.

    Of its tools a role gets those that are not `unavailable`. A role that is asked for and not
    among `members` is assigned with every tool it has: its own worker knows them.
    """
    by_role = {member.role: member for member in members}
    assignments = []
    for role in request.panel or tuple(by_role):
        member = by_role.get(role)
        tools = tuple(member.tools.get(route.kind, ())) if member else (EVERY_TOOL,)
        assignments.append(
            Assignment(
                role=role,
                questions=tuple(member.questions.get(route.kind, ())) if member else (),
                tools=tuple(tool for tool in tools if tool not in unavailable),
                unavailable=tuple(tool for tool in tools if tool in unavailable),
            )
        )
    return tuple(assignments)


def _is_event_time(column: TimeColumn) -> bool:
    return (
        column.rows >= MIN_EVENTS
        and column.distinct >= MIN_DISTINCT
        and column.ordered >= MIN_ORDERED
        and column.median_interval is not None
        and column.median_interval <= MAX_INTERVAL
    )


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min"
