"""Economic and daily series in which the course is known to change at some places, or nowhere.

*Source*: the kinds of van den Burg and Williams (2020); here all of them are made.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import pi, sin
from random import Random
from typing import Final, Literal, TypeAlias

from tests.benchmarks.series_truth.made import Made

Step: TypeAlias = Literal["year", "month", "day"]
Shape = tuple[list[float], list[int], Step]


def courses(seed: int) -> Iterator[Made]:
    """One table of each kind."""
    for number, (name, shape) in enumerate(_SHAPES.items()):
        chance = Random(f"{seed} {number}")
        values, places, step = shape(chance)
        yield Made(
            name=f"{name}_{seed}",
            header=("time", "value"),
            rows=[
                (_instant(place, step), float(f"{value:.6g}")) for place, value in enumerate(values)
            ],
            places=tuple(places),
        )


def _instant(place: int, step: Step) -> str:
    match step:
        case "year":
            return str(1950 + place)
        case "month":
            return f"{1980 + place // 12}-{place % 12 + 1:02}"
        case "day":
            return str(date(2020, 1, 1) + timedelta(days=place))


def _cuts(chance: Random, number: int, count: int) -> list[int]:
    part = number // (count + 1)
    return [part * (each + 1) + chance.randint(-part // 5, part // 5) for each in range(count)]


def _annual_growth(chance: Random) -> Shape:
    value, values = 100.0, []
    for _ in range(60):
        value *= 1 + chance.gauss(0.03, 0.012)
        values.append(value)
    return values, [], "year"


def _annual_collapse(chance: Random) -> Shape:
    place = chance.randrange(28, 42)
    value, values = 100.0, []
    for year in range(60):
        value += chance.gauss(4.0, 2.0)
        if year == place:
            value *= 0.6
        values.append(value)
    return values, [place], "year"


def _annual_turn(chance: Random) -> Shape:
    place = chance.randrange(25, 40)
    return (
        [
            200
            + (5 * year if year < place else 5 * place - 6 * (year - place))
            + chance.gauss(0, 5)
            for year in range(60)
        ],
        [place],
        "year",
    )


def _short_levels(chance: Random) -> Shape:
    number = 24
    places = _cuts(chance, number, 2)
    levels = [20, 60, 35]
    return (
        [
            levels[sum(year >= place for place in places)] + chance.gauss(0, 2.5)
            for year in range(number)
        ],
        places,
        "year",
    )


def _monthly_levels(chance: Random) -> Shape:
    number, count = 240, chance.randint(2, 5)
    places = _cuts(chance, number, count)
    levels = [100.0]
    for _ in places:
        levels.append(levels[-1] + chance.choice((-1, 1)) * chance.uniform(25, 50))
    return (
        [
            levels[sum(month >= place for place in places)] + chance.gauss(0, 7)
            for month in range(number)
        ],
        places,
        "month",
    )


def _monthly_season(chance: Random) -> Shape:
    return (
        [500 + month + 90 * sin(2 * pi * month / 12) + chance.gauss(0, 15) for month in range(216)],
        [],
        "month",
    )


def _monthly_season_with_crisis(chance: Random) -> Shape:
    place = chance.randrange(110, 170)
    return (
        [
            (500 + month - (130 if month >= place else 0)) * (1 + 0.15 * sin(2 * pi * month / 12))
            + chance.gauss(0, 12)
            for month in range(240)
        ],
        [place],
        "month",
    )


def _daily_noise(chance: Random) -> Shape:
    return [chance.gauss(1000, 60) for _ in range(400)], [], "day"


def _daily_wandering(chance: Random) -> Shape:
    value, values = 0.0, []
    for _ in range(400):
        value = 0.8 * value + chance.gauss(0, 10)
        values.append(300 + value)
    return values, [], "day"


def _daily_shift(chance: Random) -> Shape:
    place = chance.randrange(150, 300)
    return (
        [
            800 + (200 if day >= place else 0) + 60 * (day % 7 >= 5) + chance.gauss(0, 40)
            for day in range(420)
        ],
        [place],
        "day",
    )


def _daily_spikes(chance: Random) -> Shape:
    values = [chance.gauss(400, 25) for _ in range(365)]
    for _ in range(5):
        values[chance.randrange(365)] += 600
    return values, [], "day"


def _price(chance: Random) -> Shape:
    places = _cuts(chance, 300, 2)
    slopes = [0.3, -0.8, 0.2]
    value, values, wander = 60.0, [], 0.0
    for month in range(300):
        value += slopes[sum(month >= place for place in places)]
        wander = 0.7 * wander + chance.gauss(0, 2.0)
        values.append(value + wander)
    return values, places, "month"


_SHAPES: Final[dict[str, Callable[[Random], Shape]]] = {
    "annual_growth": _annual_growth,
    "annual_collapse": _annual_collapse,
    "annual_turn": _annual_turn,
    "short_levels": _short_levels,
    "monthly_levels": _monthly_levels,
    "monthly_season": _monthly_season,
    "monthly_season_with_crisis": _monthly_season_with_crisis,
    "daily_noise": _daily_noise,
    "daily_wandering": _daily_wandering,
    "daily_shift": _daily_shift,
    "daily_spikes": _daily_spikes,
    "price": _price,
}
