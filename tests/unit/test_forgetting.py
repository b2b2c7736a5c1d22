"""Requests that are forgotten, by those who may, for good; and what grows old."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents import REGISTRY, Panel, Specialist
from agents.caching.response_cache import ResponseCache
from agents.domain.cache_key import request_tag
from agents.domain.identity import plan_key, report_key, task_key
from agents.domain.report import ReportPublished
from agents.domain.request import AnalysisCancelled
from agents.domain.role import task_topic
from agents.errors import AgentUsageError, RequestForgottenError
from agents.forgetting import (
    Conversation,
    find_conversation,
    forget,
    permitted,
    refuse_running,
    requests_by,
)
from agents.messages import REQUEST_TOPIC
from agents.recorded import find_request, recent_requests
from agents.retention import BATCH, INTERVAL, _turn, prune, retained
from bus import (
    LOCAL_USER,
    Forgotten,
    HistoryQuery,
    MessageBus,
    MessageId,
    NotPermittedError,
    Payload,
    Principal,
    Recorded,
    Registry,
    StoreFullError,
    TrustingAuthority,
    connect,
    event_topic,
)
from tests.support.clock import ManualClock
from tests.support.records import asked, assigned, published
from tests.support.stage import BOUND, Stage
from tests.support.verifying import Verifying


class NoteTaken(Payload):
    message_type = "desk.note.taken.v1"

    text: str


async def nothing(examination) -> list:
    return []


PANEL = Panel(Specialist(role="idle", title="Idle", tools=(), examine=nothing))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def cache_of(bus: MessageBus) -> ResponseCache:
    return ResponseCache(store=None, clock=bus.clock)


async def test_forgetting_erases_history_ledger_and_kept_answers(stage: Stage) -> None:
    async with stage.serving(PANEL) as bus:
        report = await stage.report(bus, question="Where is the zebra?")
        found = await find_conversation(bus, report.request_id[:8])
        assert found.requested_by == LOCAL_USER.subject
        cache = cache_of(bus)
        await cache.put("k", "zebra", ttl=60.0, tags=[request_tag(report.request_id)])
        await refuse_running(bus, found)
        forgotten = await forget(bus, [found], cache=cache, principal=LOCAL_USER)
        assert forgotten.messages == len(found.records)
        assert await bus.history.query(HistoryQuery(text="zebra")) == []
        assert await cache.get("k") is None
        (task,) = found.tasks
        keys = [report_key(report.request_id), plan_key(report.request_id), task_key(task)]
        entries = await bus.ledger.look_up(keys)
        assert [entries[key] for key in keys] == [Recorded(value=b"")] * 3
        with pytest.raises(RequestForgottenError, match=report.request_id):
            await find_request(bus, report.request_id)
        (listed,) = await recent_requests(bus, 10)
        assert listed.request_id == report.request_id


async def test_forgetting_that_was_interrupted_is_audited_and_finished_by_doing_it_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(conversations, *, thoroughly=True) -> Forgotten:
        raise StoreFullError("The disk is full.")

    async with stage.serving(PANEL) as bus:
        report = await stage.report(bus, question="Where is the zebra?")
        found = await find_conversation(bus, report.request_id)
        with monkeypatch.context() as patched:
            patched.setattr(bus.history, "forget", fail)
            with pytest.raises(StoreFullError):
                await forget(bus, [found], cache=cache_of(bus), principal=LOCAL_USER)
        assert await bus.history.query(HistoryQuery(text='"forget"'))
        again = await find_conversation(bus, report.request_id)
        assert again.tasks == found.tasks
        await forget(bus, [again], cache=cache_of(bus), principal=LOCAL_USER)
        assert await bus.history.query(HistoryQuery(text="zebra")) == []


async def test_a_request_that_comes_again_is_not_worked_on_again(stage: Stage) -> None:
    async with stage.serving(PANEL) as bus:
        id = MessageId("m-1")
        await bus.publish(stage.request(), to=REQUEST_TOPIC, id=id)
        while not await bus.history.query(
            HistoryQuery(message_type=ReportPublished.message_type, limit=1)
        ):
            await asyncio.sleep(0.02)
        (name,) = (await requests_by(bus)).keys()
        await forget(bus, [await find_conversation(bus, name)], cache=cache_of(bus))
        before = await bus.history.query(HistoryQuery(request=name))
        await bus.publish(stage.request(), to=REQUEST_TOPIC, id=id)
        await stage.report(bus)
        assert await bus.history.query(HistoryQuery(request=name)) == before


async def test_what_is_not_over_cannot_be_forgotten(stage: Stage) -> None:
    async with stage.serving(PANEL):
        pass
    async with connect(stage.url, registry=REGISTRY, authority=TrustingAuthority()) as bus:
        sent = await bus.publish(stage.request(), to=REQUEST_TOPIC)
        with pytest.raises(AgentUsageError, match="convener cancel"):
            await refuse_running(bus, await find_conversation(bus, sent.conversation))


async def test_a_task_that_is_still_at_work_holds_it_up(stage: Stage) -> None:
    records = [
        replace(asked(), topic=REQUEST_TOPIC),
        replace(assigned("t1"), topic=task_topic("security")),
        replace(published(), topic=event_topic(ReportPublished.message_type)),
    ]
    late = Conversation(name="r1", records=records)
    async with connect(stage.url, registry=REGISTRY, authority=TrustingAuthority()) as bus:
        await refuse_running(bus, late)
        await bus.ledger.claim(task_key("t1"), owner="a", lease=30.0)
        with pytest.raises(AgentUsageError, match="try again in 30 seconds"):
            await refuse_running(bus, late)


@pytest.mark.parametrize(
    ("subject", "scopes", "may"),
    [
        ("ann", frozenset({"read_data"}), True),
        ("bob", frozenset({"read_data"}), False),
        ("olga", frozenset({"admin_operations"}), True),
    ],
)
async def test_only_who_asked_and_operators_may_forget(
    stage: Stage, subject: str, scopes: frozenset[str], may: bool
) -> None:
    principal = Principal(subject=subject, scopes=scopes)

    async def verdict(message, envelope) -> Principal:
        return principal

    authority = Verifying(verdict, AnalysisCancelled)
    async with connect(stage.url, registry=REGISTRY, authority=authority) as bus:
        if may:
            assert await permitted(bus, request="r", requested_by="ann") == principal
            return
        with pytest.raises(NotPermittedError, match="which ann asked for, bob needs"):
            await permitted(bus, request="r", requested_by="ann")
        with pytest.raises(NotPermittedError, match="To forget all bob needs"):
            await permitted(bus)
        assert await bus.history.query(HistoryQuery(text='"denied"'))


@pytest.fixture
async def aged(tmp_path: Path) -> AsyncIterator[tuple[MessageBus, ManualClock]]:
    """A bus with notes of many conversations, the last of which is a day younger."""
    clock = ManualClock()
    async with connect(
        f"sqlite:///{tmp_path}/bus.db",
        registry=Registry(NoteTaken),
        authority=TrustingAuthority(),
        clock=clock,
    ) as bus:
        for number in range(BATCH + 5):
            first = await bus.announce(NoteTaken(text=f"old {number}"))
            await bus.announce(NoteTaken(text="more"), cause=first)
        clock.advance(24 * 3600.0)
        await bus.announce(NoteTaken(text="young"))
        yield bus, clock


async def test_what_is_older_is_forgotten_and_nothing_younger(aged) -> None:
    bus, clock = aged
    before = clock.now() - timedelta(hours=12)
    forgotten = await prune(bus, before=before, cache=cache_of(bus))
    assert forgotten.messages == 2 * (BATCH + 5)
    assert (await prune(bus, before=before, cache=cache_of(bus))).messages == 0
    notes = await bus.history.query(HistoryQuery(message_type="note", limit=1000))
    assert [record.erased for record in notes] == [True] * (2 * (BATCH + 5)) + [False]


async def test_records_of_the_audit_are_never_forgotten(aged) -> None:
    bus, clock = aged
    await prune(bus, before=clock.now() - timedelta(hours=12), cache=cache_of(bus))
    clock.advance(24 * 3600.0)
    audit = HistoryQuery(message_type="audit.recorded")
    records = await bus.history.query(audit)
    assert records
    await bus.history.forget([record.conversation for record in records])
    await prune(bus, before=clock.now(), cache=cache_of(bus))
    assert not any(each.erased for each in await bus.history.query(audit))


async def test_retention_is_kept_while_a_worker_runs(aged) -> None:
    bus, _ = aged
    async with (
        asyncio.timeout(BOUND),
        retained(bus, timedelta(hours=12), cache=cache_of(bus)),
    ):
        while await bus.history.query(HistoryQuery(text="old")):
            await asyncio.sleep(0.01)
    assert await bus.history.query(HistoryQuery(text="young"))


async def test_one_process_looks_once_an_interval(aged) -> None:
    bus, clock = aged
    assert await _turn(bus) == 0.0
    assert await _turn(bus) == pytest.approx(INTERVAL)
    clock.advance(INTERVAL)
    assert await _turn(bus) == 0.0
