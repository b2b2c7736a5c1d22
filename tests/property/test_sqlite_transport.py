"""The embedded transport against a model of queues as plain lists.

Every subscription has a prefetch of 1, so that whoever takes a message takes the first that waits.
"""

import asyncio
import tempfile
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.errors import SettlementError, UnroutableError
from bus.history import HistoryQuery
from bus.transport import Delivery, Subscription
from bus.transports import sqlite as sqlite_transport
from bus.transports.sqlite import SqliteTransport
from bus.transports.sqlite_subscription import SqliteSubscription
from tests.support.bus_under_test import PATIENCE
from tests.support.clock import ManualClock
from tests.support.events import event
from tests.support.sqlite_bus import open_sqlite_bus

LEASE = 15.0
GROUPS = {"a": "task.a", "b": "task.b", "all": "event.#"}
TOPICS = {"task.a": ["a"], "task.b": ["b"], "event.x": ["all"], "task.none": []}


@dataclass(eq=False)
class Waiting:
    """A delivery as the model sees it; it stands in its group's list until it is settled."""

    id: str
    attempt: int = 1
    redeliveries: int = 0
    due_at: float | None = None
    is_taken: bool = False


@dataclass(eq=False)
class Consumer:
    """One subscriber, with what it holds: the delivery, what it stands for, when it was taken."""

    transport: SqliteTransport
    group: str
    subscribing: AbstractAsyncContextManager
    deliveries: SqliteSubscription
    held: tuple[Delivery, Waiting, int] | None = None


@dataclass
class Model:
    """What should be."""

    groups: dict[str, list[Waiting]] = field(default_factory=lambda: {name: [] for name in GROUPS})
    published: list[str] = field(default_factory=list)
    parked: list[tuple[str, str, int]] = field(default_factory=list)
    handouts: dict[Waiting, int] = field(default_factory=dict)

    def wake(self, group: str, now: float) -> None:
        """What happens to a group whenever somebody looks for something to take."""
        for waiting in self.groups[group]:
            if waiting.due_at is not None and waiting.due_at <= now:
                waiting.redeliveries += waiting.is_taken
                waiting.due_at, waiting.is_taken = None, False

    def ready(self, group: str, now: float) -> list[Waiting]:
        return [each for each in self.groups[group] if each.due_at is None or each.due_at <= now]


class SqliteTransportMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.model = Model()
        self.consumers: list[Consumer] = []
        self.folder = tempfile.TemporaryDirectory()
        self.opening = open_sqlite_bus(str(Path(self.folder.name, "bus.db")), self.clock)
        self.bus = self.run(self.opening.__aenter__())
        self.publisher = self.run(self.bus.transport())
        self.history = self.run(self.bus.history())
        self.dead_letters = self.run(self.bus.dead_letters())
        for group in ("a", "a", "b", "all"):
            self.run(self.join(group))

    def teardown(self) -> None:
        for consumer in self.consumers:
            self.run(consumer.subscribing.__aexit__(None, None, None))
        self.run(self.opening.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    def run(self, awaitable):
        return self.runner.run(self.bounded(awaitable))

    async def bounded(self, awaitable):
        async with asyncio.timeout(PATIENCE):
            return await awaitable

    async def join(self, group: str) -> None:
        transport = await self.bus.transport()
        subscription = Subscription(pattern=GROUPS[group], group=group, prefetch=1)
        subscribing = transport.subscribe(subscription)
        deliveries = await subscribing.__aenter__()
        self.consumers.append(Consumer(transport, group, subscribing, deliveries))

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    def idle(self) -> list[Consumer]:
        return [each for each in self.consumers if each.held is None]

    def busy(self) -> list[Consumer]:
        return [each for each in self.consumers if each.held is not None]

    # Rules

    @rule(topic=st.sampled_from(sorted(TOPICS)))
    def publish(self, topic: str) -> None:
        envelope = event(topic)
        if topic == "task.none":
            with pytest.raises(UnroutableError):
                self.run(self.publisher.publish(envelope))
            return
        self.run(self.publisher.publish(envelope))
        self.model.published.append(envelope.id)
        for group in TOPICS[topic]:
            self.model.groups[group].append(Waiting(envelope.id))

    @precondition(lambda self: any(self.model.ready(c.group, self.now) for c in self.idle()))
    @rule(data=st.data())
    def take(self, data) -> None:
        able = [each for each in self.idle() if self.model.ready(each.group, self.now)]
        consumer = data.draw(st.sampled_from(able))
        self.model.wake(consumer.group, self.now)
        expected = self.model.ready(consumer.group, self.now)[0]
        consumer.deliveries.look()
        delivery = self.run(anext(consumer.deliveries))
        found = (delivery.envelope.id, delivery.attempt, delivery.redeliveries)
        assert found == (expected.id, expected.attempt, expected.redeliveries)
        expected.is_taken, expected.due_at = True, self.now + LEASE
        handout = self.model.handouts[expected] = self.model.handouts.get(expected, 0) + 1
        consumer.held = (delivery, expected, handout)

    @precondition(lambda self: self.busy())
    @rule(data=st.data(), how=st.sampled_from(["ack", "nack", "postpone", "reject", "release"]))
    def settle(self, data, how: str) -> None:
        consumer = data.draw(st.sampled_from(self.busy()))
        assert consumer.held is not None
        delivery, waiting, handout = consumer.held
        consumer.held = None
        match how:
            case "ack":
                settling = delivery.ack()
            case "nack":
                settling = delivery.nack()
            case "postpone":
                settling = delivery.nack(5.0, counted=False)
            case "reject":
                settling = delivery.reject("failed", "no")
            case "release":
                settling = delivery.release()
        if not waiting.is_taken or self.model.handouts[waiting] != handout:
            with pytest.raises(SettlementError):
                self.run(settling)
            assert delivery.lost.done()
            return
        self.run(settling)
        waiting.is_taken, waiting.due_at = False, None
        match how:
            case "ack":
                self.model.groups[consumer.group].remove(waiting)
            case "nack":
                waiting.attempt += 1
                waiting.redeliveries = 0
            case "postpone":
                waiting.due_at = self.now + 5.0
                waiting.redeliveries = 0
            case "reject":
                self.model.groups[consumer.group].remove(waiting)
                self.model.parked.append((waiting.id, consumer.group, waiting.attempt))

    @rule(seconds=st.sampled_from([1.0, 5.0, 14.0, 16.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(data=st.data(), is_clean=st.booleans())
    def leave(self, data, is_clean: bool) -> None:
        consumer = data.draw(st.sampled_from(self.consumers))
        self.consumers.remove(consumer)
        if is_clean:
            self.run(consumer.transport.aclose())
        else:
            self.run(self.bus.break_off(consumer.transport))
            self.run(self.publisher._bury_dead())
        self.run(consumer.subscribing.__aexit__(None, None, None))
        if consumer.held is not None:
            _, waiting, handout = consumer.held
            if waiting.is_taken and self.model.handouts[waiting] == handout:
                waiting.is_taken, waiting.due_at = False, None
                waiting.redeliveries += not is_clean
        self.run(self.join(consumer.group))

    @precondition(lambda self: self.model.parked)
    @rule(data=st.data())
    def redrive(self, data) -> None:
        index = data.draw(st.integers(0, len(self.model.parked) - 1))
        letter = self.run(self.dead_letters.list())[index]
        id, group, _ = self.model.parked.pop(index)
        assert self.run(self.dead_letters.redrive(letter.id))
        self.model.groups[group].append(Waiting(id))

    # Invariants

    @invariant()
    def what_was_confirmed_is_recorded_in_order(self) -> None:
        records = self.run(self.history.query(HistoryQuery()))
        assert [record.id for record in records] == self.model.published

    @invariant()
    def what_was_rejected_is_parked(self) -> None:
        letters = self.run(self.dead_letters.list())
        found = [(each.envelope.id, each.group, each.attempts) for each in letters]
        assert found == self.model.parked

    @invariant()
    def presence_is_known(self) -> None:
        now = {group: self.run(self.publisher.consumers(group)) for group in GROUPS}
        # A manual clock lets presence grow stale, as nobody shows a sign of life in time.
        assert all(now[group] <= sum(c.group == group for c in self.consumers) for group in GROUPS)


@pytest.fixture(autouse=True)
def _nobody_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_transport, "PROBE_INTERVAL", 3600.0)


TestSqliteTransport = SqliteTransportMachine.TestCase
TestSqliteTransport.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
