"""Seasons: whether a series repeats itself, and how much of its movement that explains.

*Source*: Hyndman and Athanasopoulos, *Forecasting*, for the strength of seasonality; medians
instead of means, so that single events are no season.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, median
from typing import Final

MIN_CYCLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """`profile` is the usual distance from the course by phase; it sums up to nought.

    `strength` is the share of the variance around the course that it explains, from 0 to 1, less
    what as many phases would explain by accident.
    """

    strength: float
    profile: tuple[float, ...]


def season(values: Sequence[float], phases: Sequence[int], period: int) -> Season | None:
    """The season of a series whose values stand at `phases`, from 0 to `period` - 1.

    None if there are fewer than three cycles, or a phase without a value.
    """
    if period < 2 or len(values) < MIN_CYCLES * period:
        return None
    half = period // 2
    inner = range(half, len(values) - half)
    apart = [
        values[place] - usual for place, usual in zip(inner, _course(values, period), strict=True)
    ]
    inner_phases = [phases[place] for place in inner]
    by_phase: list[list[float]] = [[] for _ in range(period)]
    for phase, distance in zip(inner_phases, apart, strict=True):
        by_phase[phase].append(distance)
    if not all(by_phase):
        return None
    middle = [median(distances) for distances in by_phase]
    level = fmean(middle)
    profile = [value - level for value in middle]
    rest = [distance - profile[phase] for phase, distance in zip(inner_phases, apart, strict=True)]
    whole = _variance(apart)
    freedom = len(apart) - period
    if whole <= 1e-24 * max(1.0, *map(abs, values)) ** 2 or freedom < 1:
        return None
    return Season(
        strength=max(0.0, 1 - _variance(rest) / whole * (len(apart) - 1) / freedom),
        profile=tuple(profile),
    )


def _course(values: Sequence[float], period: int) -> list[float]:
    """The mean over one whole cycle around each value that has half a cycle on both sides."""
    sums = [0.0, *accumulate(values)]
    half = period // 2

    def mean_around(place: int) -> float:
        whole = sums[place + half + 1] - sums[place - half]
        if period % 2:
            return whole / period
        return (whole - (values[place - half] + values[place + half]) / 2) / period

    return [mean_around(place) for place in range(half, len(values) - half)]


def _variance(values: Sequence[float]) -> float:
    centre = fmean(values)
    return fmean((value - centre) ** 2 for value in values)
