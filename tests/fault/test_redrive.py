"""`convener dead redrive`: mended, out of time, and by two people at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.dead_letter import DeadLetter
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope
from bus.transport import Subscription
from tests.support.bus_under_test import acknowledge, is_silent, next_of
from tests.support.command_line import CommandLine
from tests.support.events import event
from tests.support.sqlite_bus import SqliteBus, open_sqlite_bus

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

WORKERS = Subscription(pattern="task.a", group="agent.a")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[SqliteBus]:
    async with open_sqlite_bus(str(tmp_path / "bus.db")) as opened:
        yield opened


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    line = CommandLine(home=tmp_path, folder=tmp_path)
    line.environment["CONVENER_BUS"] = f"sqlite:///{tmp_path}/bus.db"
    return line


async def park(bus: SqliteBus, envelope: Envelope) -> DeadLetter:
    transport, dead_letters = await bus.transport(), await bus.dead_letters()
    async with transport.subscribe(WORKERS) as deliveries:
        await transport.publish(envelope)
        await (await next_of(deliveries)).reject("failed", "It broke.")
    (letter,) = await dead_letters.list()
    return letter


async def runs_once(bus: SqliteBus) -> dict[str, Any]:
    """The event that the group gets, as the first attempt and the only one."""
    transport = await bus.transport()
    async with transport.subscribe(WORKERS) as deliveries:
        (delivery,) = await acknowledge(deliveries, 1)
        assert (delivery.attempt, delivery.redeliveries) == (1, 0)
        assert await is_silent(deliveries)
    decoded: dict[str, Any] = json.loads(delivery.envelope.body)
    return decoded


def expiring(envelope: Envelope, *, hours: float) -> bytes:
    """The event with a deadline in so many hours."""
    expires_at = format_instant(datetime.now(UTC) + timedelta(hours=hours))
    return json.dumps(json.loads(envelope.body) | {"expiresat": expires_at}).encode()


async def test_a_mended_message_runs_once_more(bus: SqliteBus, convener: CommandLine):
    letter = await park(bus, event("task.a", data="broken"))
    mended = json.loads(letter.envelope.body) | {"data": "mended"}
    (convener.folder / "mended.json").write_text(json.dumps(mended))
    ended = await convener.run("dead", "redrive", letter.id[:8], "--body", "mended.json")
    assert (ended.code, ended.out) == (0, "Redriven to agent.a.\n"), ended.err
    assert await runs_once(bus) == mended
    assert (await convener.run("dead", "list")).out == ""


async def test_what_is_no_event_is_refused_and_the_message_stays(
    bus: SqliteBus, convener: CommandLine
):
    letter = await park(bus, event("task.a"))
    (convener.folder / "mended.json").write_text('{"data": 1}')
    ended = await convener.run("dead", "redrive", letter.id, "--body", "mended.json")
    assert ended.code == 1
    assert "CloudEvents" in ended.err
    assert letter.id[:12] in (await convener.run("dead", "list")).out


async def test_a_message_out_of_time_is_refused_until_its_deadline_is_mended(
    bus: SqliteBus, convener: CommandLine
):
    sent = event("task.a")
    late = Envelope(topic=sent.topic, body=expiring(sent, hours=-1), id=sent.id)
    letter = await park(bus, late)
    ended = await convener.run("dead", "redrive", letter.id)
    assert ended.code == 2
    assert "Its deadline passed at" in ended.err
    assert letter.id[:12] in (await convener.run("dead", "list")).out
    (convener.folder / "mended.json").write_bytes(expiring(sent, hours=1))
    ended = await convener.run("dead", "redrive", letter.id, "--body", "mended.json")
    assert ended.code == 0, ended.err
    assert (await runs_once(bus))["id"] == sent.id


async def test_of_two_who_redrive_at_once_one_does_and_the_other_is_told(
    bus: SqliteBus, convener: CommandLine
):
    letter = await park(bus, event("task.a"))
    both = await asyncio.gather(*(convener.run("dead", "redrive", letter.id) for _ in range(2)))
    assert sorted(each.code for each in both) == [0, 2]
    assert any("dead list" in each.err for each in both)
    assert (await runs_once(bus))["id"] == letter.envelope.id
