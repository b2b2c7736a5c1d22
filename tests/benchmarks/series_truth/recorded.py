"""Measures recorded at regular or irregular moments, with known stretches that are unusual.

*Source*: the kinds of Lavin and Ahmad (2015): traffic, counts of mentions, prices of
advertisements, machines before they fail, demand with holidays; here all of them are made.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from math import pi, sin
from random import Random
from typing import Final

from tests.benchmarks.series_truth.made import Made

WINDOW_SHARE: Final = 0.1
"""All windows of a series together, as a share of its length, as in the source."""

Shape = tuple[list[float], list[int], timedelta]


def recorded(seed: int) -> Iterator[Made]:
    """One table of each kind."""
    for number, (name, shape) in enumerate(_SHAPES.items()):
        chance = Random(f"{seed} {number}")
        values, events, step = shape(chance)
        start = datetime(2025, 1, 1) + timedelta(hours=chance.randrange(24 * 300))  # noqa: DTZ001
        jitter = name.startswith("traffic")
        moments = [
            start
            + step * place
            + (timedelta(seconds=chance.uniform(0, 0.4) * step.total_seconds()) * jitter)
            for place in range(len(values))
        ]
        half = int(WINDOW_SHARE * len(values) / (2 * max(1, len(events))))
        if name == "missing_stretch":
            hole = range(len(values) // 2, len(values) // 2 + len(values) // 25)
        else:
            hole = range(0)
        yield Made(
            name=f"{name}_{seed}",
            header=("timestamp", "value"),
            rows=[
                (moment.isoformat(sep=" ", timespec="seconds"), round(value, 4))
                for place, (moment, value) in enumerate(zip(moments, values, strict=True))
                if place not in hole
            ],
            windows=tuple(
                (
                    moments[max(0, event - half)].isoformat(sep=" "),
                    moments[min(len(values) - 1, event + half)].isoformat(sep=" "),
                )
                for event in events
            ),
        )


def _wandering(chance: Random, number: int, memory: float, spread: float) -> list[float]:
    """Noise whose neighbours resemble one another, of standard deviation `spread`."""
    value, values = 0.0, []
    for _ in range(number):
        value = memory * value + chance.gauss(0.0, spread * (1 - memory**2) ** 0.5)
        values.append(value)
    return values


def _events(chance: Random, number: int, most: int) -> list[int]:
    """1..most places in the last three quarters, far from one another."""
    count = chance.randint(1, most)
    part = int(0.7 * number / count)
    return [
        int(0.25 * number) + part * each + chance.randrange(part // 4, 3 * part // 4)
        for each in range(count)
    ]


def _day(place: int, per_day: int, shift: float = 0.0) -> float:
    return sin(2 * pi * (place / per_day + shift))


def _traffic_speed(chance: Random) -> Shape:
    number, step = 2500, timedelta(minutes=6)
    values = [
        max(5.0, 68 + 4 * _day(place, 240) + each)
        for place, each in enumerate(_wandering(chance, number, 0.5, 4.0))
    ]
    events = _events(chance, number, 2)
    for event in events:
        for place in range(event, event + chance.randint(8, 25)):
            values[place] = max(3.0, chance.gauss(22, 5))
    return values, events, step


def _traffic_occupancy(chance: Random) -> Shape:
    number, step = 2400, timedelta(minutes=6)
    values = [
        max(0.0, 8 + 5 * _day(place, 240) + chance.expovariate(0.5)) for place in range(number)
    ]
    events = _events(chance, number, 3)
    for event in events:
        for place in range(event, event + chance.randint(3, 10)):
            values[place] = chance.uniform(45, 70)
    return values, events, step


def _mentions(chance: Random) -> Shape:
    number, step = 6000, timedelta(minutes=5)
    values = [
        float(int(max(0.0, 22 + 12 * _day(place, 288)) * chance.lognormvariate(0.0, 0.5)))
        for place in range(number)
    ]
    events = _events(chance, number, 3)
    for event in events:
        height = chance.uniform(350, 1500)
        for place in range(event, event + 24):
            values[place] += float(int(height * 0.8 ** (place - event)))
    return values, events, step


def _advertisement_price(chance: Random) -> Shape:
    number, step = 1600, timedelta(hours=1)
    values = [
        0.1 * chance.lognormvariate(0.0, 0.25) * (1 + 0.2 * _day(place, 24))
        for place in range(number)
    ]
    events = _events(chance, number, 3)
    for event in events:
        for place in range(event, event + chance.randint(1, 4)):
            values[place] *= chance.uniform(4, 9)
    return values, events, step


def _machine_temperature(chance: Random) -> Shape:
    number, step = 6000, timedelta(minutes=5)
    values = [85 + each for each in _wandering(chance, number, 0.995, 5.0)]
    events = _events(chance, number, 2)
    for event in events:
        for place in range(event, min(number, event + 90)):
            values[place] -= 55 * (1 - abs(place - event - 45) / 45)
    return values, [event + 45 for event in events], step


def _level_shift(chance: Random) -> Shape:
    number, step = 4000, timedelta(minutes=5)
    values = [45 + each for each in _wandering(chance, number, 0.6, 3.0)]
    (event,) = _events(chance, number, 1)
    rise = chance.choice((-1, 1)) * chance.uniform(15, 30)
    values[event:] = [value + rise for value in values[event:]]
    return values, [event], step


def _season_breaks(chance: Random) -> Shape:
    number, step = 4032, timedelta(minutes=5)
    values = [
        20 + 60 * (1 if 0.35 < place / 288 % 1 < 0.75 else 0) + chance.gauss(0, 2.5)
        for place in range(number)
    ]
    day = chance.randrange(7, 13)
    flat = 20 + 60 * chance.choice((0, 1))
    values[day * 288 : (day + 1) * 288] = [flat + chance.gauss(0, 2.5) for _ in range(288)]
    return values, [day * 288 + 144], step


def _demand_with_holidays(chance: Random) -> Shape:
    days, per_day, step = 120, 48, timedelta(minutes=30)
    number = days * per_day
    values = []
    for place in range(number):
        weekend = place // per_day % 7 >= 5
        course = 15000 + 8000 * _day(place, per_day, 0.6 if weekend else 0.5)
        values.append(course * (0.75 if weekend else 1.0) * chance.gauss(1.0, 0.05))
    holidays = [
        day + (2 if day % 7 >= 5 else 0)
        for day in (chance.randint(40, 70), chance.randint(80, 110))
    ]
    for day in holidays:
        for place in range(day * per_day, (day + 1) * per_day):
            values[place] *= 0.35
    return values, [day * per_day + per_day // 2 for day in holidays], step


def _spike_density(chance: Random) -> Shape:
    number, step = 4032, timedelta(minutes=5)
    (event,) = _events(chance, number, 1)
    values = []
    for place in range(number):
        often = 0.25 if event <= place < event + 150 else 0.012
        values.append(chance.gauss(20, 1.0) + (60 if chance.random() < often else 0))
    return values, [event + 60], step


def _drift_to_failure(chance: Random) -> Shape:
    number, step = 4000, timedelta(minutes=10)
    values = [30 + each for each in _wandering(chance, number, 0.7, 2.0)]
    event = chance.randrange(2400, 3400)
    for place in range(event, min(number, event + 300)):
        values[place] += 35 * (place - event) / 300
    return values, [min(number - 1, event + 150)], step


def _missing_stretch(chance: Random) -> Shape:
    number, step = 3000, timedelta(minutes=5)
    return [60 + each for each in _wandering(chance, number, 0.6, 3.0)], [], step


def _clean_noise(chance: Random) -> Shape:
    return [chance.gauss(100, 8) for _ in range(4000)], [], timedelta(minutes=5)


def _clean_wandering(chance: Random) -> Shape:
    return (
        [50 + each for each in _wandering(chance, 4000, 0.9, 4.0)],
        [],
        timedelta(minutes=5),
    )


def _clean_day_and_week(chance: Random) -> Shape:
    number = 48 * 70
    return (
        [
            (800 + 300 * _day(place, 48)) * (0.6 if place // 48 % 7 >= 5 else 1.0)
            + chance.gauss(0, 25)
            for place in range(number)
        ],
        [],
        timedelta(minutes=30),
    )


def _clean_counts(chance: Random) -> Shape:
    return (
        [
            float(int(max(0.0, 30 + 15 * _day(place, 288)) * chance.lognormvariate(0.0, 0.4)))
            for place in range(5000)
        ],
        [],
        timedelta(minutes=5),
    )


def _clean_growth(chance: Random) -> Shape:
    return (
        [200 + 0.05 * place + chance.gauss(0, 10) for place in range(2500)],
        [],
        timedelta(hours=1),
    )


_SHAPES: Final[dict[str, Callable[[Random], Shape]]] = {
    "traffic_speed": _traffic_speed,
    "traffic_occupancy": _traffic_occupancy,
    "mentions": _mentions,
    "advertisement_price": _advertisement_price,
    "machine_temperature": _machine_temperature,
    "level_shift": _level_shift,
    "season_breaks": _season_breaks,
    "demand_with_holidays": _demand_with_holidays,
    "spike_density": _spike_density,
    "drift_to_failure": _drift_to_failure,
    "missing_stretch": _missing_stretch,
    "clean_noise": _clean_noise,
    "clean_wandering": _clean_wandering,
    "clean_day_and_week": _clean_day_and_week,
    "clean_counts": _clean_counts,
    "clean_growth": _clean_growth,
}
KINDS: Final[Sequence[str]] = tuple(_SHAPES)
