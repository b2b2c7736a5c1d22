"""Novelty: stretches of a series in which something happens that never was before.

Several views of the series are followed through time: its mean over short and long windows, its
highest and lowest values, and how far it swings. A window stands out if it lies beyond all windows
before it, further than their own tail leads one to expect, and far enough to matter within the
whole. What has been seen is usual soon after, so that a new level is told when it begins.
A series of which no window stands out clearly is usual throughout; of one in whose values
neighbours have nothing to do with each other, only single values can stand out.

*Source*: Siffer et al. (2017), streaming peaks over threshold, with an exponential tail.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import inf, log
from statistics import fmean
from typing import Final, Literal, TypeAlias

View: TypeAlias = Literal["mean", "highest", "lowest", "swing"]
Direction: TypeAlias = Literal["above", "below"]

DIRECTIONS: Final[dict[View, Sequence[Direction]]] = {
    "mean": ("above", "below"),
    "highest": ("above",),
    "lowest": ("below",),
    "swing": ("above",),
}
"""In which ways a view stands out that the others do not tell."""

MIN_POINTS: Final = 100
"""Points below which there is no usual to stand out from."""

LEARNING: Final = 0.15
"""First share of the points, from which one only learns."""

MEAN_WINDOWS: Final = (1, 3, 10)
SWING_WINDOW: Final = 30
"""Points over which means and swings are taken."""

TAIL: Final = 0.02
LEAST_TAIL: Final = 10
"""Share and least number of the past windows that make up the tail."""

WINDOWS_LONG: Final = 2
MEMORIES_LONG: Final = 4
MOST_LASTING: Final = 20.0
"""A tail is also at least so many windows, and so many times as long as one value lasts in those
after it, up to a most: neighbours that share their values are no two witnesses."""

CHANCE: Final = 3e-4
ACCIDENTS: Final = 0.02
ACCIDENTS_ALONE: Final = 0.004
"""Probability with which a window of a usual series would lie so far out; and how many windows
of a whole usual series may lie as far out as the clearest, fewer if neighbouring values are
independent."""

MARGIN: Final = 0.25
"""How far beyond everything before, as a share of what the past reached from its median."""

MATTERS: Final = 0.08
"""And as a share of the range of the whole series."""

DELAY: Final = 0.015
"""Share of the points after which a window counts as usual: what comes on gradually must not be
taken for its own past."""

GLARING: Final = 0.3
EXCEPTIONS: Final = 0.01
"""What goes beyond all before by so much of the range does not become usual, unless it makes up
more than so much of the windows: the second failure is one as well."""

STRAIGHT: Final = 0.8
"""Share of the variance that one line must explain to be taken out; one step explains less."""

SAME_EVENT: Final = 0.03
"""Windows closer than this share of the points belong to one stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The values of one moment summarised; `mean` lies between `lowest` and `highest`."""

    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Points from `first` to `last` by place, both included.

    In its clearest window a `view` was `value`, `direction` the `bound` that it had kept to;
    `share` is the distance between the two as a share of the whole range.
    """

    first: int
    last: int
    view: View
    window: int
    direction: Direction
    value: float
    bound: float
    share: float
    is_clear: bool


def without_line(points: Sequence[Point]) -> Sequence[Point]:
    """The points less the line that they follow, around nought; as they are if they follow none."""
    middle = (len(points) - 1) / 2
    centre = fmean(point.mean for point in points)
    width = sum((place - middle) ** 2 for place in range(len(points)))
    across = sum((place - middle) * point.mean for place, point in enumerate(points))
    spread = sum((point.mean - centre) ** 2 for point in points)
    if spread == 0 or across * across / width < STRAIGHT * spread:
        return points
    slope = across / width
    return [
        Point(
            mean=point.mean - centre - slope * (place - middle),
            lowest=point.lowest - centre - slope * (place - middle),
            highest=point.highest - centre - slope * (place - middle),
        )
        for place, point in enumerate(points)
    ]


