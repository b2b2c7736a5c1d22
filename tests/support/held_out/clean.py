"""Tables of several shapes in which nothing is wrong."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support.held_out.places import FIRST_NAMES, SURNAMES
from tests.support.held_out.spoil import Row
from tests.support.held_out.streams import events, readings

_COUNTRIES: Final = """
AT|Austria|EUR|Vienna|48.21|16.37
AU|Australia|AUD|Canberra|-35.28|149.13
BE|Belgium|EUR|Brussels|50.85|4.35
BR|Brazil|BRL|Brasilia|-15.79|-47.88
CA|Canada|CAD|Ottawa|45.42|-75.70
CH|Switzerland|CHF|Bern|46.95|7.45
CL|Chile|CLP|Santiago|-33.45|-70.67
CN|China|CNY|Beijing|39.90|116.41
DE|Germany|EUR|Berlin|52.52|13.41
DK|Denmark|DKK|Copenhagen|55.68|12.57
ES|Spain|EUR|Madrid|40.42|-3.70
FI|Finland|EUR|Helsinki|60.17|24.94
FR|France|EUR|Paris|48.86|2.35
GB|United Kingdom|GBP|London|51.51|-0.13
IE|Ireland|EUR|Dublin|53.35|-6.26
IN|India|INR|New Delhi|28.61|77.21
IQ|Iraq|IQD|Baghdad|33.31|44.36
IR|Iran|IRR|Tehran|35.69|51.39
IS|Iceland|ISK|Reykjavik|64.15|-21.94
IT|Italy|EUR|Rome|41.90|12.50
JP|Japan|JPY|Tokyo|35.68|139.69
KE|Kenya|KES|Nairobi|-1.29|36.82
MX|Mexico|MXN|Mexico City|19.43|-99.13
NA|Namibia|NAD|Windhoek|-22.56|17.07
NE|Niger|XOF|Niamey|13.51|2.11
NG|Nigeria|NGN|Abuja|9.06|7.50
NL|Netherlands|EUR|Amsterdam|52.37|4.90
NO|Norway|NOK|Oslo|59.91|10.75
NZ|New Zealand|NZD|Wellington|-41.29|174.78
PL|Poland|PLN|Warsaw|52.23|21.01
PT|Portugal|EUR|Lisbon|38.72|-9.14
SE|Sweden|SEK|Stockholm|59.33|18.07
SI|Slovenia|EUR|Ljubljana|46.06|14.51
SK|Slovakia|EUR|Bratislava|48.15|17.11
US|United States|USD|Washington|38.91|-77.04
ZA|South Africa|ZAR|Pretoria|-25.75|28.19
"""
"""Code, name, currency, capital, latitude and longitude of each."""


def countries(chance: random.Random) -> list[Row]:
    """A lookup: codes, names that differ by a letter or two, capitals and places."""
    names = ("code", "country", "currency", "capital", "latitude", "longitude")
    return [
        dict(zip(names, line.split("|"), strict=True)) for line in _COUNTRIES.strip().splitlines()
    ]


def payments(chance: random.Random) -> list[Row]:
    """Transactions: heavy-tailed amounts, refunds, three currencies, a few open ones."""
    rows = []
    moment = datetime(2023, 9, 1, 6, tzinfo=UTC)
    for number in range(2500):
        moment += timedelta(minutes=chance.expovariate(0.05))
        kind = chance.choices(("purchase", "refund", "fee"), (88, 7, 5))[0]
        amount = round(chance.lognormvariate(3.4, 1.1), 2)
        rows.append(
            {
                "payment_id": f"P{2000000 + number}",
                "paid_at": f"{moment:%Y-%m-%d %H:%M:%S}",
                "customer_id": str(int(1000 + 400 * chance.random() ** 2)),
                "kind": kind,
                "amount": f"{-amount if kind == 'refund' else amount:.2f}",
                "currency": chance.choices(("EUR", "CHF", "USD"), (80, 12, 8))[0],
                "method": chance.choice(("card", "transfer", "direct debit", "wallet")),
                "country": chance.choices(("AT", "DE", "CH", "IT"), (40, 40, 15, 5))[0],
            }
        )
    return rows


def survey(chance: random.Random) -> list[Row]:
    """Answers from 1 to 5, ages in bands, and a word where somebody has no children."""
    rows = []
    for number in range(800):
        mood = chance.gauss(3.6, 0.8)
        rows.append(
            {
                "respondent": str(number + 1),
                "age_band": chance.choice(("18-24", "25-34", "35-44", "45-54", "55-64", "65+")),
                "gender": chance.choices(("female", "male", "diverse"), (50, 48, 2))[0],
                "education": chance.choice(("school", "apprenticeship", "bachelor", "master")),
                "children": chance.choice(("none", "one", "two", "three or more")),
                "region": chance.choice(("north", "northeast", "northwest", "south", "southeast")),
            }
            | {
                f"q{n}": str(min(5, max(1, round(mood + chance.gauss(0, 0.9)))))
                for n in range(1, 9)
            }
        )
    return rows


_OPINIONS: Final = (
    "Works as described and arrived on time.",
    "The handle broke after two weeks of use.",
    "Would buy again; my kids love it!",
    "Colour differs from the picture, otherwise fine.",
    "Far too small. Sent it back.",
    "Great value for the money, sturdy and light.",
    "Instructions are missing, but it is easy to put together.",
    "Smells of plastic at first.",
)


def reviews(chance: random.Random) -> list[Row]:
    """Texts that people wrote, with stars and helpful votes."""
    rows = []
    for number in range(1200):
        day = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(700))
        said = chance.sample(_OPINIONS, chance.randrange(1, 4))
        rows.append(
            {
                "review_id": f"R{chance.getrandbits(40):010X}",
                "product": f"B{chance.randrange(60):03}",
                "stars": str(chance.choices((1, 2, 3, 4, 5), (8, 6, 10, 26, 50))[0]),
                "title": said[0].split(".")[0].split(",")[0],
                "text": " ".join(said) + f" ({number % 97} days of use)",
                "helpful": str(int(chance.expovariate(0.6))),
                "written_on": f"{day:%Y-%m-%d}",
                "verified": chance.choices(("true", "false"), (9, 1))[0],
            }
        )
    return rows


def features(chance: random.Random) -> list[Row]:
    """Forty measures of each sample, of several distributions, and a class."""
    rows = []
    for number in range(600):
        kind = chance.choice(("a", "b", "c"))
        shift = {"a": 0.0, "b": 1.5, "c": -1.0}[kind]
        row = {"sample": f"S{number:05}", "class": kind}
        for place in range(40):
            value = (
                chance.gauss(shift, 1 + place / 10)
                if place % 3
                else chance.lognormvariate(shift / 2, 0.5)
            )
            row[f"f{place:02}"] = f"{value:.4f}"
        rows.append(row)
    return rows


def stores(chance: random.Random) -> list[Row]:
    """Shops of a chain in places that share names, with their coordinates and sizes."""
    towns = (
        "Newport",
        "Northport",
        "Springfield",
        "Fairfield",
        "Westfield",
        "Westfeld",
        "Ashford",
        "Ashfield",
        "Milton",
        "Hilton",
        "Salem",
        "Salen",
    )
    streets = ("Main St", "High St", "Mill Ln", "Oak Ave")
    rows = []
    for number in range(400):
        place = chance.randrange(len(towns))
        north = 40 + place / 3 + chance.gauss(0, 0.05)
        rows.append(
            {
                "store_no": f"{number + 1:04}",
                "town": towns[place],
                "street": f"{chance.randrange(1, 300)} {chance.choice(streets)}",
                "latitude": f"{north:.5f}",
                "longitude": f"{-75 + place / 2 + chance.gauss(0, 0.05):.5f}",
                "format": chance.choices(("express", "super", "hyper"), (6, 3, 1))[0],
                "area_m2": str(int(chance.lognormvariate(6, 0.8))),
                "opened": str(chance.randrange(1978, 2024)),
                "parking": chance.choice(("yes", "no")),
            }
        )
    return rows


def staff(chance: random.Random) -> list[Row]:
    """Employees: superiors, offices, some who have left, salaries with a long tail."""
    offices = {"Lyon": "FR", "Paris": "FR", "Porto": "PT", "Lisbon": "PT", "Ghent": "BE"}
    rows = []
    for number in range(500):
        gender = chance.choice("FM")
        office = chance.choice(list(offices))
        joined = datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(6900))
        gone = joined + timedelta(days=chance.randrange(200, 3000))
        has_left = chance.random() < 0.3 and gone.year < 2024
        rows.append(
            {
                "employee_id": f"E{number + 1:04}",
                "first_name": chance.choice(FIRST_NAMES[gender]),
                "last_name": chance.choice(SURNAMES),
                "office": office,
                "country": offices[office],
                "team": chance.choice(("Sales", "Support", "Research", "Finance", "Logistics")),
                "manager_id": f"E{chance.randrange(1, 40):04}",
                "joined_on": f"{joined:%Y-%m-%d}",
                "left_on": f"{gone:%Y-%m-%d}" if has_left else "",
                "salary": str(100 * int(chance.lognormvariate(6, 0.35))),
            }
        )
    return rows


def order_lines(chance: random.Random) -> list[Row]:
    """Lines of orders: order and line number are the key, amounts add up."""
    rows = []
    catalogue = [(f"SKU-{n:04}", round(chance.uniform(1, 90), 2)) for n in range(200)]
    for order in range(600):
        day = datetime(2024, 1, 2, tzinfo=UTC) + timedelta(days=order // 4)
        for line in range(chance.randrange(1, 6)):
            sku, price = catalogue[int(200 * chance.random() ** 2)]
            count = chance.choices((1, 2, 3, 4, 6, 12, 24), (40, 25, 12, 9, 7, 5, 2))[0]
            rows.append(
                {
                    "order_no": str(70000 + order),
                    "line": str(line + 1),
                    "ordered_on": f"{day:%Y-%m-%d}",
                    "sku": sku,
                    "quantity": str(count),
                    "unit_price": f"{price:.2f}",
                    "amount": f"{price * count:.2f}",
                }
            )
    return rows


def laboratory(chance: random.Random) -> list[Row]:
    """Results of tests, each with its unit and range, flagged where they are outside."""
    tests = (
        ("Glucose", "mg/dL", 70, 99, 88, 14),
        ("Sodium", "mmol/L", 135, 145, 140, 2.6),
        ("Potassium", "mmol/L", 3.5, 5.1, 4.2, 0.4),
        ("Creatinine", "mg/dL", 0.6, 1.3, 0.95, 0.2),
        ("Hemoglobin", "g/dL", 12, 17.5, 14.2, 1.4),
        ("Platelets", "10^9/L", 150, 400, 250, 55),
    )
    rows = []
    for number in range(1800):
        name, unit, low, high, usual, spread = tests[number % len(tests)]
        value = max(0.1, chance.gauss(usual, spread))
        rows.append(
            {
                "accession": f"{240000 + number // len(tests)}",
                "test": name,
                "result": f"{value:.1f}",
                "unit": unit,
                "low": str(low),
                "high": str(high),
                "flag": "L" if round(value, 1) < low else "H" if round(value, 1) > high else "N",
                "drawn_on": f"2024-{1 + number // 400:02}-{1 + number % 28:02}",
            }
        )
    return rows


CLEAN: Final[Mapping[str, Callable[[random.Random], list[Row]]]] = {
    "countries": countries,
    "payments": payments,
    "survey": survey,
    "reviews": reviews,
    "features": features,
    "stores": stores,
    "staff": staff,
    "order lines": order_lines,
    "laboratory": laboratory,
    "weather": lambda chance: readings(with_faults=False),
    "events": lambda chance: events(with_faults=False),
}
"""By name; each takes its source of chance."""


def clean_rows(name: str, seed: int = 20) -> list[Row]:
    """The rows of one of them, the same for the same seed."""
    return CLEAN[name](random.Random(f"{name} {seed}"))
