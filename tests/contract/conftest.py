"""One bus per test, of each kind: what stands in this directory holds for every implementation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.dead_letter import DeadLetters
from bus.history import History
from bus.transport import Transport
from tests.support.bus_under_test import BusUnderTest
from tests.support.sqlite_bus import open_sqlite_bus


@pytest.fixture(params=["sqlite", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def bus_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def bus(
    bus_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[BusUnderTest]:
    if bus_kind == "sqlite":
        async with open_sqlite_bus(str(tmp_path / "bus.db")) as opened:
            yield opened
    else:
        from tests.support.rabbitmq_bus import open_rabbitmq_bus

        async with open_rabbitmq_bus(request.getfixturevalue("rabbitmq_node")) as opened:
            yield opened


@pytest.fixture
async def transport(bus: BusUnderTest) -> Transport:
    return await bus.transport()


@pytest.fixture
async def other(bus: BusUnderTest) -> Transport:
    return await bus.transport()


@pytest.fixture
async def history(bus: BusUnderTest) -> History:
    return await bus.history()


@pytest.fixture
async def dead_letters(bus: BusUnderTest) -> DeadLetters:
    return await bus.dead_letters()
