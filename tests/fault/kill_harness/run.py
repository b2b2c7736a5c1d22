"""One run: a crew at work, a client that asks, blows by the schedule, quiet, and the evidence.

*Guarantees*: whatever happens, no process of the run outlives it; its servers belong to the place.
"""

import asyncio
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agents.domain.report import ReportPublished
from agents.domain.role import ORCHESTRATOR
from agents.messages import REGISTRY
from bus import Authority, DeadLetter, Event, Fault, connect
from tests.fault.kill_harness import panel
from tests.fault.kill_harness.client import Client, copy_of, publishing
from tests.fault.kill_harness.crew import Crew, Post, working
from tests.fault.kill_harness.evidence import Blow, Evidence, Parked, ReportCopy, Struck
from tests.fault.kill_harness.journal import payments
from tests.fault.kill_harness.place import Place
from tests.fault.kill_harness.schedule import schedule
from tests.support.command_line import DATA, CommandLine

APP: Final = f"{panel.__name__}:PANEL"
DATASET: Final = "airlines.csv"
QUIET: Final = 5.0
"""Seconds without the last reports after which the history is asked about them."""

EMPTYING: Final = 150.0
"""Seconds within which what was put off has come back and is gone: the longest delay and more."""
BREATHER: Final = 20.0
"""Seconds between two blows of a kind against a server: a system that is down can lose nothing."""
_LOOK_EVERY: Final = 0.2

