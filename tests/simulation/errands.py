"""`Errands`: the bus without any agents, with handlers that do well, badly, or for the last time.

`errand_violations` checks that every message that was accepted is done, or parked for the reason
that its kind gives, that its sender is told, and that nothing but the poison is parked.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Final

from bus import (
    AgentMessage,
    BusError,
    Context,
    Fault,
    MessageBus,
    MessageId,
    Payload,
    Postpone,
    Registry,
    RequestFaultedError,
    RequestTimeoutError,
    RetryLater,
    RetryPolicy,
    UnroutableError,
    parse,
)
from bus.transport import DELIVERY_LIMIT
from tests.simulation.chance import Chance
from tests.simulation.journal import Journal
from tests.simulation.process import Process
from tests.simulation.trace import Trace
from tests.simulation.world import Outcome

KINDS: Final = ("plain", "plain", "plain", "flaky", "patient", "clumsy", "endless", "deadly")
PARKED_AS: Final = {
    "clumsy": "failed",
    "endless": "attempts_exhausted",
    "deadly": "delivery_limit",
}
"""Why a message of that kind is parked; the other kinds are done."""

POLICY: Final = RetryPolicy(max_attempts=3, base_delay=0.2, max_delay=1.0)
TIMEOUT: Final = 2.0


class ErrandSent(Payload):
    message_type = "test.errand.sent.v1"
    kind: str


class ErrandDone(Payload):
    message_type = "test.errand.done.v1"
    by: str


class Errands:
    """Implements `Workload`. What was handled is in the journal as work, by message id."""

    registry: ClassVar[Registry] = Registry(ErrandSent, ErrandDone)

    def __init__(self, chance: Chance, journal: Journal, trace: Trace) -> None:
        self._chance = chance
        self._journal = journal
        self._trace = trace

    def draw_roles(self) -> list[list[str]]:
        """Two or three machines that all do the same."""
        return [["errands"] for _ in range(2 + self._chance.below(2))]

    @asynccontextmanager
    async def serve(
        self, bus: MessageBus, process: Process, roles: Sequence[str]
    ) -> AsyncIterator[None]:
        async def handle(message: AgentMessage[ErrandSent], context: Context) -> ErrandDone:
            kind = message.content.kind
            self._journal.note_begin(process.name, message.id)
            self._trace.note(process.name, "runs", f"{kind} {message.id[:6]}")
            await asyncio.sleep(self._chance.between(0.0, 0.5))
            match kind:
                case "flaky" if context.attempt < POLICY.max_attempts:
                    raise RetryLater("Not today.")
                case "patient" if len(self._journal.began[message.id]) < 4:
                    raise Postpone("Not now.", delay=0.5)
                case "clumsy":
                    raise KeyError("no such street")
                case "endless":
                    await asyncio.Event().wait()
                case "deadly":
                    process.die()
                    await asyncio.Event().wait()
                case _:
                    pass
            self._journal.note_payment(process.name, message.id)
            return ErrandDone(by=process.name)

        async with bus.serve(
            "errand", handle, group="errands", policy=POLICY, timeout=TIMEOUT, grace=1.0
        ):
            yield

    async def ask(self, bus: MessageBus) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(4 + self._chance.below(8)):
                if self._chance.is_so(0.5):
                    group.create_task(self._request(bus))
                else:
                    group.create_task(self._send(bus))

    async def _send(self, bus: MessageBus) -> None:
        """Have one errand accepted, however often that takes, under one id."""
        await asyncio.sleep(self._chance.between(0.5, 20.0))
        errand = ErrandSent(kind=self._chance.one_of(KINDS))
        id, timestamp = MessageId(f"sent {self._chance.below(10**9)}"), bus.clock.now()
        while True:
            try:
                await bus.publish(errand, to="errand", id=id, timestamp=timestamp)
            except UnroutableError:
                return
            except BusError:
                await asyncio.sleep(0.2)
            else:
                return

    async def _request(self, bus: MessageBus) -> None:
        await asyncio.sleep(self._chance.between(0.5, 20.0))
        kind = self._chance.one_of([kind for kind in KINDS if kind != "deadly"])
        try:
            reply = await bus.request(ErrandSent(kind=kind), to="errand", timeout=60.0)
        except RequestFaultedError as fault:
            if fault.reason not in (PARKED_AS.get(kind), "expired"):
                self._journal.note_accident(f"A {kind} errand was answered {fault.reason}.")
        except (RequestTimeoutError, BusError) as error:
            self._trace.note("client", "has no answer", str(error))
        else:
            if kind in PARKED_AS or not isinstance(reply.content, ErrandDone):
                self._journal.note_accident(f"A {kind} errand was answered {reply.content}.")


def errand_violations(outcome: Outcome) -> list[str]:
    """0..n sentences, each about something that must never be."""
    return [*outcome.journal.accidents, *_unfinished(outcome), *_parked(outcome)]


def _unfinished(outcome: Outcome) -> Iterator[str]:
    journal, broker = outcome.journal, outcome.broker
    acked = {envelope.id for _, envelope in broker.acked}
    parked = {letter.envelope.id for letter in broker.parked}
    for _, envelope in broker.accepted:
        if envelope.message_type != ErrandSent.message_type:
            continue
        kind = parse(envelope.body).data["kind"]
        if envelope.id not in acked | parked:
            yield f"I6: the {kind} errand {envelope.id} was lost."
        if envelope.id in acked and envelope.id not in journal.paid:
            yield f"I6: the {kind} errand {envelope.id} was acknowledged and never done."
        if kind in PARKED_AS and envelope.id not in parked:
            yield f"I7: the {kind} errand {envelope.id} was not parked."


def _parked(outcome: Outcome) -> Iterator[str]:
    journal, broker = outcome.journal, outcome.broker
    copies = Counter(letter.envelope.id for letter in broker.parked)
    told = {
        parse(envelope.body).causation_id
        for _, envelope in broker.accepted
        if envelope.message_type == Fault.message_type
    }
    for letter in broker.parked:
        kind = parse(letter.envelope.body).data["kind"]
        if letter.reason not in (PARKED_AS.get(kind), "expired"):
            yield f"I7: the {kind} errand {letter.envelope.id} was parked as {letter.reason}."
        if not (letter.error and letter.group and letter.host):
            yield f"I7: {letter.id} does not say why, where and by whom it was parked."
        if letter.envelope.reply_to is not None and letter.envelope.id not in told:
            yield f"I7: nobody told the sender of {letter.envelope.id}."
        runs = len(journal.began[letter.envelope.id])
        if kind == "deadly" and runs > copies[letter.envelope.id] * (DELIVERY_LIMIT + 1):
            yield f"I7: the deadly errand {letter.envelope.id} was run {runs} times."
