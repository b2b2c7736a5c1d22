"""Who is told by a table: singled out by combination, written into texts, or no person at all."""

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.domain.finding import Finding
from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.tools.column_names import PersonalKind, personal_kind
from agents.tools.personal_values import recognised
from agents.tools.proper_names import is_full_name, is_organisation
from tests.support.examination import findings_of
from tests.support.small_tables import of, offenders, write

GIVEN = ["Anna", "Peter", "Maria", "John", "Sophie", "Daniel", "Laura", "Thomas", "Emma", "Paul"]
FAMILY = ["Smith", "Müller", "Garcia", "Rossi", "Novak", "Dubois", "Okafor", "Ivanov", "Kim", "Ng"]
FULL_NAMES = [f"{given} {family}" for given in GIVEN for family in FAMILY]
PHONES = [f"+1 212 555 {n:04}" for n in range(100, 200)]


async def found_in(folder: Path, columns: Mapping[str, Sequence[Any]]) -> tuple[Finding, ...]:
    rows = list(zip(*columns.values(), strict=True))
    file = write(folder / "t.csv", list(columns), rows)
    return await findings_of(SECURITY_AUDITOR, file, cache=folder)


def people(number: int) -> dict[str, list[Any]]:
    """Persons whose sex and region are shared by many, and whose birth date by few."""
    chance = random.Random(7)
    return {
        "sex": [chance.choice("mf") for _ in range(number)],
        "region": [chance.choice(["north", "south"]) for _ in range(number)],
        "birth_date": [
            str(date(1940, 1, 1) + timedelta(days=chance.randrange(20_000))) for _ in range(number)
        ],
        "income": [chance.randrange(20_000, 90_000) for _ in range(number)],
    }


async def test_the_smallest_combination_that_singles_out_is_told(tmp_path: Path) -> None:
    findings = await found_in(tmp_path, people(400))
    finding = of(findings, "quasi_identifier", "birth_date")
    assert finding.severity == "high"
    assert "k = 1" in finding.title
    assert finding.evidence[0].threshold == 5


async def test_columns_that_single_out_only_together_are_named_together(tmp_path: Path) -> None:
    chance = random.Random(3)
    columns = {
        "gender": [chance.choice("mf") for _ in range(3000)],
        "zip": [str(10_000 + chance.randrange(30)) for _ in range(3000)],
        "birth_year": [1940 + chance.randrange(60) for _ in range(3000)],
        "diagnosis": [chance.choice("abc") for _ in range(3000)],
    }
    finding = of(await found_in(tmp_path, columns), "quasi_identifier")
    assert finding.title.startswith("zip and birth_year together single out persons")
    assert finding.rows is not None
    shown = [row for row in await offenders(finding, tmp_path / "t.csv", tmp_path) if len(row) > 1]
    assert all(value.endswith("*******") for row in shown for value in row[1:])
    assert len({row[0] for row in shown}) == finding.rows


async def test_enough_people_in_every_group_is_no_finding(tmp_path: Path) -> None:
    columns = {
        "sex": ["m", "f"] * 100,
        "marital_status": ["single", "single", "married", "married"] * 50,
        "age_group": ["20-40", "40-60"] * 100,
    }
    assert await found_in(tmp_path, columns) == ()


