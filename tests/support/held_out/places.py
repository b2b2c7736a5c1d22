"""Clinics and their figures, tax payers, and persons who were asked: tables with many rules."""

import random
from typing import Final

from tests.support.held_out.spoil import Row, Spoiler, Spoilt, one_of, put, times, typo

_TOWNS: Final = [
    ("01067", "Dresden", "Sachsen"),
    ("04109", "Leipzig", "Sachsen"),
    ("09111", "Chemnitz", "Sachsen"),
    ("20095", "Hamburg", "Hamburg"),
    ("24103", "Kiel", "Schleswig-Holstein"),
    ("23552", "Lübeck", "Schleswig-Holstein"),
    ("28195", "Bremen", "Bremen"),
    ("30159", "Hannover", "Niedersachsen"),
    ("37073", "Göttingen", "Niedersachsen"),
    ("38100", "Braunschweig", "Niedersachsen"),
    ("44135", "Dortmund", "Nordrhein-Westfalen"),
    ("45127", "Essen", "Nordrhein-Westfalen"),
    ("50667", "Köln", "Nordrhein-Westfalen"),
    ("53111", "Bonn", "Nordrhein-Westfalen"),
    ("60311", "Frankfurt am Main", "Hessen"),
    ("34117", "Kassel", "Hessen"),
    ("70173", "Stuttgart", "Baden-Württemberg"),
    ("79098", "Freiburg", "Baden-Württemberg"),
    ("80331", "München", "Bayern"),
    ("90402", "Nürnberg", "Bayern"),
    ("86150", "Augsburg", "Bayern"),
    ("93047", "Regensburg", "Bayern"),
    ("99084", "Erfurt", "Thüringen"),
    ("39104", "Magdeburg", "Sachsen-Anhalt"),
]
_HOUSES: Final = ("Klinikum", "Krankenhaus", "Hospital", "Stift", "Fachklinik")
_SAINTS: Final = ("Elisabeth", "Josef", "Marien", "Georg", "Lukas", "Katharinen", "Barbara")
_FIGURES: Final = [
    ("PNE-01", "Aufnahmebefund erhoben", "Lungenentzündung"),
    ("PNE-02", "Antibiotikum innerhalb von vier Stunden", "Lungenentzündung"),
    ("HIN-01", "Acetylsalicylsäure bei Ankunft", "Herzinfarkt"),
    ("HIN-02", "Betablocker bei Entlassung", "Herzinfarkt"),
    ("HIN-03", "Beratung zum Rauchverzicht", "Herzinfarkt"),
    ("HSW-01", "Echokardiographie durchgeführt", "Herzschwäche"),
    ("HSW-02", "Entlassungsanweisung ausgehändigt", "Herzschwäche"),
    ("OPE-01", "Antibiotikaprophylaxe vor dem Schnitt", "Operation"),
    ("OPE-02", "Thromboseprophylaxe verordnet", "Operation"),
]
_BEARERS: Final = ("öffentlich", "freigemeinnützig", "privat")


