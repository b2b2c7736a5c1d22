"""Products with sizes, flights as several sources tell them, and orders of a shop."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support.held_out.spoil import Row, Spoiler, Spoilt, one_of, put, times, typo

_BRANDS: Final = (
    "Alpenquell",
    "Bergmann",
    "Castillo",
    "Dunmore",
    "Everglade",
    "Fjordland",
    "Granary",
    "Hillcrest",
    "Isola Bella",
    "Juniper Lane",
    "Kestrel",
    "Lakeside",
)
_GOODS: Final = [
    ("Olive Oil", "Pantry", "ml", (250, 500, 750)),
    ("Ground Coffee", "Beverages", "g", (250, 500)),
    ("Rolled Oats", "Breakfast", "g", (500, 750)),
    ("Orange Juice", "Beverages", "ml", (330, 750)),
    ("Dish Soap", "Household", "ml", (450, 750)),
    ("Honey", "Breakfast", "g", (340, 454)),
    ("Laundry Powder", "Household", "g", (600, 900)),
    ("Tomato Passata", "Pantry", "g", (400, 680)),
]


def products(seed: int = 6) -> Spoilt:
    """Products: sizes with other units and spacing, prices a hundred times too high, slips."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(1200):
        brand = chance.choice(_BRANDS)
        good, section, unit, sizes = chance.choice(_GOODS)
        price, count = chance.randrange(99, 2499) / 100, chance.randrange(2, 60)
        rows.append(
            {
                "sku": f"{brand[:2].upper()}-{10000 + 7 * number}",
                "brand": brand,
                "product": good,
                "section": section,
                "size": f"{chance.choice(sizes)} {unit}",
                "price": f"{price:.2f}",
                "stock": str(count),
                "stock_value": f"{price * count:.2f}",
                "supplier_country": chance.choice(("Italy", "Spain", "Austria", "Ireland")),
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    spoiler.change("brand", 0.03, typo)
    spoiler.change("section", 0.02, typo)
    spoiler.swap_in("section", 0.02)
    spoiler.change("price", 0.004, times(100))
    spoiler.change("stock_value", 0.02, times(1.1))
    spoiler.change("supplier_country", 0.04, one_of("", "unknown"))
    spoiler.change("sku", 0.01, lambda value, chance: value.replace("-", "_"))
    spoiler.change(
        "size", 0.04, lambda value, chance: value.replace(" ml", " oz").replace(" g", " kg")
    )
    return spoiler.spoilt()


_AIRPORTS: Final = ("LHR", "CDG", "AMS", "FRA", "MAD", "FCO", "ZRH", "VIE", "CPH", "DUB", "LIS")
_LINES: Final = ("BA", "AF", "KL", "LH", "IB", "AZ", "LX", "OS", "SK", "EI", "TP")
_SOURCES: Final = {
    "aeroscan": 0.02,
    "flugplan": 0.05,
    "gatewatch": 0.05,
    "skyboard": 0.1,
    "tarmac": 0.1,
    "voyager": 0.2,
    "windsock": 0.3,
    "yonder": 0.3,
    "jetstream": 0.4,
    "landmark": 0.5,
}
"""How often each is wrong."""


def flights(seed: int = 7) -> Spoilt:
    """Flights of a day told by ten sources, which differ in one time of five."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(120):
        here, there = chance.sample(_AIRPORTS, 2)
        leaves = datetime(2024, 3, 5, tzinfo=UTC) + timedelta(minutes=5 * chance.randrange(60, 250))
        arrives = leaves + timedelta(minutes=chance.randrange(50, 190))
        really = leaves + timedelta(minutes=max(0, int(chance.gauss(8, 15))))
        told = {
            "flight": f"{_LINES[number % 11]}-{chance.randrange(100, 4000)}-{here}-{there}",
            "sched_dep": _spoken(leaves),
            "actual_dep": _spoken(really),
            "sched_arr": _spoken(arrives),
        }
        rows += [{"source": source} | told for source in _SOURCES]
    spoiler = Spoiler(rows, seed=seed)
    for number, row in enumerate(rows):
        for column in ("sched_dep", "actual_dep", "sched_arr"):
            if chance.random() < _SOURCES[row["source"]]:
                spoiler.put(number, column, chance.choice((_shifted, _dated))(row[column], chance))
            elif row["source"] == "voyager" and chance.random() < 0.3:
                spoiler.put(number, column, "")
    return spoiler.spoilt()


def _spoken(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}:{moment:%M} {'a.m.' if moment.hour < 12 else 'p.m.'}"


def _dated(value: str, chance: random.Random) -> str:
    return f"Mar 5 {value}"


def _shifted(value: str, chance: random.Random) -> str:
    hour, rest = value.split(":")
    minute = int(rest[:2])
    minute = (minute + chance.choice((5, 10, 15, 40))) % 60
    return f"{hour}:{minute:02} {value[-4:]}"


_PLANS: Final = {
    ("Basic", "monthly"): "9.90",
    ("Basic", "yearly"): "99.00",
    ("Family", "monthly"): "14.90",
    ("Family", "yearly"): "149.00",
    ("Studio", "monthly"): "29.50",
    ("Studio", "yearly"): "295.00",
}


def subscriptions(seed: int = 8) -> Spoilt:
    """Subscriptions: plan and term together say the price; dates as days first in some rows."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(1500):
        (plan, term), price = chance.choice(list(_PLANS.items()))
        began = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(1000))
        rows.append(
            {
                "subscription": str(500100 + number),
                "plan": plan,
                "term": term,
                "price": price,
                "began": f"{began:%Y-%m-%d}",
                "channel": chance.choice(("web", "app store", "partner", "telephone")),
                "email": f"user{chance.randrange(10**6)}@mail{chance.randrange(5)}.example",
                "discount": chance.choice(("0", "0", "0", "5", "10", "15")),
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    spoiler.swap_in("price", 0.02)
    spoiler.change("began", 0.08, lambda value, chance: "/".join(reversed(value.split("-"))))
    spoiler.change("channel", 0.03, put(" {}"))
    spoiler.change("channel", 0.02, typo)
    spoiler.change("email", 0.01, lambda value, chance: value.replace("@", " at "))
    spoiler.change("discount", 0.02, one_of("none", "five", "n.a."))
    return spoiler.spoilt()