def novel_stretches(points: Sequence[Point]) -> tuple[Stretch, ...]:
    """0..n stretches that do not overlap, in order.

    What is steadily to be expected, such as a line or a season, is best taken out before.
    """
    if len(points) < MIN_POINTS:
        return ()
    means = [point.mean for point in points]
    memory = _memory(means)
    depends = memory > 2 / len(means) ** 0.5
    chance = (ACCIDENTS if depends else ACCIDENTS_ALONE) / len(points)
    lasting = min(MOST_LASTING, memory / max(1 - memory, 1e-9))
    found = [
        stretch
        for window in (MEAN_WINDOWS if depends else MEAN_WINDOWS[:1])
        for stretch in _records(means, "mean", chance, lasting, window=window)
    ]
    found += _records([point.highest for point in points], "highest", chance, lasting)
    found += _records([point.lowest for point in points], "lowest", chance, lasting)
    if depends:
        swings = [point.highest - point.lowest for point in points]
        if max(swings) == 0:
            swings = [0.0, *(abs(after - before) for before, after in pairwise(means))]
        found += _records(swings, "swing", chance, lasting, window=SWING_WINDOW)
    if not any(stretch.is_clear for stretch in found):
        return ()
    return tuple(_merged(found, gap=int(SAME_EVENT * len(points))))


def _memory(values: Sequence[float]) -> float:
    """How far neighbouring values, extremes aside, are correlated, from 0 to 1."""
    ordered = sorted(values)
    low, high = ordered[len(values) // 50], ordered[-1 - len(values) // 50]
    tame = [min(max(value, low), high) for value in values]
    centre = fmean(tame)
    spread = sum((value - centre) ** 2 for value in tame)
    shared = sum((one - centre) * (other - centre) for one, other in pairwise(tame))
    return min(1.0, abs(shared / spread)) if spread > 0 else 0.0


def _records(
    values: Sequence[float], view: View, clear_chance: float, lasting: float, *, window: int = 1
) -> list[Stretch]:
    """The windows that stand out from those before them, one stretch each."""
    sums = [0.0, *accumulate(values)]
    windows = [(sums[end] - sums[end - window]) / window for end in range(window, len(values) + 1)]
    whole = max(windows) - min(windows)
    start = max(int(LEARNING * len(values)) - window + 1, 2 * LEAST_TAIL)
    delay = max(1, int(DELAY * len(values)))
    least_tail = max(LEAST_TAIL, int(WINDOWS_LONG * (window - 1) + MEMORIES_LONG * lasting))
    past = sorted(windows[: start - delay + 1])
    exceptions: set[int] = set()
    found = []
    for place in range(start, len(windows)):
        value = windows[place]
        for direction in DIRECTIONS[view]:
            bound = past[-1] if direction == "above" else past[0]
            beyond = value - bound if direction == "above" else bound - value
            if beyond <= MATTERS * whole:
                continue
            odds = _odds(value, past, direction, least_tail)
            if odds >= log(CHANCE) or beyond <= MARGIN * abs(bound - past[len(past) // 2]):
                continue
            is_clear = odds < log(clear_chance)
            if is_clear and beyond > GLARING * whole:
                exceptions.add(place)
            found.append(
                Stretch(
                    first=place + window - 1,
                    last=place + window - 1,
                    view=view,
                    window=window,
                    direction=direction,
                    value=value,
                    bound=bound,
                    share=beyond / whole,
                    is_clear=is_clear,
                )
            )
        joining = place - delay + 1
        if joining not in exceptions or len(exceptions) > EXCEPTIONS * len(windows):
            insort(past, windows[joining])
    return found


def _odds(value: float, past: Sequence[float], direction: Direction, least_tail: int) -> float:
    """Logarithm of the probability that the tail of the sorted past reaches so far."""
    number = len(past)
    size = min(number, max(least_tail, int(TAIL * number)))
    tail = past[-size:] if direction == "above" else past[size - 1 :: -1]
    excess = abs(sum(tail) / size - tail[0])
    if excess == 0:
        return -inf
    return log(size / number) - abs(value - tail[0]) / excess


def _merged(found: Sequence[Stretch], gap: int) -> list[Stretch]:
    """Neighbouring ones as one, described by the clearest of them."""
    merged: list[Stretch] = []
    for stretch in sorted(found, key=lambda each: (each.first, -each.share)):
        if merged and stretch.first - merged[-1].last <= gap:
            before = merged[-1]
            clearest = max(before, stretch, key=lambda each: each.share)
            merged[-1] = replace(clearest, first=before.first, last=max(before.last, stretch.last))
        else:
            merged.append(stretch)
    return merged
