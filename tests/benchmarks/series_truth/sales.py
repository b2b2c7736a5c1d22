"""Tables of orders in which something is known to have happened, or nothing.

Names of columns differ from seed to seed, as they do from shop to shop.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import pi, sin
from random import Random
from typing import Final

from tests.benchmarks.series_truth.made import Made

ORDERS: Final = 9000
DAYS: Final = 1096

_NAMES: Final = (
    ("order_id", "order_date", "region", "product", "channel", "quantity", "unit_price"),
    ("invoice_no", "sold_on", "store", "category", "segment", "units", "price"),
    ("id", "created_at", "country", "line_of_business", "sales_channel", "qty", "list_price"),
)
_MONEY: Final = (("revenue", "cost"), ("sales_amount", "total_cost"), ("turnover", "costs"))
_REGIONS: Final = ("North", "South", "East", "West", "Centre")
_PRODUCTS: Final = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta")
_CHANNELS: Final = ("shop", "online", "partner")

Order = dict[str, object]
Change = Callable[[Random, int, Order], bool]


def sales(seed: int) -> Iterator[Made]:
    """One table of each story, and one without."""
    for number, (name, change) in enumerate(_STORIES.items()):
        chance = Random(f"{seed} {number}")
        form = (seed + number) % len(_NAMES)
        rows: list[tuple[object, ...]] = []
        for day in sorted(chance.randrange(DAYS) for _ in range(ORDERS)):
            order: Order = {
                "region": chance.choice(_REGIONS),
                "product": chance.choice(_PRODUCTS),
                "channel": chance.choices(_CHANNELS, (5, 4, 2))[0],
                "quantity": chance.randint(1, 9),
                "price": round(chance.lognormvariate(3.2, 0.3), 2),
                "margin": chance.uniform(0.15, 0.45),
            }
            if not change(chance, day, order):
                continue
            quantity, price = int(str(order["quantity"])), float(str(order["price"]))
            revenue = round(quantity * price, 2)
            rows.append(
                (
                    100_000 + len(rows),
                    date(2022, 1, 1) + timedelta(days=day),
                    order["region"],
                    order["product"],
                    order["channel"],
                    quantity,
                    price,
                    revenue,
                    round(revenue * (1 - float(str(order["margin"]))), 2),
                )
            )
        yield Made(
            name=f"{name}_{seed}",
            header=(*_NAMES[form], *_MONEY[form]),
            rows=rows,
            expected=frozenset({name}) - {"clean", "promotion"},
            tolerated=_TOLERATED.get(name, frozenset()),
        )


_TOLERATED: Final = {
    "promotion": frozenset({"change_point"}),
    "trend": frozenset({"segment_driver"}),
    "change_point": frozenset({"trend"}),
    "segment_driver": frozenset({"trend", "change_point", "concentration"}),
    "mix_effect": frozenset({"trend", "change_point", "segment_driver"}),
    "concentration": frozenset({"segment_driver"}),
}


def _clean(_chance: Random, _day: int, _order: Order) -> bool:
    return True


def _trend(chance: Random, day: int, _order: Order) -> bool:
    return chance.random() < 0.4 + 0.6 * day / DAYS


def _seasonality(chance: Random, day: int, _order: Order) -> bool:
    return chance.random() < 0.6 + 0.35 * sin(2 * pi * day / 365.25)


def _change_point(chance: Random, day: int, _order: Order) -> bool:
    return day < DAYS * 0.55 or chance.random() < 0.5


def _promotion(chance: Random, day: int, order: Order) -> bool:
    if day // 30 in (7, 16, 29):
        order["price"] = round(float(str(order["price"])) * 0.8, 2)
        order["quantity"] = chance.randint(3, 14)
    return True


def _loss_maker(chance: Random, _day: int, order: Order) -> bool:
    if order["product"] == "Gamma":
        order["margin"] = chance.uniform(-0.4, 0.05)
    return True


def _segment_driver(chance: Random, day: int, order: Order) -> bool:
    if order["region"] == "West":
        return chance.random() < (0.3 if day < DAYS / 2 else 1.0)
    return chance.random() < 0.6


def _mix_effect(chance: Random, day: int, order: Order) -> bool:
    """Every channel gets dearer, but the cheap one takes over."""
    later = day >= DAYS / 2
    order["channel"] = chance.choices(_CHANNELS, (2, 7, 2) if later else (7, 2, 2))[0]
    level = {"shop": 60.0, "online": 18.0, "partner": 35.0}[str(order["channel"])]
    order["price"] = round(level * (1.08 if later else 1.0) * chance.gauss(1, 0.05), 2)
    return True


def _concentration(chance: Random, _day: int, order: Order) -> bool:
    if chance.random() < 0.8:
        order["region"] = "East"
    return True


_STORIES: Final[dict[str, Change]] = {
    "clean": _clean,
    "promotion": _promotion,
    "trend": _trend,
    "seasonality": _seasonality,
    "change_point": _change_point,
    "loss_maker": _loss_maker,
    "segment_driver": _segment_driver,
    "mix_effect": _mix_effect,
    "concentration": _concentration,
}
JUDGED: Final = frozenset(_STORIES) - {"clean", "promotion"}
