"""On the embedded bus: which decisions are recorded, and that nothing happens before they are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bus import (
    AgentMessage,
    Context,
    MessageBus,
    NotPermittedError,
    Payload,
    Principal,
    Registry,
    StoreFullError,
    connect,
)
from bus.auditing.trail import inspect, trail
from bus.domain.audit import AuditRecorded, Decision
from bus.domain.envelope import Envelope
from tests.support.verifying import Verifying

BOUND = 10.0


class Asked(Payload):
    message_type = "test.question.asked.v1"
    text: str = ""


REGISTRY = Registry(Asked)


async def judge(message: AgentMessage[Asked], envelope: Envelope) -> Principal:
    if message.content.text == "let me in":
        raise NotPermittedError("Not you.")
    return Principal(subject="ann", scopes=frozenset(), actors=("tester",))


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[MessageBus]:
    url = f"sqlite:///{tmp_path}/bus.db"
    authority = Verifying(judge, Asked)
    async with connect(url, registry=REGISTRY, name="tester", authority=authority) as opened:
        yield opened


async def decisions(bus: MessageBus) -> Sequence[Decision]:
    return [each async for record in trail(bus.history) for each in record.decisions]


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(BOUND):
        while not (result := await condition()):
            await asyncio.sleep(0.01)
    return result


async def take(message: AgentMessage[Asked], context: Context) -> None:
    if message.content.text == "break":
        raise KeyError("broken")


async def test_who_had_a_message_handled_is_recorded_and_the_audit_is_whole(
    bus: MessageBus,
) -> None:
    async with bus.serve("questions", take, group="answerers"):
        asked = await bus.publish(Asked(), to="questions")
        (decision,) = await until(lambda: decisions(bus))
    assert (decision.action, decision.verdict, decision.subject) == ("consume", "allowed", "ann")
    assert (decision.actors, decision.message_id) == (("tester",), asked.id)
    verdict = await inspect(bus.history, bus.audit.authority, [], must_sign=False, is_ordered=True)
    assert (verdict.first, verdict.records, verdict.unsigned) == (None, 1, 1)


async def test_who_was_refused_is_recorded_before_the_message_is_parked(bus: MessageBus) -> None:
    async with bus.serve("questions", take, group="answerers"):
        await bus.publish(Asked(text="let me in"), to="questions")
        await until(bus.dead_letters.list)
        (decision,) = await decisions(bus)
    assert (decision.verdict, decision.reason, decision.subject) == ("denied", "Not you.", "")


async def test_a_message_is_not_settled_before_its_verdict_is_recorded(bus: MessageBus) -> None:
    tried = asyncio.Event()

    async def fail(record: AgentMessage[AuditRecorded]) -> None:
        tried.set()
        raise StoreFullError("The disk is full.")

    publish, bus.audit._publish = bus.audit._publish, fail
    async with bus.serve("questions", take, group="answerers"):
        await bus.publish(Asked(text="break"), to="questions")
        async with asyncio.timeout(BOUND):
            await tried.wait()
        assert await bus.dead_letters.list() == []
        bus.audit._publish = publish
        await until(bus.dead_letters.list)
    assert [each.verdict for each in await decisions(bus)] == ["allowed"]


async def test_refusals_of_what_is_only_heard_are_recorded_and_nothing_else(
    bus: MessageBus,
) -> None:
    async with bus.subscribe("event.#") as events, asyncio.timeout(BOUND):
        refused = await bus.announce(Asked(text="let me in"))
        heard = await bus.announce(Asked())
        assert (await anext(events)).id == heard.id
    await bus.audit.flush()
    (decision,) = await decisions(bus)
    assert (decision.action, decision.verdict) == ("listen", "denied")
    assert decision.message_id == refused.id


async def test_what_is_done_with_dead_letters_is_recorded_first(bus: MessageBus) -> None:
    async with bus.serve("questions", take, group="answerers"):
        asked = await bus.publish(Asked(text="break"), to="questions")
        (letter,) = await until(bus.dead_letters.list)
    whole = letter.envelope.body.replace(b"break", b"build")
    assert await bus.redrive(letter.id, body=whole)
    async with bus.serve("questions", take, group="answerers"):
        await until(lambda: consumed(bus, 2))
        await bus.publish(Asked(text="let me in"), to="questions")
        (letter,) = await until(bus.dead_letters.list)
    assert await bus.dead_letters.discard(letter.id)
    actions = [each.action for each in await decisions(bus)]
    assert actions == ["consume", "replace", "consume", "consume", "discard"]
    assert {each.message_id for each in (await decisions(bus))[:3]} == {asked.id}
    verdict = await inspect(bus.history, bus.audit.authority, [], must_sign=False, is_ordered=True)
    assert verdict.first is None


async def consumed(bus: MessageBus, times: int) -> bool:
    return sum(each.action == "consume" for each in await decisions(bus)) >= times


async def test_a_private_bus_writes_the_audit_of_its_owner(bus: MessageBus) -> None:
    async with bus.private() as private:
        async with private.serve("questions", take, group="answerers"):
            await private.publish(Asked(), to="questions")
            await until(lambda: decisions(bus))
        async with bus.serve("questions", take, group="answerers"):
            await bus.publish(Asked(), to="questions")
            await until(lambda: consumed(bus, 2))
    records = [record async for record in trail(bus.history)]
    assert [record.sequence for record in records] == [1, 2]
    assert {record.writer for record in records} == {bus.instance}
