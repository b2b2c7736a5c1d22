"""Change points: where a series stops following one line and begins to follow another.

Lines are fitted to stretches of the series by least squares; for every number of changes the best
places are found by dynamic programming, and a change is kept if it lowers the logarithm of the
remaining error by more than a penalty. The penalty grows with the dependence of neighbouring
errors, since a series that wanders has less to say than its length suggests.

*Source*: Bellman (1961) and Bai and Perron (2003) for the dynamic programme; Schwarz (1978) for
the penalty; Bayley and Hammersley (1946) for the effective number of observations.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log
from operator import add
from statistics import fmean, median
from typing import Final

MAX_CHANGES: Final = 10

MIN_VALUES: Final = 12
"""Values below which lines on both sides of a change are guesses."""

MIN_STRETCH: Final = 3
LONG_STRETCH: Final = 10
STRETCHES: Final = 20
"""A stretch has a twentieth of the values, but at least three and no more than ten need be."""

PENALTY: Final = 5.0
"""Parameters that one change adds: its place, level, slope and error of the new line, and one to
spare: what is told must be clear to somebody who looks at the chart."""

LEAST_PENALTY: Final = 0.1

MOST_DEPENDENT: Final = 0.7
"""Correlation of neighbouring errors past which a series is told what it wanders through."""

GROWN: Final = 3.0
GROWS: Final = 0.25
"""Times by which values differ, and share of what a line leaves open that one through their
logarithms may, for the values to grow at a rate."""

RESOLUTION: Final = 0.02
"""Share of the variance that nobody looks at: below it a smooth curve is as good as its lines."""

WILD: Final = 6.0
"""Deviations from its neighbours' median at which a single value is not believed."""

NEIGHBOURS: Final = 3
MAX_PLACES: Final = 400
"""Places among which changes are looked for exactly; in longer series each is then moved to the
best place nearby."""

Cost = Callable[[int, int], float]


