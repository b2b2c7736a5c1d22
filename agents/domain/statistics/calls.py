"""Counting calls: how they ended, where answers came from, how long it took, what it cost.

*Guarantees*: a measured time takes 8 bytes; percentiles are exact.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from agents.domain.call import CallStatus, ModelCallStatus, Source
from agents.domain.statistics.figures import CallFigures, Repeats, Reuse, Times
from agents.domain.statistics.readings import Used
from agents.domain.usage import Usage

MAX_KEYS: Final = 200_000
"""Answers that are remembered to notice that one is made again; the oldest are forgotten first."""

_TIMED: Final = frozenset({"succeeded", "failed", "timed_out", "throttled"})


def seconds() -> "array[float]":
    """An empty row of measured times."""
    return array("d")


def times_of(*rows: Iterable[float]) -> Times | None:
    """What can be said of all times in `rows` together; None if there are none."""
    ordered = sorted(chain(*rows))
    count = len(ordered)
    if not count:
        return None
    total = math.fsum(ordered)

    def percentile(percent: int) -> float:
        return round(ordered[-(-percent * count // 100) - 1], 6)

    return Times(
        count=count,
        total=round(total, 6),
        mean=round(total / count, 6),
        p50=percentile(50),
        p95=percentile(95),
        p99=percentile(99),
        most=round(ordered[-1], 6),
    )


@dataclass(slots=True)
class Calls:
    """Calls of one callee, or by one role."""

    statuses: Counter[str] = field(default_factory=Counter)
    sources: Counter[Source] = field(default_factory=Counter)
    made: "array[float]" = field(default_factory=seconds)
    kept: "array[float]" = field(default_factory=seconds)

    def add(self, status: CallStatus | ModelCallStatus, source: Source, seconds: float) -> None:
        """Count one call."""
        self.statuses[status] += 1
        if status == "succeeded":
            self.sources[source] += 1
        if status in _TIMED:
            (self.made if source == "made" else self.kept).append(seconds)

    def figures(self) -> CallFigures:
        """What was counted."""
        answered = self.sources.total()
        return CallFigures(
            calls=self.statuses.total(),
            statuses=dict(sorted(self.statuses.items())),
            reuse=Reuse(
                made=self.sources["made"],
                memory=self.sources["memory"],
                store=self.sources["store"],
                shared=self.sources["shared"],
                hit_rate=round(1 - self.sources["made"] / answered, 6) if answered else None,
            ),
            response=times_of(self.made, self.kept),
            made=times_of(self.made),
        )


@dataclass(slots=True)
class Spending:
    """What was used of models."""

    calls: int = 0
    saved_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None
    retries: int = 0
    throttled_calls: int = 0
    throttled_seconds: float = 0.0

    def add(self, used: Used) -> None:
        """Count the use by one call."""
        self.calls += used.calls
        self.saved_calls += used.saved_calls
        self.input_tokens += used.input_tokens
        self.cached_input_tokens += used.cached_input_tokens
        self.output_tokens += used.output_tokens
        self.seconds += used.seconds
        if used.cost is not None:
            self.cost = (self.cost or 0.0) + used.cost

    def note_course(self, attempts: int, waited: float, *, is_throttled: bool) -> None:
        """Count the retries and the waiting of one call."""
        self.retries += max(0, attempts - 1)
        self.throttled_calls += is_throttled or waited > 0
        self.throttled_seconds += waited

    def usage(self) -> Usage:
        """What was counted."""
        return Usage(
            calls=self.calls,
            saved_calls=self.saved_calls,
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            output_tokens=self.output_tokens,
            seconds=round(self.seconds, 6),
            cost=None if self.cost is None else round(self.cost, 9),
        )


@dataclass(slots=True)
class Remade:
    """Answers of one callee that were made although they had been made before."""

    at_once: int = 0
    gaps: "array[float]" = field(default_factory=seconds)
    oldest: float | None = None

    def figures(self) -> Repeats:
        """What was counted, seen from the greatest age of an answer that was given."""
        if self.oldest is None:
            return Repeats(at_once=self.at_once, unused=len(self.gaps))
        lost = sum(gap <= self.oldest for gap in self.gaps)
        soon = sum(self.oldest < gap <= 2 * self.oldest for gap in self.gaps)
        return Repeats(
            at_once=self.at_once,
            lost=lost,
            soon=soon,
            later=len(self.gaps) - lost - soon,
            oldest=round(self.oldest, 3),
        )


class MadeAt:
    """When which answer was made last, by its key."""

    def __init__(self, most: int = MAX_KEYS) -> None:
        self._most = most
        self._made_at: dict[bytes, float] = {}

    def note(self, key: bytes, remade: Remade, *, started: float, ended: float) -> None:
        """An answer was made; where it had been made before, `remade` counts it."""
        before = self._made_at.pop(key, None)
        self._made_at[key] = ended
        if len(self._made_at) > self._most:
            del self._made_at[next(iter(self._made_at))]
        if before is None:
            return
        if started < before:
            remade.at_once += 1
        else:
            remade.gaps.append(started - before)
