"""`Broker`: the queues, the log and the parked messages that every process shares and none owns.

It keeps the promises of `bus.transport`, under the faults that the promises allow: a message comes
twice, late, out of order or again; a subscriber's own copies are lost with its connection.

*Not here*: the wire between a process and the broker; that is `faulty_transport`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bus.clock import Clock
from bus.dead_letter import DeadLetter
from bus.domain.codec import format_instant
from bus.domain.envelope import Envelope
from bus.domain.fault import ParkReason
from bus.domain.slow_start import SURVIVAL, SlowStart
from bus.domain.topic import is_transient, is_work, matches
from bus.transport import Subscription
from tests.simulation.chance import Chance
from tests.simulation.process import Process
from tests.simulation.trace import Trace

LEASE: Final = 15.0
"""Seconds after which a message comes back that nobody attends to."""

DETECTION: Final = (0.0, 15.0)
"""Seconds until the broker knows that a process died, from to."""

NOTICE: Final = 5.0
"""Seconds within which whoever held a lease hears that it ran out."""

EPSILON: Final = 1e-6
"""Seconds between two messages on one wire, which arrive in order."""


@dataclass(eq=False, slots=True)
class Item:
    """One message in one queue. `number` is its place."""

    envelope: Envelope
    number: int
    attempt: int = 1
    redeliveries: int = 0
    published_at: str = ""


@dataclass(eq=False, slots=True)
class Handout:
    """An item in the hands of a subscriber, until it is settled or taken away."""

    item: Item
    queue: "Queue"
    taker: "Taker"
    is_held: bool = True


@dataclass(eq=False, slots=True)
class Queue:
    """Messages for one group, or for one subscriber without a group."""

    name: str
    group: str | None
    patterns: list[str] = field(default_factory=list)
    waiting: list[Item] = field(default_factory=list)
    held: list[Handout] = field(default_factory=list)
    takers: list["Taker"] = field(default_factory=list)
    delayed: int = 0


class Taker:
    """One subscription as the broker sees it; `due_at` is when the last message sent arrives."""

    def __init__(
        self,
        process: Process,
        subscription: Subscription,
        queue: Queue,
        *,
        arrive: Callable[[Handout], None],
        lose: Callable[[Handout], None],
    ) -> None:
        self.process = process
        self.queue = queue
        self.arrive = arrive
        self.lose = lose
        self.is_connected = True
        self.due_at = 0.0
        self._prefetch = subscription.prefetch
        self.begin()

    def begin(self) -> None:
        """Start slowly, as after every connection."""
        self.slow_start = SlowStart(self._prefetch, gradual=self.queue.group is not None)

    @property
    def has_room(self) -> bool:
        """Whether it may be given one more."""
        held = sum(handout.taker is self for handout in self.queue.held)
        return self.is_connected and held < self.slow_start.window


class Broker:
    """Durable, single, and never down.

    `log` holds what is recorded, once per id; `accepted` all that was ever published, and when;
    `acked` what was acknowledged, with its group.
    """

    def __init__(self, *, clock: Clock, chance: Chance, trace: Trace) -> None:
        self.log: list[Envelope] = []
        self.accepted: list[tuple[float, Envelope]] = []
        self.parked: list[DeadLetter] = []
        self.acked: list[tuple[str, Envelope]] = []
        self.queues: list[Queue] = []
        self._recorded: set[str] = set()
        self._clock = clock
        self._chance = chance
        self._trace = trace
        self._numbers = 0

    # Publishing

    def accept(self, envelope: Envelope) -> bool:
        """Have it in every queue that takes it, and in the log; False if it is unroutable."""
        queues = self._queues_for(envelope)
        if not queues and (envelope.direct or is_work(envelope.topic)):
            return False
        if not envelope.is_transient:
            self.accepted.append((self._clock.monotonic(), envelope))
            if envelope.id not in self._recorded:
                self._recorded.add(envelope.id)
                self.log.append(envelope)
        for queue in queues:
            twice = queue.group is not None and self._chance.happens(
                self._chance.profile.duplicated
            )
            for _ in range(2 if twice else 1):
                self._enqueue(queue, envelope)
        return True

    def _queues_for(self, envelope: Envelope) -> list[Queue]:
        if envelope.direct:
            return [queue for queue in self.queues if queue.name == envelope.topic]
        matching = [
            queue
            for queue in self.queues
            if any(matches(pattern, envelope.topic) for pattern in queue.patterns)
        ]
        if is_transient(envelope.topic):
            return [queue for queue in matching if queue.group is None]
        if is_work(envelope.topic):
            return [queue for queue in matching if queue.group is not None]
        return matching

    def _enqueue(
        self, queue: Queue, envelope: Envelope, *, attempt: int = 1, published_at: str = ""
    ) -> None:
        self._numbers += 1
        now = published_at or format_instant(self._clock.now())
        queue.waiting.append(Item(envelope, self._numbers, attempt, published_at=now))
        self._hand_out(queue)

    def give_to(self, group: str, envelope: Envelope) -> None:
        """Have it in the queue of `group`, as the first attempt."""
        (queue,) = [queue for queue in self.queues if queue.group == group]
        self._enqueue(queue, envelope)

    # Taking

    def join(self, taker: Taker) -> None:
        """Give `taker` what comes from now on, and what waits for its group."""
        taker.queue.takers.append(taker)
        self._hand_out(taker.queue)

    def queue_of(self, subscription: Subscription) -> Queue:
        """The queue of a group, made if it is new, or one for a subscriber of its own."""
        group = subscription.group
        if group is not None:
            for queue in self.queues:
                if queue.group == group:
                    break
            else:
                queue = Queue(group, group)
                self.queues.append(queue)
            if subscription.pattern not in queue.patterns:
                queue.patterns.append(subscription.pattern)
        else:
            self._numbers += 1
            queue = Queue(f"own {self._numbers}", None, [subscription.pattern])
            self.queues.append(queue)
        return queue

    def leave(self, taker: Taker) -> None:
        """Give `taker` nothing more; what it holds it may still settle."""
        if taker in taker.queue.takers:
            taker.queue.takers.remove(taker)
        if taker.queue.group is None and taker.queue in self.queues:
            self.queues.remove(taker.queue)

    def consumers(self, group: str) -> int:
        """How many take from `group`, as far as the broker knows."""
        return sum(
            taker.is_connected
            for queue in self.queues
            if queue.group == group
            for taker in queue.takers
        )

    def _hand_out(self, queue: Queue) -> None:
        while queue.waiting:
            ready = [taker for taker in queue.takers if taker.has_room]
            if not ready:
                return
            taker = ready[0] if len(ready) == 1 else self._chance.one_of(ready)
            overtakes = len(queue.waiting) > 1 and self._chance.happens(
                self._chance.profile.reordered
            )
            item = queue.waiting.pop(self._chance.below(len(queue.waiting)) if overtakes else 0)
            handout = Handout(item, queue, taker)
            queue.held.append(handout)
            taker.slow_start.taken(redeliveries=item.redeliveries)
            loop = asyncio.get_running_loop()
            taker.due_at = max(taker.due_at + EPSILON, loop.time() + self._chance.way())
            loop.call_at(taker.due_at, taker.arrive, handout)
            if queue.group is not None and not taker.slow_start.is_full:
                loop.call_later(SURVIVAL, self._outlive, handout)

    def _outlive(self, handout: Handout) -> None:
        if handout.is_held and handout.taker.process.is_alive:
            handout.taker.slow_start.outlived()
            self._hand_out(handout.queue)

    # Settling

    def settle(self, handout: Handout, act: Callable[[], None] | None = None) -> bool:
        """Take it out of the hands of its subscriber and do `act`; False if it is not there."""
        if not handout.is_held:
            return False
        self._take_away(handout)
        handout.taker.slow_start.outlived()
        if act is not None:
            act()
        self._hand_out(handout.queue)
        return True

    def acknowledge(self, handout: Handout) -> None:
        """It is done."""
        self.acked.append((handout.queue.name, handout.item.envelope))

    def retry(self, handout: Handout, *, delay: float, attempt: int) -> None:
        """A copy waits from `delay` seconds on."""
        queue, item = handout.queue, handout.item

        def come_back() -> None:
            queue.delayed -= 1
            self._enqueue(queue, item.envelope, attempt=attempt, published_at=item.published_at)

        queue.delayed += 1
        asyncio.get_running_loop().call_later(delay, come_back)

    def park(self, handout: Handout, *, reason: ParkReason, error: str, host: str) -> None:
        """It is among the dead letters."""
        self.parked.append(
            DeadLetter(
                id=f"letter {len(self.parked) + 1}",
                envelope=handout.item.envelope.without_token(),
                group=handout.queue.group or "",
                reason=reason,
                error=error,
                attempts=handout.item.attempt,
                host=host,
                published_at=handout.item.published_at,
                parked_at=format_instant(self._clock.now()),
            )
        )

    def give_back(self, handout: Handout, *, counted: bool) -> None:
        """It waits again, at its old place; `counted` if its subscriber never settled it."""
        if handout.is_held:
            self._take_away(handout)
            self._requeue(handout, counted=counted)

    def requeue(self, handout: Handout) -> None:
        """The act of a settlement that hands back."""
        self._requeue(handout, counted=False)

    def abandon(self, handout: Handout) -> None:
        """Nobody attends to it any more: it comes back when its lease is over."""
        asyncio.get_running_loop().call_later(
            self._chance.between(0.0, LEASE), self._run_out, handout
        )

    # What befalls processes

    def expire(self, process: Process) -> None:
        """The lease of one delivery of `process` runs out, and it hears of it later."""
        held = [
            handout
            for queue in self.queues
            if queue.group is not None
            for handout in queue.held
            if handout.taker.process is process
        ]
        if held:
            self._run_out(self._chance.one_of(held))

    def disconnect(self, process: Process) -> None:
        """Its connection broke: what it held is somebody else's, its own copies are gone."""
        for queue in list(self.queues):
            for taker in queue.takers:
                if taker.process is process:
                    taker.is_connected = False
                    taker.begin()
            for handout in [each for each in queue.held if each.taker.process is process]:
                if queue.group is None:
                    self._take_away(handout)
                else:
                    self.give_back(handout, counted=True)
                handout.taker.lose(handout)
            if queue.group is None and any(taker.process is process for taker in queue.takers):
                queue.waiting.clear()

    def reconnect(self, process: Process) -> None:
        """Its subscriptions are there again."""
        for queue in self.queues:
            for taker in queue.takers:
                if taker.process is process:
                    taker.is_connected = True
            if queue.group is None and any(taker.process is process for taker in queue.takers):
                queue.waiting.clear()
            self._hand_out(queue)

    def bury(self, process: Process) -> None:
        """It is known to be dead, or has closed its connection."""
        self.disconnect(process)
        for queue in list(self.queues):
            for taker in [each for each in queue.takers if each.process is process]:
                self.leave(taker)

    @property
    def is_empty(self) -> bool:
        """Whether no group's message waits, is delayed, or is held."""
        return not any(
            queue.waiting or queue.held or queue.delayed
            for queue in self.queues
            if queue.group is not None
        )

    def _run_out(self, handout: Handout) -> None:
        if not handout.is_held:
            return
        self._trace.note("broker", "lease runs out", handout.item.envelope.topic)
        self.give_back(handout, counted=True)
        asyncio.get_running_loop().call_later(
            self._chance.between(0.0, NOTICE), handout.taker.lose, handout
        )

    def _take_away(self, handout: Handout) -> None:
        handout.is_held = False
        handout.queue.held.remove(handout)

    def _requeue(self, handout: Handout, *, counted: bool) -> None:
        item, queue = handout.item, handout.queue
        item.redeliveries += counted
        place = sum(other.number < item.number for other in queue.waiting)
        queue.waiting.insert(place, item)
        self._hand_out(queue)
