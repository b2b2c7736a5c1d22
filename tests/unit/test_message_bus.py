"""The bus as its users see it, on the embedded transport."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus import (
    AgentMessage,
    Context,
    Fault,
    HistoryQuery,
    MessageBus,
    NotPermittedError,
    Payload,
    Postpone,
    Principal,
    Registry,
    RequestFaultedError,
    RequestTimeoutError,
    RetryLater,
    RetryPolicy,
    UnroutableError,
    connect,
)
from tests.support.verifying import Verifying

BOUND = 10.0
QUICK = RetryPolicy(max_attempts=3, base_delay=0.01)


class Asked(Payload):
    message_type = "test.question.asked.v1"
    text: str


class Answered(Payload):
    message_type = "test.question.answered.v1"
    text: str


REGISTRY = Registry(Asked, Answered)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[MessageBus]:
    async with connect(f"sqlite:///{tmp_path}/bus.db", registry=REGISTRY, name="tester") as opened:
        yield opened


class Script:
    """A handler that raises or returns what it is told to, call by call."""

    def __init__(self, *endings: Exception | Payload | None) -> None:
        self._endings = list(endings)
        self.contexts: list[Context] = []
        self.messages: list[AgentMessage[Asked]] = []
        self.finished = asyncio.Event()

    async def __call__(self, message: AgentMessage[Asked], context: Context) -> Payload | None:
        self.messages.append(message)
        self.contexts.append(context)
        ending = self._endings.pop(0)
        if not self._endings:
            self.finished.set()
        if isinstance(ending, Exception):
            raise ending
        return ending


async def until_parked(bus: MessageBus) -> str:
    async with asyncio.timeout(BOUND):
        while not (letters := await bus.dead_letters.list()):
            await asyncio.sleep(0.01)
    return letters[0].reason


async def test_a_request_is_answered_by_what_the_handler_returns(bus: MessageBus) -> None:
    handler = Script(Answered(text="42"))
    async with bus.serve("questions", handler, group="answerers"):
        reply = await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
    assert reply.content == Answered(text="42")
    assert reply.causation_id == handler.messages[0].id
    assert reply.conversation == handler.messages[0].conversation


async def test_a_handler_that_fails_for_good_parks_the_message_and_faults_the_caller(
    bus: MessageBus,
) -> None:
    handler = Script(KeyError("no such thing"))
    async with bus.serve("questions", handler, group="answerers"):
        with pytest.raises(RequestFaultedError, match="no such thing") as caught:
            await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
        assert caught.value.reason == "failed"
        assert await until_parked(bus) == "failed"


async def test_retries_count_attempts_and_the_last_one_parks(bus: MessageBus) -> None:
    handler = Script(*(RetryLater("busy", delay=0.01) for _ in range(3)))
    async with bus.serve("questions", handler, group="answerers", policy=QUICK):
        with pytest.raises(RequestFaultedError) as caught:
            await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
    assert caught.value.reason == "attempts_exhausted"
    assert [context.attempt for context in handler.contexts] == [1, 2, 3]


async def test_waiting_uses_up_no_attempt(bus: MessageBus) -> None:
    handler = Script(*(Postpone(delay=0.01) for _ in range(5)), Answered(text="at last"))
    async with bus.serve("questions", handler, group="answerers", policy=QUICK):
        reply = await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
    assert reply.content.text == "at last"
    assert {context.attempt for context in handler.contexts} == {1}


async def test_a_handler_that_takes_too_long_is_stopped_and_tried_again(bus: MessageBus) -> None:
    attempts: list[int] = []

    async def dawdle(message: AgentMessage[Asked], context: Context) -> Payload | None:
        attempts.append(context.attempt)
        if context.attempt == 1:
            await asyncio.Event().wait()
        return Answered(text="quicker")

    async with bus.serve("questions", dawdle, group="answerers", timeout=0.05, policy=QUICK):
        reply = await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
    assert reply.content.text == "quicker"
    assert attempts == [1, 2]


async def test_work_that_nobody_has_ever_listened_for_is_refused_at_once(bus: MessageBus) -> None:
    with pytest.raises(UnroutableError, match="Nobody listens"):
        await bus.publish(Asked(text="?"), to="questions")


async def test_no_reply_is_a_timeout(bus: MessageBus) -> None:
    async with bus.serve("questions", Script(None), group="answerers"):
        with pytest.raises(RequestTimeoutError, match=r"within 0\.2 s"):
            await bus.request(Asked(text="?"), to="questions", timeout=0.2)


async def test_a_message_past_its_deadline_is_parked_unhandled(bus: MessageBus) -> None:
    handler = Script(None)
    async with bus.serve("questions", handler, group="answerers"):
        await bus.publish(Asked(text="?"), to="questions", expires_at=bus.clock.now())
        assert await until_parked(bus) == "expired"
    assert handler.messages == []


async def test_authority_is_verified_before_the_handler_and_reaches_it(tmp_path: Path) -> None:
    async def verify(message: AgentMessage[Asked], envelope: object) -> Principal:
        if message.content.text == "forged":
            raise NotPermittedError("The signature does not fit.")
        return Principal(subject="ada", scopes=frozenset({"read_data"}))

    handler = Script(Answered(text="yes"))
    async with (
        connect(
            f"sqlite:///{tmp_path}/bus.db", registry=REGISTRY, authority=Verifying(verify, Asked)
        ) as bus,
        bus.serve("questions", handler, group="answerers"),
    ):
        with pytest.raises(RequestFaultedError) as caught:
            await bus.request(Asked(text="forged"), to="questions", timeout=BOUND)
        assert caught.value.reason == "not_permitted"
        await bus.request(Asked(text="real"), to="questions", timeout=BOUND)
    assert [context.principal.subject for context in handler.contexts] == ["ada"]


async def test_cancelling_a_conversation_stops_its_handler_and_tells_the_caller(
    bus: MessageBus,
) -> None:
    started = asyncio.Event()

    async def wait(message: AgentMessage[Asked], context: Context) -> None:
        started.set()
        await asyncio.Event().wait()

    async with bus.serve("questions", wait, group="answerers") as consumer:
        request = asyncio.create_task(bus.request(Asked(text="?"), to="questions", timeout=BOUND))
        await asyncio.wait_for(started.wait(), BOUND)
        (record,) = await bus.history.query(HistoryQuery(message_type=Asked.message_type))
        assert record.correlation_id is not None
        assert consumer.cancel(record.correlation_id) == 1
        with pytest.raises(RequestFaultedError) as caught:
            await request
    assert caught.value.reason == "cancelled"
    assert await bus.dead_letters.list() == []


async def test_a_shut_down_hands_unfinished_work_to_the_next_worker(bus: MessageBus) -> None:
    started = asyncio.Event()

    async def wait(message: AgentMessage[Asked], context: Context) -> None:
        started.set()
        await asyncio.Event().wait()

    async with bus.serve("questions", wait, group="answerers", grace=0.0):
        await bus.publish(Asked(text="?"), to="questions")
        await asyncio.wait_for(started.wait(), BOUND)
    handler = Script(None)
    async with bus.serve("questions", handler, group="answerers"):
        await asyncio.wait_for(handler.finished.wait(), BOUND)
    assert [context.attempt for context in handler.contexts] == [1]


async def test_a_shut_down_keeps_a_handler_from_beginning(tmp_path: Path) -> None:
    verifying, let_go = asyncio.Event(), asyncio.Event()

    async def verify(message: AgentMessage[Asked], envelope: object) -> Principal:
        verifying.set()
        await let_go.wait()
        return Principal(subject="ada", scopes=frozenset())

    handler = Script(None)
    url = f"sqlite:///{tmp_path}/bus.db"
    async with connect(url, registry=REGISTRY, authority=Verifying(verify, Asked)) as bus:
        async with bus.serve("questions", handler, group="answerers", grace=0.0) as consumer:
            await bus.publish(Asked(text="?"), to="questions")
            await asyncio.wait_for(verifying.wait(), BOUND)
            consumer.stop()
            await asyncio.sleep(0.05)
            let_go.set()
        assert handler.messages == []
        async with bus.serve("questions", handler, group="answerers"):
            await asyncio.wait_for(handler.finished.wait(), BOUND)


async def test_a_delivery_that_is_lost_stops_its_handler(bus: MessageBus) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def wait(message: AgentMessage[Asked], context: Context) -> None:
        if context.redeliveries:
            return
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with bus.serve("questions", wait, group="answerers", grace=0.0) as consumer:
        await bus.publish(Asked(text="?"), to="questions")
        await asyncio.wait_for(started.wait(), BOUND)
        (received,) = consumer._attended
        received.delivery.lost.set_result(None)
        await asyncio.wait_for(stopped.wait(), BOUND)


async def test_draining_lets_a_running_handler_finish(bus: MessageBus) -> None:
    started, let_go, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(message: AgentMessage[Asked], context: Context) -> None:
        started.set()
        await let_go.wait()
        finished.set()

    async with bus.serve("questions", work, group="answerers", grace=BOUND) as consumer:
        await bus.publish(Asked(text="?"), to="questions")
        await asyncio.wait_for(started.wait(), BOUND)
        consumer.stop()
        let_go.set()
    assert finished.is_set()


async def test_events_reach_every_subscriber_and_the_history(bus: MessageBus) -> None:
    async with bus.subscribe("event.#") as first, bus.subscribe("event.question.*") as second:
        sent = await bus.announce(Answered(text="news"))
        async with asyncio.timeout(BOUND):
            heard = [await anext(first), await anext(second)]
    assert [message.id for message in heard] == [sent.id, sent.id]
    (record,) = await bus.history.query(HistoryQuery(text="news"))
    assert record.topic == "event.question.answered"


async def test_a_private_bus_neither_gives_its_work_away_nor_takes_others(bus: MessageBus) -> None:
    outside, inside = Script(None), Script(None)
    async with (
        bus.serve("questions", outside, group="answerers"),
        bus.private() as own,
        own.serve("questions", inside, group="answerers"),
    ):
        await own.publish(Asked(text="mine"), to="questions")
        await bus.publish(Asked(text="yours"), to="questions")
        async with asyncio.timeout(BOUND):
            await inside.finished.wait()
            await outside.finished.wait()
    assert [message.content.text for message in inside.messages] == ["mine"]
    assert [message.content.text for message in outside.messages] == ["yours"]
    assert len(await bus.history.query(HistoryQuery(message_type=Asked.message_type))) == 2


async def test_what_the_body_raises_comes_out_as_it_is(bus: MessageBus) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with bus.serve("questions", Script(None), group="answerers"):
            raise LookupError("mine")


async def test_undecodable_messages_are_parked_beside_healthy_ones(bus: MessageBus) -> None:
    class Stranger(Payload):
        message_type = "test.stranger.came.v1"

    handler = Script(Answered(text="fine"))
    async with bus.serve("questions", handler, group="answerers"):
        await bus.publish(Stranger(), to="questions")
        reply = await bus.request(Asked(text="?"), to="questions", timeout=BOUND)
        assert reply.content.text == "fine"
        assert await until_parked(bus) == "unknown_type"


async def test_a_redriven_message_runs_once_more_as_a_first_attempt(bus: MessageBus) -> None:
    handler = Script(ValueError("not yet"), None)
    async with bus.serve("questions", handler, group="answerers"):
        await bus.publish(Asked(text="?"), to="questions")
        await until_parked(bus)
        (letter,) = await bus.dead_letters.list()
        assert await bus.redrive(letter.id)
        await asyncio.wait_for(handler.finished.wait(), BOUND)
    assert [context.attempt for context in handler.contexts] == [1, 1]
    assert await bus.dead_letters.list() == []


def test_a_fault_is_understood_by_every_registry() -> None:
    assert Fault in list(REGISTRY | Registry(Fault))
