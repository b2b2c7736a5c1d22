"""Batch or stream, stated or inspected."""

import pytest

from agents.domain.request import AnalysisRequested, Characteristics, DatasetReference
from agents.domain.routing import EVERY_TOOL, Member, TimeColumn, assign, choose_route
from agents.domain.task import Route


def column(**changes: object) -> TimeColumn:
    regular = {"name": "at", "rows": 1000, "distinct": 1.0, "ordered": 1.0, "median_interval": 60.0}
    return TimeColumn.model_validate({**regular, **changes})


def test_a_log_of_events_is_a_stream_and_the_reason_has_the_figures() -> None:
    route = choose_route(Characteristics(), [column()])
    assert (route.kind, route.time_column) == ("streaming", "at")
    assert "100%" in route.why
    assert "60 s" in route.why


@pytest.mark.parametrize(
    "other",
    [
        column(distinct=0.3),
        column(ordered=0.5),
        column(median_interval=86_400.0),
        column(median_interval=None),
        column(rows=20),
    ],
)
def test_records_with_a_date_are_a_batch(other: TimeColumn) -> None:
    route = choose_route(Characteristics(), [other])
    assert route.kind == "batch"
    assert "at" in route.why


def test_what_the_request_states_wins() -> None:
    stated = choose_route(Characteristics(processing_type="batch"), [column()])
    assert (stated.kind, stated.why) == ("batch", "The request says so.")
    stated = choose_route(Characteristics(processing_type="streaming"), [column(distinct=0.1)])
    assert (stated.kind, stated.time_column) == ("streaming", "at")
    assert choose_route(Characteristics(events_per_second=5.0), []).kind == "streaming"


def test_the_route_chooses_questions_and_tools() -> None:
    member = Member(
        role="security",
        questions={"batch": ("Who may read it?",)},
        tools={"batch": ("scan",), "streaming": ("scan", "tail")},
    )
    request = AnalysisRequested(datasets=(DatasetReference(location="/x"),))
    (batch,) = assign(request, Route(kind="batch", why=""), [member])
    (stream,) = assign(request, Route(kind="streaming", why=""), [member])
    assert (batch.questions, batch.tools) == (("Who may read it?",), ("scan",))
    assert (stream.questions, stream.tools) == ((), ("scan", "tail"))


def test_a_role_that_the_planner_does_not_know_gets_every_tool_it_has() -> None:
    request = AnalysisRequested(datasets=(DatasetReference(location="/x"),), panel=("geography",))
    (assignment,) = assign(request, Route(kind="batch", why=""), [])
    assert assignment.tools == (EVERY_TOOL,)


def test_an_unavailable_tool_is_named_as_such_and_not_given() -> None:
    member = Member(role="security", questions={}, tools={"batch": ("scan", "tail", "grep")})
    request = AnalysisRequested(
        datasets=(DatasetReference(location="/x"),), panel=("security", "geography")
    )
    known, unknown = assign(
        request, Route(kind="batch", why=""), [member], unavailable={"tail", "elsewhere"}
    )
    assert (known.tools, known.unavailable) == (("scan", "grep"), ("tail",))
    assert (unknown.tools, unknown.unavailable) == ((EVERY_TOOL,), ())
