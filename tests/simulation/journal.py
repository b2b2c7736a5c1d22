"""`Journal`: what an all-seeing observer wrote down during a run, for the checker to judge."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bus.domain.envelope import Envelope

Ending: TypeAlias = Literal["reported", "faulted", "timed_out"]
"""How an accepted request ended for its client."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`life` is the name of the process's life."""

    at: float
    life: str


@dataclass(slots=True)
class Asked:
    """One accepted request as its client saw it; `report` is the content received, as JSON."""

    ending: Ending | None = None
    ended_at: float = 0.0
    report: bytes | None = None
    fault: str = ""


class Journal:
    """Requests by id, work by task id, records by ledger key; the rest by life."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.asked: dict[str, Asked] = {}
        self.request_of: dict[str, str] = {}
        self.began: dict[str, list[Moment]] = defaultdict(list)
        self.paid: dict[str, list[Moment]] = defaultdict(list)
        self.recorded: dict[str, list[Moment]] = defaultdict(list)
        self.told: dict[str, list[Moment]] = defaultdict(list)
        self.refused: dict[str, list[Moment]] = defaultdict(list)
        self.heard: list[tuple[Moment, Envelope]] = []
        self.lost: list[tuple[Moment, Envelope]] = []
        self.stops: dict[str, float] = {}
        self.deaths: dict[str, float] = {}
        self.dead_letterboxes: set[str] = set()
        self.accidents: list[str] = []

    def now(self, life: str) -> Moment:
        return Moment(self._loop.time(), life)

    def note_begin(self, life: str, task: str) -> None:
        """`life` begins to work on `task`."""
        self.began[task].append(self.now(life))

    def note_payment(self, life: str, task: str) -> None:
        """`life` has worked on `task`, which cost something."""
        self.paid[task].append(self.now(life))

    def note_record(self, life: str, key: str) -> None:
        """A value is kept under `key` now that `life` asked for that."""
        self.recorded[key].append(self.now(life))

    def note_told(self, life: str, key: str) -> None:
        """`life` knows that a value is kept under `key`."""
        self.told[key].append(self.now(life))

    def note_refusal(self, life: str, key: str) -> None:
        """`life` could not have a value kept under `key`, or does not know that it is."""
        self.refused[key].append(self.now(life))

    def note_arrival(self, life: str, envelope: Envelope) -> None:
        """A message has reached `life`."""
        self.heard.append((self.now(life), envelope))

    def note_loss(self, life: str, envelope: Envelope) -> None:
        """A delivery was taken from `life`."""
        self.lost.append((self.now(life), envelope))

    def note_stop(self, life: str) -> None:
        """`life` was told to stop."""
        self.stops.setdefault(life, self._loop.time())

    def note_death(self, life: str) -> None:
        """`life` ended without a chance to clean up."""
        self.deaths[life] = self._loop.time()

    def note_accident(self, what: str) -> None:
        """Something happened that must not, whatever the faults; one sentence."""
        self.accidents.append(what)
