"""Films with their ratings, and papers with their journals."""

import random
from typing import Final

from tests.support.held_out.spoil import Row, Spoiler, Spoilt, one_of, times, typo

_ADJECTIVES: Final = (
    "Silent",
    "Crimson",
    "Forgotten",
    "Golden",
    "Broken",
    "Hidden",
    "Last",
    "Endless",
    "Distant",
    "Burning",
    "Frozen",
    "Wicked",
    "Gentle",
    "Savage",
)
_NOUNS: Final = (
    "Harbour",
    "Empire",
    "Garden",
    "Promise",
    "Voyage",
    "Shadow",
    "Mirror",
    "Winter",
    "Orchard",
    "Station",
    "Letter",
    "Kingdom",
    "River",
    "Machine",
    "Stranger",
)
_GENRES: Final = (
    "Drama",
    "Comedy",
    "Thriller",
    "Horror",
    "Documentary",
    "Romance",
    "Western",
    "Animation",
    "Adventure",
)
_TONGUES: Final = ("English", "French", "Spanish", "Japanese", "German", "Italian", "Korean")
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def films(seed: int = 4) -> Spoilt:
    """Films: durations in two more forms, releases in another, ratings ten times too high."""
    chance = random.Random(seed)
    makers = [f"{chance.choice('ABCDEFGHJKLM')}. {_NOUNS[n % 15]}son{n}" for n in range(120)]
    rows: list[Row] = []
    for number in range(1500):
        year = chance.randrange(1950, 2021)
        rows.append(
            {
                "id": f"tt{700000 + 13 * number}",
                "title": f"The {chance.choice(_ADJECTIVES)} {chance.choice(_NOUNS)} {number}",
                "year": str(year),
                "released": f"{year}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
                "director": chance.choice(makers),
                "language": chance.choices(_TONGUES, (50, 9, 9, 6, 6, 5, 4))[0],
                "genre": chance.choice(_GENRES),
                "duration": f"{int(chance.gauss(105, 15))} min",
                "rating": f"{min(9.8, max(1.1, chance.gauss(6.4, 1.1))):.1f}",
                "votes": str(int(10 ** chance.uniform(1.5, 5.6))),
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    spoiler.change("duration", 0.08, _in_hours)
    spoiler.change("duration", 0.03, lambda value, chance: value.removesuffix(" min"))
    spoiler.change("released", 0.06, _spoken)
    spoiler.change("rating", 0.01, times(10))
    spoiler.change("language", 0.03, typo)
    spoiler.change("genre", 0.02, lambda value, chance: value.upper())
    spoiler.change("director", 0.05, one_of("", "N/A"))
    spoiler.change("id", 0.01, lambda value, chance: value[2:])
    return spoiler.spoilt()


def _in_hours(value: str, chance: random.Random) -> str:
    hours, minutes = divmod(int(value.removesuffix(" min")), 60)
    return f"{hours} h {minutes} min"


def _spoken(value: str, chance: random.Random) -> str:
    year, month, day = value.split("-")
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"


_JOURNALS: Final = [
    ("Journal of Tropical Pediatrics", "J Trop Pediatr", "eng"),
    ("Annals of Emergency Medicine", "Ann Emerg Med", "eng"),
    ("Acta Neurologica Scandinavica", "Acta Neurol Scand", "eng"),
    ("Deutsche Medizinische Wochenschrift", "Dtsch Med Wochenschr", "ger"),
    ("La Presse Medicale", "Presse Med", "fre"),
    ("European Heart Journal", "Eur Heart J", "eng"),
    ("International Journal of Nursing Studies", "Int J Nurs Stud", "eng"),
    ("Revista Medica de Chile", "Rev Med Chil", "spa"),
    ("British Journal of Dermatology", "Br J Dermatol", "eng"),
    ("Clinical Infectious Diseases", "Clin Infect Dis", "eng"),
    ("Archives of Disease in Childhood", "Arch Dis Child", "eng"),
    ("Gastroenterology Nursing", "Gastroenterol Nurs", "eng"),
    ("Journal of Hospital Infection", "J Hosp Infect", "eng"),
    ("Medical Care Research and Review", "Med Care Res Rev", "eng"),
]
_TOPICS: Final = ("asthma", "sepsis", "stroke", "diabetes", "malaria", "dementia", "influenza")
_STUDIES: Final = (
    "A randomised trial of",
    "Long-term outcome of",
    "Cost of treating",
    "Nursing interventions in",
    "Early diagnosis of",
    "A systematic review of",
)


def papers(seed: int = 5) -> Spoilt:
    """Papers: dates in another order, pages and serial numbers as a spreadsheet spoils them."""
    chance = random.Random(seed)
    serials = [
        f"{chance.randrange(100, 2000):04}-{chance.randrange(1000, 9999)}" for _ in _JOURNALS
    ]
    rows: list[Row] = []
    for number in range(900):
        place = chance.randrange(len(_JOURNALS))
        journal, short, language = _JOURNALS[place]
        first = chance.randrange(1, 900)
        rows.append(
            {
                "article_id": str(40000 + number),
                "title": f"{chance.choice(_STUDIES)} {chance.choice(_TOPICS)} in ward {number}",
                "language": language,
                "journal": journal,
                "abbreviation": short,
                "issn": serials[place],
                "volume": str(chance.randrange(1, 80)),
                "issue": str(chance.randrange(1, 13)),
                "pages": f"{first}-{first + chance.randrange(3, 15)}",
                "created": (
                    f"{chance.randrange(2000, 2016)}-{chance.randrange(1, 13):02}"
                    f"-{chance.randrange(1, 29):02}"
                ),
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    spoiler.change("created", 0.12, _month_first)
    spoiler.change("issn", 0.04, lambda value, chance: value.replace("-", ""))
    spoiler.change("journal", 0.05, typo)
    spoiler.swap_in("abbreviation", 0.04)
    spoiler.change("language", 0.02, one_of("English", ""))
    spoiler.change("pages", 0.05, lambda value, chance: value.replace("-", " to "))
    spoiler.change("issue", 0.03, one_of("", "NULL"))
    return spoiler.spoilt()


def _month_first(value: str, chance: random.Random) -> str:
    year, month, day = value.split("-")
    return f"{int(month)}/{int(day)}/{year[2:]}"