_VICTIMS: Final = {
    Blow.KILL_ORCHESTRATOR: ("orchestrator", signal.SIGKILL),
    Blow.DRAIN_ORCHESTRATOR: ("orchestrator", signal.SIGTERM),
    Blow.KILL_SPECIALIST: ("specialist", signal.SIGKILL),
    Blow.DRAIN_SPECIALIST: ("specialist", signal.SIGTERM),
    Blow.KILL_RECORDER: ("", signal.SIGKILL),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to be.

    Blows fall for `seconds`, or until there were `blows`, with `pause` seconds, from and to, before
    each; on a busy machine, where workers take longer to start, the pauses are longer in
    proportion. `app` is what the workers load. `deadline` is the requests' own, in seconds.
    """

    seed: int
    seconds: float
    deck: Mapping[Blow, int]
    blows: int = sys.maxsize
    pause: tuple[float, float] = (0.5, 3.0)
    orchestrators: int = 2
    specialists: int = 3
    app: str = APP
    deadline: float = 240.0


@dataclass(slots=True)
class _Assault:
    """The blows of one run; a server is struck again only once it was back for a while."""

    place: Place
    crew: Crew
    draw: random.Random
    struck: list[Struck] = field(default_factory=list)
    _busy: set[Blow] = field(default_factory=set)

    async def strike(self, blow: Blow, servers: asyncio.TaskGroup) -> None:
        if blow not in _VICTIMS:
            if blow not in self._busy:
                self._busy.add(blow)
                servers.create_task(self._strike_server(blow), name=blow)
            return
        kind, number = _VICTIMS[blow]
        serving = self.crew.serving(kind)
        if not serving:
            return
        # The broker's single active consumer is the first that subscribed: who served longest.
        victim = serving[0] if blow is Blow.KILL_RECORDER else self.draw.choice(serving)
        began_at = time.time()
        pid = self.crew.strike(victim, number)
        self.struck.append(Struck(blow=blow, began_at=began_at, ended_at=time.time(), pid=pid))

    async def _strike_server(self, blow: Blow) -> None:
        began_at = time.time()
        await self.place.strike(blow)
        self.struck.append(Struck(blow=blow, began_at=began_at, ended_at=time.time()))
        again_in = BREATHER * self.crew.slowness
        asyncio.get_running_loop().call_later(again_in, self._busy.discard, blow)


async def _authority(line: CommandLine) -> Authority | None:
    """That of the user whose the crew is; the key of a bus file stands beside it."""
    if line.environment["CONVENER_BUS"].startswith("sqlite:"):
        return None
    return await asyncio.to_thread(line.authority)


async def run(place: Place, plan: Plan, folder: Path) -> Evidence:
    """Make the run in `folder`, which is its own, and hand over what it left behind.

    Raises:
        TimeoutError: the crew did not come into being, or the system did not come to rest.
    """
    shutil.copy(DATA / DATASET, folder)
    line = CommandLine(home=folder, folder=folder, environment=dict(place.environment))
    location = f"here/{DATASET}" if "CONVENER_DATA" in place.environment else f"{folder}/{DATASET}"
    async with (
        working(line, _posts(plan), folder / "logs") as crew,
        connect(
            place.environment["CONVENER_BUS"],
            registry=REGISTRY,
            authority=await _authority(line),
            name="client",
            cache=folder / "client",
        ) as bus,
    ):
        async with publishing(bus, location, deadline=plan.deadline) as client:
            assault = _Assault(place, crew, random.Random(plan.seed))
            async with asyncio.TaskGroup() as servers:
                end = time.monotonic() + plan.seconds
                for pause, blow in schedule(plan.seed, plan.deck, pause=plan.pause):
                    wait = pause * crew.slowness
                    if time.monotonic() + wait > end or len(assault.struck) >= plan.blows:
                        break
                    await asyncio.sleep(wait)
                    await assault.strike(blow, servers)
            client.stop()
            await crew.complete()
            await _rest(client, place, plan.deadline)
        parked = await bus.dead_letters.list(10_000)
        await crew.dismiss()
    return _evidence(
        client=client,
        struck=assault.struck,
        crew=crew,
        left=await place.left(),
        events=await place.events(),
        parked=parked,
        journal=folder / panel.JOURNAL,
    )


def _posts(plan: Plan) -> Sequence[Post]:
    options = ("--app", plan.app, "--grace", "5")
    return [
        *(
            Post(f"orchestrator-{n}", (ORCHESTRATOR, *options))
            for n in range(1, plan.orchestrators + 1)
        ),
        *(
            Post(f"specialist-{n}", (*panel.ROLES, *options))
            for n in range(1, plan.specialists + 1)
        ),
    ]


async def _rest(client: Client, place: Place, deadline: float) -> None:
    """Returns once every request has an end, or can have none any more, and nothing waits.

    A copy of a report may pass by a client whose connection was gone; the history has it.
    """
    last_chance = max((each.confirmed_at for each in client.confirmed), default=0.0) + deadline
    while client.open_requests() and time.time() < last_chance + QUIET:
        if await _within(QUIET, lambda: not client.open_requests()):
            break
        events = await place.events()
        ended, faulted = {copy.request_id for copy in _reports(events)}, _faults(events)
        if not any(
            each.request_id in client.open_requests() - ended and each.message_id not in faulted
            for each in client.confirmed
        ):
            break
    emptied_by = time.time() + EMPTYING
    while sum((await place.left()).values()) and time.time() < emptied_by:
        await asyncio.sleep(_LOOK_EVERY)


async def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether `holds` comes true in time."""
    end = time.time() + seconds
    while not holds() and time.time() < end:
        await asyncio.sleep(_LOOK_EVERY)
    return holds()


def _evidence(
    *,
    client: Client,
    struck: Sequence[Struck],
    crew: Crew,
    left: Mapping[str, int],
    events: Sequence[Event],
    parked: Sequence[DeadLetter],
    journal: Path,
) -> Evidence:
    return Evidence(
        confirmed=client.confirmed,
        recorded=_reports(events),
        recorded_ids=frozenset(event.id for event in events),
        seen=client.seen,
        faults=_faults(events),
        parked=[
            Parked(
                message_id=letter.envelope.id,
                topic=letter.envelope.topic,
                reason=letter.reason,
                error=letter.error,
            )
            for letter in parked
        ],
        payments=payments(journal),
        struck=struck,
        left=left,
        exits=crew.exits,
    )


def _reports(events: Sequence[Event]) -> Sequence[ReportCopy]:
    return [
        copy_of(ReportPublished.model_validate(event.data), "recorded")
        for event in events
        if event.type == ReportPublished.message_type
    ]


def _faults(events: Sequence[Event]) -> Mapping[str, str]:
    return {
        event.causation_id: Fault.model_validate(event.data).reason
        for event in events
        if event.type == Fault.message_type and event.causation_id
    }