def clinics(seed: int = 1) -> Spoilt:
    """Figures of German clinics: 3 % typing slips, missing codes, bare numbers, wrong towns."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(60):
        code, town, state = _TOWNS[number % len(_TOWNS)]
        house = {
            "klinik_nr": f"K{10400 + 37 * number}",
            "name": f"{chance.choice(_SAINTS)}-{chance.choice(_HOUSES)} {town}",
            "straße": f"{chance.choice(('Lindenallee', 'Marktplatz', 'Ringstraße'))} {number + 3}",
            "plz": code,
            "ort": town,
            "bundesland": state,
            "telefon": f"0{chance.randrange(2000, 9999)} {chance.randrange(100000, 999999)}",
            "träger": chance.choice(_BEARERS),
        }
        for figure, title, illness in chance.sample(_FIGURES, 7):
            measured = {
                "kennzahl": figure,
                "bezeichnung": title,
                "erkrankung": illness,
                "quote": f"{chance.randrange(52, 100)} %",
                "fälle": f"{chance.randrange(10, 900)} Fälle",
            }
            rows.append(house | measured)
    spoiler = Spoiler(rows, seed=seed)
    for column in ("name", "ort", "bundesland", "träger", "bezeichnung", "erkrankung"):
        spoiler.change(column, 0.03, typo)
    spoiler.swap_in("bundesland", 0.01)
    spoiler.change("plz", 0.02, lambda value, chance: value[:-1] + "x")
    spoiler.change("kennzahl", 0.02, lambda value, chance: value.replace("-", ""))
    spoiler.change("telefon", 0.03, one_of("", "k.A."))
    spoiler.change("fälle", 0.04, lambda value, chance: value.removesuffix(" Fälle"))
    spoiler.change("quote", 0.02, one_of("n/a"))
    return spoiler.spoilt()


_ZIPS: Final = [
    ("85004", "Phoenix", "AZ", "602"),
    ("85701", "Tucson", "AZ", "520"),
    ("90012", "Los Angeles", "CA", "213"),
    ("94103", "San Francisco", "CA", "415"),
    ("95814", "Sacramento", "CA", "916"),
    ("80202", "Denver", "CO", "303"),
    ("06103", "Hartford", "CT", "860"),
    ("33130", "Miami", "FL", "305"),
    ("32801", "Orlando", "FL", "407"),
    ("30303", "Atlanta", "GA", "404"),
    ("60602", "Chicago", "IL", "312"),
    ("62701", "Springfield", "IL", "217"),
    ("46204", "Indianapolis", "IN", "317"),
    ("02108", "Boston", "MA", "617"),
    ("01103", "Springfield", "MA", "413"),
    ("48226", "Detroit", "MI", "313"),
    ("55401", "Minneapolis", "MN", "612"),
    ("65806", "Springfield", "MO", "417"),
    ("10007", "New York", "NY", "212"),
    ("14202", "Buffalo", "NY", "716"),
    ("43215", "Columbus", "OH", "614"),
    ("97204", "Portland", "OR", "503"),
    ("04101", "Portland", "ME", "207"),
    ("75201", "Dallas", "TX", "214"),
    ("77002", "Houston", "TX", "713"),
    ("98101", "Seattle", "WA", "206"),
]
FIRST_NAMES: Final = {
    "F": (
        "Amara",
        "Beatriz",
        "Chiara",
        "Dolores",
        "Esme",
        "Fatima",
        "Greta",
        "Hana",
        "Ines",
        "Jolene",
        "Kaori",
        "Lucinda",
        "Mireille",
        "Noor",
        "Odette",
        "Priya",
        "Rosalind",
        "Saskia",
        "Tamsin",
        "Ursula",
        "Valentina",
        "Wanda",
        "Yasmin",
        "Zofia",
    ),
    "M": (
        "Anselm",
        "Bruno",
        "Cormac",
        "Dieter",
        "Emeka",
        "Fabio",
        "Goran",
        "Henrik",
        "Ivo",
        "Jamal",
        "Kofi",
        "Leandro",
        "Mateus",
        "Nikolai",
        "Oscar",
        "Pavel",
        "Quentin",
        "Rashid",
        "Stefan",
        "Tomasz",
        "Ulrich",
        "Viktor",
        "Wendell",
        "Yusuf",
    ),
}
SURNAMES: Final = (
    "Abernathy",
    "Bellini",
    "Castellano",
    "Dragomir",
    "Eriksen",
    "Fontaine",
    "Grunewald",
    "Halloran",
    "Ivanova",
    "Jankowski",
    "Kristensen",
    "Lindqvist",
    "Montgomery",
    "Nakamura",
    "Okonkwo",
    "Pellegrini",
    "Quesada",
    "Rasmussen",
    "Santangelo",
    "Takahashi",
    "Underwood",
    "Vandermeer",
    "Whitfield",
    "Yamaguchi",
    "Zimmermann",
    "Achterberg",
    "Bjornstad",
    "Cavendish",
)
_RATES: Final = {
    "AZ": "2.5",
    "CA": "6.2",
    "CO": "4.4",
    "CT": "5.1",
    "FL": "0",
    "GA": "5.39",
    "IL": "4.95",
    "IN": "3.05",
    "MA": "5",
    "MI": "4.25",
    "MN": "7.2",
    "MO": "4.8",
    "NY": "6.1",
    "OH": "3.5",
    "OR": "8.7",
    "ME": "7.1",
    "TX": "0",
    "WA": "0",
}


def taxes(seed: int = 2) -> Spoilt:
    """Tax payers: zip and area code say the state, the state its rate; about 1.5 % slips."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for _ in range(2400):
        code, city, state, area = chance.choice(_ZIPS)
        gender = chance.choice("FM")
        marital = chance.choice(("S", "M"))
        rows.append(
            {
                "f_name": chance.choice(FIRST_NAMES[gender]),
                "l_name": chance.choice(SURNAMES),
                "gender": gender,
                "area_code": area,
                "phone": f"{chance.randrange(200, 999)}-{chance.randrange(1000, 9999)}",
                "city": city,
                "state": state,
                "zip": code,
                "marital_status": marital,
                "has_child": chance.choice("YN"),
                "salary": str(500 * chance.randrange(40, 240)),
                "rate": _RATES[state],
                "single_exemp": "3500" if marital == "S" else "0",
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    spoiler.change("city", 0.02, typo)
    spoiler.swap_in("state", 0.015)
    spoiler.change("zip", 0.01, lambda value, chance: value[:2] + "*" + value[3:])
    spoiler.change("area_code", 0.01, lambda value, chance: value[::-1])
    spoiler.change("phone", 0.02, lambda value, chance: value.replace("-", ""))
    spoiler.change("gender", 0.01, one_of("Female", "male"))
    spoiler.change("has_child", 0.01, one_of("-"))
    spoiler.change("rate", 0.01, times(100))
    spoiler.change("salary", 0.004, times(1000))
    return spoiler.spoilt()


_SCHOOLS: Final = [
    ("Preschool", 1),
    ("5th-6th", 3),
    ("9th", 5),
    ("10th", 6),
    ("11th", 7),
    ("HS-grad", 9),
    ("Some-college", 10),
    ("Assoc-voc", 11),
    ("Bachelors", 13),
    ("Masters", 14),
    ("Prof-school", 15),
    ("Doctorate", 16),
]
_JOBS: Final = (
    "Adm-clerical",
    "Craft-repair",
    "Exec-managerial",
    "Farming-fishing",
    "Handlers-cleaners",
    "Machine-op-inspct",
    "Other-service",
    "Prof-specialty",
    "Sales",
    "Tech-support",
    "Transport-moving",
)
_KIN: Final = [
    ("Husband", "Male", "Married"),
    ("Wife", "Female", "Married"),
    ("Not-in-family", "Male", "Never-married"),
    ("Not-in-family", "Female", "Never-married"),
    ("Own-child", "Male", "Never-married"),
    ("Own-child", "Female", "Never-married"),
    ("Unmarried", "Female", "Divorced"),
    ("Unmarried", "Male", "Divorced"),
]
_LANDS: Final = ("United-States", "Mexico", "Philippines", "Germany", "Canada", "Poland")


def census(seed: int = 3) -> Spoilt:
    """Persons asked about their work: slips of 2 to 5 %, ages that cannot be, question marks."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for _ in range(2000):
        school, years = chance.choices(_SCHOOLS, (1, 1, 2, 3, 4, 30, 20, 5, 18, 8, 2, 2))[0]
        kin, sex, marital = chance.choice(_KIN)
        pay = years * 2 + chance.gauss(0, 6)
        rows.append(
            {
                "age": str(min(90, max(17, int(chance.gauss(40, 13))))),
                "workclass": chance.choices(("Private", "Self-emp", "State-gov"), (8, 2, 1))[0],
                "education": school,
                "education_num": str(years),
                "marital_status": marital,
                "occupation": chance.choice(_JOBS),
                "relationship": kin,
                "sex": sex,
                "hours_per_week": str(int(min(90, max(5, chance.gauss(40, 9))))),
                "country": chance.choices(_LANDS, (90, 4, 2, 2, 2, 1))[0],
                "income": ">50K" if pay > 26 else "<=50K",
            }
        )
    spoiler = Spoiler(rows, seed=seed)
    for column in ("education", "marital_status", "occupation", "country", "workclass"):
        spoiler.change(column, 0.02, typo)
    spoiler.change("education_num", 0.02, lambda value, chance: str(int(value) + 20))
    spoiler.change("occupation", 0.04, one_of("?"))
    spoiler.change("sex", 0.02, lambda value, chance: value.lower())
    spoiler.change("age", 0.003, one_of("-1", "333", "0200"))
    spoiler.change("income", 0.02, put(" {}"))
    spoiler.change("hours_per_week", 0.002, times(100))
    return spoiler.spoilt()
