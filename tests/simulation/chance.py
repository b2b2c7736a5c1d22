"""`Chance`: every decision of one run, from its seed; `FaultProfile`: how unkind the world is.

Each seed draws its own profile, in which about half of the kinds of faults do not occur at all: a
run in which everything fails at once reaches fewer states than many runs that fail in one way.

*Source*: Groce et al., "Swarm Testing" (2012).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Fate: TypeAlias = Literal["done", "lost", "unanswered", "dies_before", "dies_after"]
"""What becomes of one call to the outside: it is done and answered; it never arrives; it is done
and the answer is lost; the process dies before or after it is done."""

QUICK: Final = (0.001, 0.02)
"""Seconds that one way over the wire takes, from to."""
SLOW: Final = (0.2, 3.0)
"""The same, when it is delayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultProfile:
    """Probabilities, per call unless stated otherwise; times are seconds.

    `lost`, `unanswered`, `dies`, `delayed`: of a call to the outside. `duplicated`: a message or a
    retry copy arrives twice. `reordered`: a message overtakes others. `cut`, `expired`, `stopped`:
    per process and second, that its connection breaks, that the lease of one delivery runs out
    unnoticed, that it is told to stop. `dead_letterbox`: of a process, that nothing sent to its
    reply address is ever confirmed.
    """

    lost: float = 0.0
    unanswered: float = 0.0
    dies: float = 0.0
    delayed: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0
    cut: float = 0.0
    expired: float = 0.0
    stopped: float = 0.0
    dead_letterbox: float = 0.0

    def __str__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name} {p:.3f}" for name, p in given.items() if p) or "no faults"


KIND: Final = FaultProfile()
"""A world in which nothing fails."""

_WORST: Final = FaultProfile(
    lost=0.08,
    unanswered=0.08,
    dies=0.03,
    delayed=0.1,
    duplicated=0.1,
    reordered=0.3,
    cut=0.1,
    expired=0.1,
    stopped=0.05,
    dead_letterbox=0.3,
)


def draw_profile(source: random.Random) -> FaultProfile:
    """About half of the kinds of faults, each up to its worst."""
    return FaultProfile(
        **{
            field.name: source.random() * getattr(_WORST, field.name)
            for field in fields(FaultProfile)
            if source.random() < 0.5
        }
    )


class Chance:
    """All decisions of one run. While `calm` is set, nothing fails any more."""

    def __init__(self, seed: int, profile: FaultProfile | None = None) -> None:
        self._source = random.Random(f"world {seed}")
        self.profile = draw_profile(self._source) if profile is None else profile
        self.calm = False

    def happens(self, probability: float) -> bool:
        """Whether a fault of that probability occurs now."""
        return not self.calm and probability > 0 and self._source.random() < probability

    def is_so(self, probability: float) -> bool:
        """A decision that is no fault."""
        return self._source.random() < probability

    def fate(self) -> Fate:
        """What becomes of one call to the outside."""
        if self.calm:
            return "done"
        profile, drawn = self.profile, self._source.random()
        kinds: Sequence[tuple[Fate, float]] = (
            ("lost", profile.lost),
            ("unanswered", profile.unanswered),
            ("dies_before", profile.dies / 2),
            ("dies_after", profile.dies / 2),
        )
        for kind, probability in kinds:
            if drawn < probability:
                return kind
            drawn -= probability
        return "done"

    def way(self) -> float:
        """Seconds that one way over the wire takes."""
        return self.between(*(SLOW if self.happens(self.profile.delayed) else QUICK))

    def between(self, low: float, high: float) -> float:
        """Seconds, evenly distributed."""
        return low + (high - low) * self._source.random()

    def until_next(self, rate: float) -> float:
        """Seconds until something that happens `rate` times a second happens next."""
        return self._source.expovariate(rate)

    def below(self, end: int) -> int:
        """A whole number from 0 on, smaller than `end`."""
        return self._source.randrange(end)

    def one_of(self, choices: Sequence[T]) -> T:
        return self._source.choice(choices)

    def some_of(self, choices: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in their order."""
        chosen = sorted(self._source.sample(range(len(choices)), count))
        return [choices[index] for index in chosen]
