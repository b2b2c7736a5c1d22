"""Circuits of several processes: shared, set by hand, left out of plans."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from agents.analysis import request_analysis
from agents.calling.circuit_breaker import CircuitBreaker
from agents.cli.breakers import gather_answers
from agents.dataset import Datasets
from agents.domain.breaker import Circuit, ForcedCircuit
from agents.domain.circuit import CircuitForced, CircuitsAsked, CircuitsShown
from agents.domain.finding import Finding
from agents.domain.request import AnalysisRequested, Characteristics, DatasetReference
from agents.domain.task import AnalysisPlanned, Assignment, PinnedDataset
from agents.errors import CircuitOpenError
from agents.messages import ASK_CIRCUITS_TOPIC, REGISTRY
from agents.service import Service, serve_panel
from agents.specialist import Examination, Panel, Specialist
from agents.tool import tool
from bus import HistoryQuery, MessageBus, UnconfirmedError, connect, parse

BOUND = 20.0


@tool(permission="read_data")
async def weigh() -> float:
    """Weigh it."""
    return 1.0


@tool(permission="read_data")
async def measure() -> float:
    """Measure it."""
    return 1.0


async def find_nothing(examination: Examination) -> Sequence[Finding]:
    return []


PANEL = Panel(
    Specialist(role="scales", title="Scales", tools=(weigh, measure), examine=find_nothing)
)


class NoData:
    """A catalog in which every dataset is empty."""

    async def pin(self, references: Sequence[DatasetReference]) -> tuple[PinnedDataset, ...]:
        return (
            PinnedDataset(
                name="data",
                location="-",
                format="none",
                version="-",
                rows=0,
                columns=(),
                size_bytes=0,
                setup_sql="",
            ),
        )

    @asynccontextmanager
    async def open(self, datasets: Sequence[PinnedDataset]) -> AsyncIterator[Datasets]:
        yield None  # type: ignore[misc]


class Stage:
    """Two processes of one bus, and somebody who asks."""

    def __init__(self, bus: MessageBus, services: Sequence[Service]) -> None:
        self.bus = bus
        self.first, self.second = services

    async def order(self, name: str, circuit: ForcedCircuit) -> Sequence[CircuitsShown]:
        return await self.answers(CircuitForced(name=name, circuit=circuit))

    async def answers(self, order: CircuitForced | CircuitsAsked) -> Sequence[CircuitsShown]:
        """The answers of both, however long they take."""
        while True:
            answers = await gather_answers(self.bus, order, wait=0.5)
            if len(answers) == 2:
                return answers


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    url = f"sqlite:///{tmp_path}/bus.db"
    async with AsyncExitStack() as stack, asyncio.timeout(BOUND):
        services = []
        for name in ("first", "second"):
            bus = await stack.enter_async_context(connect(url, registry=REGISTRY, name=name))
            services.append(
                await stack.enter_async_context(
                    serve_panel(
                        bus,
                        PANEL,
                        catalog=NoData(),
                        roles=("orchestrator", "scales") if name == "first" else (),
                        grace=0,
                    )
                )
            )
        asker = await stack.enter_async_context(connect(url, registry=REGISTRY, name="asker"))
        yield Stage(asker, services)


async def fail() -> None:
    raise OSError("down")


async def succeed() -> str:
    return "answer"


def all_count(error: Exception) -> bool:
    return True


async def open_by_failures(breaker: CircuitBreaker) -> None:
    while breaker.circuit == "closed":
        with pytest.raises(OSError, match="down"):
            await breaker.call(fail, timeout=1.0, counts=all_count)


async def becomes(service: Service, name: str, circuit: Circuit) -> CircuitBreaker:
    while (breaker := service.breakers.get(name)) is None or breaker.circuit != circuit:
        await asyncio.sleep(0.01)
    return breaker


async def test_a_circuit_that_opens_in_one_process_is_open_in_the_other(stage: Stage) -> None:
    await open_by_failures(stage.first.breakers["weigh"])
    followed = await becomes(stage.second, "weigh", "open")
    with pytest.raises(CircuitOpenError):
        await followed.call(succeed, timeout=1.0, counts=all_count)
    assert followed.snapshot().is_shared
    assert stage.first.breakers["weigh"].snapshot().is_shared is False


async def test_a_circuit_that_closes_in_one_process_is_probed_by_the_other(stage: Stage) -> None:
    opened = stage.first.breakers["weigh"]
    await open_by_failures(opened)
    followed = await becomes(stage.second, "weigh", "open")
    opened.force("closed")
    while followed.retry_after > 0:
        await asyncio.sleep(0.01)
    assert followed.circuit == "open"
    assert await followed.call(succeed, timeout=1.0, counts=all_count) == "answer"
    assert followed.circuit == "closed"


async def test_an_order_sets_a_circuit_in_every_process_until_it_is_reset(stage: Stage) -> None:
    name = "model:openai:gpt-x@host"
    shown = await stage.order(name, "forced_open")
    assert [[each.circuit for each in answer.circuits] for answer in shown] == [["forced_open"]] * 2
    for service in (stage.first, stage.second):
        with pytest.raises(CircuitOpenError):
            await service.breakers[name].call(succeed, timeout=1.0, counts=all_count)
    await stage.order(name, "closed")
    for service in (stage.first, stage.second):
        assert service.breakers[name].circuit == "closed"


async def test_a_reset_of_a_circuit_that_nobody_has_makes_none(stage: Stage) -> None:
    shown = await stage.order("unknown", "closed")
    assert [answer.circuits for answer in shown] == [(), ()]
    assert stage.first.breakers.get("unknown") is None


async def test_every_process_shows_its_circuits_by_name(stage: Stage) -> None:
    for name in ("weigh", "measure"):
        await stage.second.breakers[name].call(succeed, timeout=1.0, counts=all_count)
    shown = await stage.answers(CircuitsAsked())
    assert sorted([each.name for each in answer.circuits] for answer in shown) == [
        [],
        ["measure", "weigh"],
    ]


async def test_an_asker_who_gives_no_address_harms_nobody(stage: Stage) -> None:
    await stage.bus.publish(CircuitsAsked(), to=ASK_CIRCUITS_TOPIC)
    assert len(await stage.answers(CircuitsAsked())) == 2


async def planned(stage: Stage) -> Assignment:
    request = AnalysisRequested(
        datasets=(DatasetReference(location="-"),),
        characteristics=Characteristics(processing_type="batch"),
    )
    async with request_analysis(stage.bus, request) as pending:
        await pending.report()
    (record,) = await stage.bus.history.query(
        HistoryQuery(message_type=AnalysisPlanned.message_type)
    )
    plan = AnalysisPlanned.model_validate(parse(record.body).data)
    return plan.assignments[0]


async def test_a_tool_whose_circuit_is_open_is_left_out_of_the_plan(stage: Stage) -> None:
    await stage.order("weigh", "forced_open")
    assignment = await planned(stage)
    assert (assignment.tools, assignment.unavailable) == (("measure",), ("weigh",))


async def test_a_circuit_that_lets_calls_through_leaves_its_tool_in_the_plan(stage: Stage) -> None:
    await stage.order("weigh", "disabled")
    assignment = await planned(stage)
    assert (assignment.tools, assignment.unavailable) == (("weigh", "measure"), ())


async def test_a_change_that_cannot_be_told_does_not_keep_later_ones_from_being_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, failed = stage.first._bus, asyncio.Event()

    async def fail_to_announce(content: object, **details: object) -> None:
        failed.set()
        raise UnconfirmedError("nobody took it")

    with monkeypatch.context() as broken:
        broken.setattr(bus, "announce", fail_to_announce)
        await open_by_failures(stage.first.breakers["weigh"])
        await failed.wait()
    await open_by_failures(stage.first.breakers["measure"])
    await becomes(stage.second, "measure", "open")
    assert stage.second.breakers.get("weigh") is None
