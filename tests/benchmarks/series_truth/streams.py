"""Streams of events with one known flaw each, or none.

Names of columns, units and rates differ from seed to seed, as they do from service to service.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import pi, sin
from random import Random
from typing import Final

from tests.benchmarks.series_truth.made import Made

EVENTS: Final = 6000

_NAMES: Final = (
    ("event_time", "received_at", "service", "status", "latency_ms"),
    ("ts", "ingested_at", "endpoint", "http_status", "duration_seconds"),
    ("occurred_at", "arrival_time", "host", "level", "response_time_us"),
)
_GOOD: Final = (("ok",), ("200", "201", "304"), ("INFO", "DEBUG", "WARN"))
_BAD: Final = (("failed", "timeout"), ("500", "503"), ("ERROR", "FATAL"))
_UNIT: Final = (1000.0, 1.0, 1e6)


@dataclass(slots=True, kw_only=True)
class _Event:
    happened: float
    delay: float
    source: str
    is_failed: bool
    seconds: float


def streams(seed: int) -> Iterator[Made]:
    """One table of each flaw, and some without."""
    for number, (name, flaw) in enumerate(_FLAWS.items()):
        chance = Random(f"{seed} {number}")
        form = (seed + number) % len(_NAMES)
        interval = chance.choice((0.5, 4.0, 20.0))
        events = flaw(chance, _flow(chance, interval), interval)
        start = datetime(2026, 3, 2, 7)  # noqa: DTZ001 - files hold local times
        yield Made(
            name=f"{name}_{seed}",
            header=("event_id", *_NAMES[form]),
            rows=[
                (
                    f"e{place:06}" if name != "duplicate_events" else f"e{event.happened:.6f}",
                    (start + timedelta(seconds=event.happened)).isoformat(timespec="milliseconds"),
                    (start + timedelta(seconds=event.happened + event.delay)).isoformat(
                        timespec="milliseconds"
                    ),
                    event.source,
                    chance.choice((_BAD if event.is_failed else _GOOD)[form])
                    if name != "duplicate_events"
                    else _GOOD[form][0],
                    round(event.seconds * _UNIT[form], 6),
                )
                for place, event in enumerate(events)
            ],
            expected=frozenset({name}) - {"clean", "clean_with_day"},
            tolerated=_TOLERATED.get(name, frozenset()),
        )


_TOLERATED: Final = {
    "burst": frozenset({"anomaly"}),
    "late_events": frozenset({"out_of_order"}),
    "out_of_order": frozenset({"late_events"}),
    "duplicate_events": frozenset({"out_of_order"}),
    "latency_tail": frozenset({"anomaly"}),
}


def _flow(chance: Random, interval: float) -> list[_Event]:
    moment, events = 0.0, []
    for _ in range(EVENTS):
        moment += chance.expovariate(1 / interval)
        events.append(
            _Event(
                happened=moment,
                delay=chance.uniform(0.02, 0.4),
                source=chance.choice(("api", "web", "batch", "auth")),
                is_failed=chance.random() < 0.002,
                seconds=chance.lognormvariate(-3.0, 0.5),
            )
        )
    return events


def _clean(_chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    return events


def _clean_with_day(chance: Random, _events: list[_Event], _interval: float) -> list[_Event]:
    """More events by day than at night, over a week."""
    moment, events = 0.0, _flow(chance, 1.0)
    for event in events:
        rate = (1 + 0.5 * sin(2 * pi * moment / 86_400)) / 100
        moment += chance.expovariate(rate)
        event.happened = moment
    return events


def _out_of_order(chance: Random, events: list[_Event], interval: float) -> list[_Event]:
    return sorted(
        events,
        key=lambda event: (
            event.happened + (chance.uniform(10, 60) * interval if chance.random() < 0.02 else 0)
        ),
    )


def _late_events(chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    for event in events:
        if chance.random() < 0.015:
            event.delay = chance.uniform(300, 4000)
    return events


def _duplicate_events(chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    repeated = []
    for event in events:
        repeated += [event] * (2 if chance.random() < 0.02 else 1)
    return repeated


def _event_gap(chance: Random, events: list[_Event], interval: float) -> list[_Event]:
    place = chance.randrange(2000, 4500)
    for event in events[place:]:
        event.happened += 300 * interval
    return events


def _burst(chance: Random, events: list[_Event], interval: float) -> list[_Event]:
    place = chance.randrange(2000, 4500)
    moment = events[place].happened
    extra = _flow(chance, interval / 20)[:1800]
    for event in extra:
        event.happened += moment
    return sorted([*events, *extra], key=lambda event: event.happened)


def _throughput_change(chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    place = chance.randrange(2500, 4000)
    faster, begin = chance.choice((0.3, 3.5)), events[place].happened
    for event in events[place:]:
        event.happened = begin + (event.happened - begin) * faster
    return events


def _error_rate(chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    share = chance.uniform(0.03, 0.12)
    for event in events:
        event.is_failed = chance.random() < share
    return events


def _latency_tail(chance: Random, events: list[_Event], _interval: float) -> list[_Event]:
    for event in events:
        if chance.random() < 0.025:
            event.seconds *= chance.uniform(25, 80)
    return events


_FLAWS: Final[dict[str, Callable[[Random, list[_Event], float], list[_Event]]]] = {
    "clean": _clean,
    "clean_with_day": _clean_with_day,
    "out_of_order": _out_of_order,
    "late_events": _late_events,
    "duplicate_events": _duplicate_events,
    "event_gap": _event_gap,
    "burst": _burst,
    "throughput_change": _throughput_change,
    "error_rate": _error_rate,
    "latency_tail": _latency_tail,
}
JUDGED: Final = frozenset(_FLAWS) - {"clean", "clean_with_day"} | {"anomaly"}
