"""A sensor's readings and a service's events, with faults that are known one by one."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support.held_out.spoil import Row

HOLE: Final = range(900, 948)
"""Quarter hours in which the sensor said nothing."""


def readings(seed: int = 10, *, with_faults: bool = True) -> list[Row]:
    """Thirty days of a weather mast; the faults: a hole, a spike, a code, a broken unit."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for step in range(2880):
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * step)
        angle = 2 * math.pi * (step % 96) / 96
        degrees = 6 - 5 * math.cos(angle) + chance.gauss(0, 0.6)
        rows.append(
            {
                "read_at": f"{moment:%Y-%m-%d %H:%M:%S}",
                "mast": chance.choice(("north", "south")),
                "temperature": f"{degrees:.2f}",
                "humidity": f"{min(100.0, 78 + 12 * math.cos(angle) + chance.gauss(0, 2)):.1f}",
                "wind": f"{chance.weibullvariate(6, 2):.1f}",
                "pressure": f"{1013 + 8 * math.sin(step / 300) + chance.gauss(0, 0.5):.1f}",
                "battery": f"{12.9 - step / 9000 + chance.gauss(0, 0.02):.2f}",
            }
        )
    if with_faults:
        rows[1500]["wind"] = "812.0"
        for step in chance.sample(range(HOLE.stop, len(rows)), 12):
            rows[step]["pressure"] = "-999"
        for step in chance.sample(range(HOLE.stop, len(rows)), 9):
            rows[step]["humidity"] = "140.0"
        rows = [row for step, row in enumerate(rows) if step not in HOLE]
    return rows


def events(seed: int = 11, *, with_faults: bool = True) -> list[Row]:
    """Requests to a service, one in a few seconds; the faults: copies, codes, a strange level."""
    chance = random.Random(seed)
    moment = datetime(2024, 5, 6, 8, tzinfo=UTC)
    rows: list[Row] = []
    for _ in range(3000):
        moment += timedelta(seconds=round(chance.expovariate(0.4), 3))
        rows.append(
            {
                "event_id": f"{chance.getrandbits(64):016x}",
                "at": f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3],
                "service": chance.choice(("checkout", "catalogue", "login", "search")),
                "level": chance.choices(("INFO", "WARNING", "ERROR"), (90, 7, 3))[0],
                "status": chance.choices(("200", "201", "404", "500"), (85, 8, 5, 2))[0],
                "latency_ms": str(int(chance.lognormvariate(4, 0.7))),
                "session": f"s{chance.randrange(400):04}",
                "path": chance.choice(("/", "/cart", "/items/list", "/items/view", "/login")),
            }
        )
    if with_faults:
        for place in chance.sample(range(len(rows)), 60):
            rows[place]["level"] = rows[place]["level"].lower()
        for place in chance.sample(range(len(rows)), 40):
            rows[place]["session"] = "null"
        for place in chance.sample(range(len(rows)), 25):
            rows.append(dict(rows[place]))
    return rows