async def test_rows_of_one_person_do_not_hide_that_there_is_one(tmp_path: Path) -> None:
    columns = {
        "patient_id": [n // 10 for n in range(1000)],
        "sex": ["m" if n // 10 % 2 else "f" for n in range(1000)],
        "occupation": [f"job {n // 10 % 25}" for n in range(1000)],
    }
    finding = of(await found_in(tmp_path, columns), "quasi_identifier", "occupation")
    assert finding.evidence[0].value == 4
    assert "patient_id" in finding.evidence[0].metric


@pytest.mark.parametrize(
    "columns",
    [
        {"city": [f"city {n}" for n in range(200)], "state": [f"s{n % 40}" for n in range(200)]},
        {"model year": [1990 + n % 30 for n in range(200)], "country": ["a", "b"] * 100},
        {name: values[:30] for name, values in people(400).items() if name != "birth_date"},
    ],
    ids=["places", "things", "too few to say"],
)
async def test_tables_about_things_or_of_a_few_rows_single_nobody_out(
    tmp_path: Path, columns: Mapping[str, Sequence[Any]]
) -> None:
    assert await found_in(tmp_path, columns) == ()


COMPANIES = [
    f"{place} {what}"
    for place in ("North", "South", "East", "West", "Lake", "Hill", "River", "Sea", "Old", "New")
    for what in ("Hospital", "Clinic Inc", "Medical Center", "Health GmbH", "University")
]


def contacts(number: int) -> dict[str, list[str]]:
    return {
        "phone": [f"(212) 555-{n:04}" for n in range(100, 100 + number)],
        "address": [f"{n} Main Street" for n in range(number)],
    }


async def test_contacts_of_organisations_are_not_personal(tmp_path: Path) -> None:
    columns = {
        "provider_name": COMPANIES,
        **contacts(50),
        "email": [f"info@example{n}.org" for n in range(50)],
    }
    assert await found_in(tmp_path, columns) == ()


@pytest.mark.parametrize(
    ("extra", "kinds"),
    [
        ({"contact": FULL_NAMES[:50]}, {"names of persons", "phone numbers", "addresses"}),
        ({"surname": [f"{n}son".strip("0123456789") + chr(97 + n % 26) for n in range(50)]}, None),
        ({"birth_date": [f"19{n + 40}-05-17" for n in range(50)]}, {"dates of birth"}),
    ],
    ids=["full names", "surnames", "birth dates"],
)
async def test_persons_who_work_for_organisations_are_reported(
    tmp_path: Path, extra: Mapping[str, Sequence[Any]], kinds: set[str] | None
) -> None:
    findings = await found_in(tmp_path, {"employer": COMPANIES, **extra, **contacts(50)})
    titles = " ".join(finding.title for finding in findings)
    for kind in {"phone numbers", "addresses", *(kinds or ())}:
        assert kind in titles


async def test_many_phones_for_each_company_are_those_of_people(tmp_path: Path) -> None:
    columns = {"company": [COMPANIES[n % 10] for n in range(50)], **contacts(50)}
    titles = " ".join(finding.title for finding in await found_in(tmp_path, columns))
    assert "phone numbers" in titles


async def test_positions_count_where_the_table_is_about_persons(tmp_path: Path) -> None:
    places = {
        "latitude": [52.5 + n * 0.00137 for n in range(100)],
        "longitude": [13.4 + n * 0.00171 for n in range(100)],
    }
    assert await found_in(tmp_path, {"stop": list(range(100)), **places}) == ()
    findings = await found_in(tmp_path, {"rider": FULL_NAMES, **places})
    assert any("positions of persons" in finding.title for finding in findings)


async def test_full_names_are_told_by_frequent_given_names(tmp_path: Path) -> None:
    findings = await found_in(tmp_path, {"id": list(range(100)), "name": FULL_NAMES})
    assert of(findings, "personal_data", "name").severity == "high"


@pytest.mark.parametrize(
    ("text", "kind", "severity"),
    [
        ("please call {} tomorrow", "phone numbers", "medium"),
        ("paid with {} at the desk", "payment card numbers", "high"),
        ("transfer it to {} please", "bank account numbers", "high"),
        ("her number is {} she says", "national identification numbers", "high"),
    ],
)
async def test_texts_with_something_personal_inside(
    tmp_path: Path, text: str, kind: str, severity: str
) -> None:
    inside = {
        "phone numbers": ["+49 30 901820", "(212) 555-0187", "030 901820-11", "+44 20 7946 0018"],
        "payment card numbers": ["4111 1111 1111 1111", "5500-0055-5555-5559"] * 2,
        "bank account numbers": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"] * 2,
        "national identification numbers": ["078-05-1121", "529.982.247-25"] * 2,
    }[kind]
    rows = ["nothing of interest here"] * 40 + [text.format(value) for value in inside]
    (finding,) = await found_in(tmp_path, {"id": list(range(44)), "note": rows})
    assert (finding.category, finding.severity) == ("free_text_personal_data", severity)
    assert finding.title == f"The texts in note hold {kind} in 4 rows."
    assert not [value for value in inside if value in finding.model_dump_json()]


@pytest.mark.parametrize(
    "text",
    [
        "order 4000 1234 5678 {:04} was shipped",
        "part 123-45-{:04} fits the model 7",
        "commit 5f0c8e1d4411117911{:08x} fixed it",
        "between 2024-01-01 and 2024-12-31, case {}",
        "flight N{}MQ left at 10:45 from gate 12",
    ],
)
async def test_texts_with_other_numbers_are_left_alone(tmp_path: Path, text: str) -> None:
    rows = [text.format(n) for n in range(100, 160)]
    findings = await found_in(tmp_path, {"id": list(range(60)), "note": rows})
    assert [f for f in findings if "part" not in text] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Vorname", "person name"),
        ("Nachname", "person name"),
        ("Geburtsdatum", "birth date"),
        ("Straße", "address"),
        ("PLZ", "address"),
        ("Telefonnummer", "phone"),
        ("Steuer-ID", "national id"),
        ("Kontonummer", "bank account"),
        ("Kennwort", "password"),
        ("Prénom", "person name"),
        ("nom_de_famille", "person name"),
        ("date_de_naissance", "birth date"),
        ("courriel", "email"),
        ("téléphone", "phone"),
        ("code_postal", "address"),
        ("numéro_de_sécurité_sociale", "national id"),
        ("carte_bancaire", "payment card"),
        ("motDePasse", "password"),
        ("apellidos", "person name"),
        ("fecha_nacimiento", "birth date"),
        ("correo_electrónico", "email"),
        ("teléfono", "phone"),
        ("dirección", "address"),
        ("DNI", "national id"),
        ("contraseña", "password"),
        ("customer_phone", "phone"),
        ("mac_address", "device id"),
        ("nom", None),
        ("nombre", None),
        ("device_id", None),
        ("mobile_money", None),
    ],
)
def test_columns_are_named_in_several_languages(name: str, kind: PersonalKind | None) -> None:
    assert personal_kind(name) == kind


