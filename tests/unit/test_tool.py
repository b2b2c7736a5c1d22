"""A tool as the planner and a model see it."""

import pytest

from agents.builtin import builtin_panel
from agents.dataset import Datasets
from agents.domain.task import PinnedDataset
from agents.specialist import Specialist
from agents.specialists.performance.specialist import PERFORMANCE_ANALYST
from agents.tool import Tool, tool
from agents.tools.broker_queues import broker_queues


@tool(permission="read_data")
async def share(
    data: Datasets, table: str, column: str | None = None, names: tuple[str, ...] = (), of: int = 3
) -> float:
    """Measure a share."""
    return 0.5


def dataset(format: str) -> PinnedDataset:
    return PinnedDataset(
        name="data",
        location="data",
        format=format,
        version="1",
        rows=1,
        columns=(),
        size_bytes=1,
        setup_sql="",
    )


def test_a_model_reads_no_more_of_the_parameters_than_it_needs() -> None:
    assert share.parameters() == {
        "type": "object",
        "properties": {
            "table": {"type": "string"},
            "column": {"type": "string"},
            "names": {"type": "array", "items": {"type": "string"}, "default": []},
            "of": {"type": "integer", "default": 3},
        },
        "required": ["table"],
    }


def test_what_a_model_may_leave_out_is_valid_without_it_and_with_null() -> None:
    for given in ({"table": "data"}, {"table": "data", "column": None}):
        assert share.arguments.model_validate(given).model_dump()["column"] is None


@pytest.mark.parametrize("specialist", list(builtin_panel()), ids=lambda each: each.role)
def test_every_parameter_of_every_tool_has_a_type(specialist: Specialist) -> None:
    for each in specialist.tools:
        properties = each.parameters()["properties"]
        assert isinstance(properties, dict)
        assert properties.keys() == each.arguments.model_fields.keys()
        assert all(
            isinstance(one, dict) and one.keys() & {"type", "enum", "anyOf"}
            for one in properties.values()
        )


@pytest.mark.parametrize(
    ("formats", "is_given"),
    [(["csv"], False), (["csv", "rabbitmq"], True), (["prometheus"], True), ([], False)],
)
def test_tools_for_brokers_are_planned_only_where_a_broker_is_looked_at(
    formats: list[str], is_given: bool
) -> None:
    planned: list[Tool] = [  # type: ignore[type-arg]
        each
        for each in PERFORMANCE_ANALYST.tools
        if each.fits("batch", [dataset(format) for format in formats])
    ]
    assert (broker_queues in planned) is is_given
    assert share.fits("batch", [])
