"""Persons of whom some stand twice in a register, with the slips of whoever typed them in."""

import random
from datetime import date, timedelta
from typing import Final

from tests.support.held_out.places import FIRST_NAMES, SURNAMES
from tests.support.held_out.spoil import Row, typo

_STREETS: Final = (
    "Kerkstraat",
    "Molenweg",
    "Dorpsstraat",
    "Julianalaan",
    "Schoolstraat",
    "Stationsweg",
    "Nieuwstraat",
    "Lindelaan",
    "Havenkade",
    "Beukenlaan",
)
_TOWNS: Final = ("Utrecht", "Haarlem", "Zwolle", "Deventer", "Breda", "Tilburg", "Leiden", "Delft")


def register(seed: int = 9) -> tuple[list[Row], dict[str, list[int]]]:
    """A Dutch register, and the rows of each person; one in five stands there again."""
    chance = random.Random(seed)
    written: list[tuple[int, Row]] = []
    for number in range(700):
        person = _person(chance)
        written.append((number, person))
        if chance.random() < 0.2:
            written.append((number, _again(person, chance)))
    chance.shuffle(written)
    rows, entities = [], {}
    for place, (number, row) in enumerate(written):
        rows.append({"inschrijving": str(80000 + place)} | row)
        entities.setdefault(str(number), []).append(place)
    return rows, entities


def _person(chance: random.Random) -> Row:
    born = date(1935, 1, 1) + timedelta(days=chance.randrange(26000))
    return {
        "voornaam": chance.choice(FIRST_NAMES[chance.choice("FM")]),
        "achternaam": chance.choice(SURNAMES) + chance.choice(("", "", "s", "sen", " de Wit")),
        "straat": chance.choice(_STREETS),
        "huisnummer": str(chance.randrange(1, 240)),
        "postcode": f"{chance.randrange(1000, 9999)} {chance.choice(('AE', 'BG', 'CK', 'DN'))}",
        "woonplaats": chance.choice(_TOWNS),
        "geboren": f"{born:%Y-%m-%d}",
        "telefoon": f"06-{chance.randrange(10**7, 10**8)}",
    }


def _again(person: Row, chance: random.Random) -> Row:
    again = dict(person)
    for column in chance.sample(list(person), chance.randrange(1, 4)):
        if column in ("voornaam", "achternaam", "straat", "woonplaats"):
            again[column] = typo(again[column], chance)
        elif column == "geboren":
            year, month, day = again[column].split("-")
            again[column] = f"{year}-{day}-{month}" if int(day) <= 12 else again[column]
        else:
            again[column] = "" if chance.random() < 0.4 else _digit_off(again[column], chance)
    return again


def _digit_off(value: str, chance: random.Random) -> str:
    at = chance.choice([n for n, character in enumerate(value) if character.isdigit()])
    return value[:at] + chance.choice("0123456789") + value[at + 1 :]