@pytest.mark.parametrize(
    ("form", "hint", "values"),
    [
        ("ip address", None, ["2001:db8::1", "fe80::1ff:fe23:4567:890a", "::1"]),
        ("device id", None, ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5f", "001a.2b3c.4d5e"]),
        ("device id", "device id", ["490154203237518", "353918052107063"]),
        ("birth date", "birth date", ["1980-01-31", "31.01.1980", "01/31/1980", "19800131"]),
        (
            "birth date",
            "birth date",
            ["31 Jan 1980", "January 31, 1980", "1 May 80"],
        ),
        ("position", None, ["52.5200, 13.4050", "(48.8566, 2.3522)"]),
        ("French NIR", None, ["180126955222380", "1 80 12 69 552 223 80"]),
        ("Spanish DNI", None, ["54362315K", "12345678Z"]),
        ("German tax id", None, ["36 574 261 809", "36574261809"]),
        ("Italian codice fiscale", None, ["RSSMRA80A01H501U"]),
        ("Brazilian CPF", None, ["529.982.247-25", "52998224725"]),
    ],
)
def test_forms_of_values(form: str, hint: PersonalKind | None, values: Sequence[str]) -> None:
    assert recognised(values, hint)[form] == 1.0


def test_numbers_of_other_ranges_are_no_cards() -> None:
    imei = ["490154203237518", "353918052107063", "356938035643809"]
    assert "payment card" not in recognised(imei, None)


@pytest.mark.parametrize(
    ("name", "is_person"),
    [
        ("Anna Müller", True),
        ("Smith, Mr. John", True),
        ("Dr. Laura Rossi", True),
        ("Anna", False),
        ("Paul Smith Ltd", False),
        ("Lake Placid", False),
    ],
)
def test_names_of_persons(name: str, *, is_person: bool) -> None:
    assert is_full_name(name) is is_person


@pytest.mark.parametrize("name", ["Acme Inc.", "Klinikum Nord", "Sierra Brewing Co", "Müller GmbH"])
def test_names_of_organisations(name: str) -> None:
    assert is_organisation(name)