def change_points(values: Sequence[float]) -> tuple[int, ...]:
    """Places of 0..10 changes, each the first value of its new stretch, in order.

    >>> change_points([1.0, 1.2, 0.9, 1.1] * 6 + [5.0, 5.2, 4.9, 5.1] * 6)
    (24,)
    """
    number = len(values)
    if number < MIN_VALUES:
        return ()
    tame = _straightened(without_spikes(values))
    centre = fmean(tame)
    spread = fmean((value - centre) ** 2 for value in tame) ** 0.5
    if spread <= 1e-12 * max(1.0, abs(centre)):
        return ()
    scaled = [(value - centre) / spread for value in tame]
    cost = line_cost(scaled)
    shortest = max(MIN_STRETCH, min(number // STRETCHES, LONG_STRETCH))
    step = -(-number // MAX_PLACES)
    ways = _best_places(cost, number, shortest, step)
    dependence = _dependence(_errors(scaled, ways[-1]))
    penalty = max(
        LEAST_PENALTY,
        PENALTY * log(number) / number * (1 + dependence) / (1 - dependence),
    )
    best = min(
        range(len(ways)),
        key=lambda count: (
            log(_total(cost, ways[count], number) / number + RESOLUTION) + penalty * count
        ),
    )
    return tuple(_moved(cost, ways[best], number, shortest, step))


def _straightened(values: Sequence[float]) -> Sequence[float]:
    """The logarithms of values that grow at a rate, and so follow a line only there."""
    if min(values) <= 0 or max(values) < GROWN * min(values):
        return values
    logarithms = [log(value) for value in values]
    if _left_open(logarithms) < GROWS * _left_open(values):
        return logarithms
    return values


def _left_open(values: Sequence[float]) -> float:
    """Share of the variance that one line leaves unexplained."""
    number, centre = len(values), fmean(values)
    whole = sum((value - centre) ** 2 for value in values)
    return line_cost([value - centre for value in values])(0, number) / whole if whole else 0.0


def without_spikes(values: Sequence[float]) -> list[float]:
    """The values, single wild ones replaced by the median of their neighbourhood."""
    number = len(values)
    window = sorted(values[:NEIGHBOURS])
    smooth = []
    for place in range(number):
        if place + NEIGHBOURS < number:
            insort(window, values[place + NEIGHBOURS])
        if place > NEIGHBOURS:
            del window[bisect_left(window, values[place - NEIGHBOURS - 1])]
        smooth.append(window[len(window) // 2])
    apart = [abs(value - middle) for value, middle in zip(values, smooth, strict=True)]
    steps = [abs(after - before) for before, after in pairwise(values)]
    usual = max(1.4826 * median(apart), median(steps)) if steps else 0.0
    return [
        middle if usual > 0 and distance > WILD * usual else value
        for value, middle, distance in zip(values, smooth, apart, strict=True)
    ]


def line_cost(values: Sequence[float]) -> Cost:
    """The squared error of the best line through values[begin:end], in constant time."""
    sums, squares, moments = [0.0], [0.0], [0.0]
    for place, value in enumerate(values):
        sums.append(sums[-1] + value)
        squares.append(squares[-1] + value * value)
        moments.append(moments[-1] + place * value)

    def cost(begin: int, end: int) -> float:
        length = end - begin
        total = sums[end] - sums[begin]
        error = squares[end] - squares[begin] - total * total / length
        if length > 1:
            across = moments[end] - moments[begin] - (begin + end - 1) / 2 * total
            error -= 12 * across * across / (length * (length * length - 1))
        return max(0.0, error)

    return cost


def _best_places(cost: Cost, number: int, shortest: int, step: int) -> list[list[int]]:
    """For 0, 1, … changes their best places, as far as so many stretches fit in."""
    ends = [*range(0, number, step), number]
    gap = -(-shortest // step)
    infinite = float("inf")
    most = min(MAX_CHANGES, (len(ends) - 1) // gap - 1)
    lowest = [[infinite] * len(ends) for _ in range(most + 1)]
    came_from = [[0] * len(ends) for _ in range(most + 1)]
    for place in range(gap, len(ends)):
        end = ends[place]
        lowest[0][place] = cost(0, end)
        begins = range(gap, place - gap + 1)
        costs = [cost(ends[begin], end) for begin in begins]
        if not costs:
            continue
        for count in range(1, most + 1):
            totals = list(map(add, lowest[count - 1][gap : place - gap + 1], costs))
            least = min(totals)
            lowest[count][place] = least
            came_from[count][place] = gap + totals.index(least)
    ways = []
    for count in range(most + 1):
        if lowest[count][-1] == infinite:
            break
        places: list[int] = []
        at = len(ends) - 1
        for left in range(count, 0, -1):
            at = came_from[left][at]
            places.append(ends[at])
        ways.append(places[::-1])
    return ways


def _total(cost: Cost, places: Sequence[int], number: int) -> float:
    ends = [0, *places, number]
    return sum(cost(begin, end) for begin, end in pairwise(ends))


def _moved(
    cost: Cost, places: Sequence[int], number: int, shortest: int, step: int
) -> Sequence[int]:
    """Each change at the best place between its neighbours that the steps had left out."""
    ends = [0, *places, number]
    if step == 1:
        return places
    for at in range(1, len(ends) - 1):
        before, after = ends[at - 1], ends[at + 1]
        nearby = range(
            max(before + shortest, ends[at] - step), min(after - shortest, ends[at] + step) + 1
        )
        ends[at] = min(nearby, key=lambda place: (cost(before, place) + cost(place, after), place))
    return ends[1:-1]


def _errors(values: Sequence[float], places: Sequence[int]) -> list[float]:
    """What the lines between the places leave unexplained."""
    errors: list[float] = []
    ends = [0, *places, len(values)]
    for begin, end in pairwise(ends):
        stretch = values[begin:end]
        middle, centre = (len(stretch) - 1) / 2, fmean(stretch)
        width = sum((place - middle) ** 2 for place in range(len(stretch))) or 1.0
        slope = sum((place - middle) * value for place, value in enumerate(stretch)) / width
        errors += [value - centre - slope * (at - middle) for at, value in enumerate(stretch)]
    return errors


def _dependence(errors: Sequence[float]) -> float:
    """Correlation of neighbouring errors, from 0 to `MOST_DEPENDENT`."""
    total = sum(error * error for error in errors)
    if total == 0:
        return 0.0
    shared = sum(before * after for before, after in pairwise(errors))
    return max(0.0, min(MOST_DEPENDENT, shared / total))
