"""The security auditor: personal data is found, and what only looks like it is not."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from agents.domain.finding import Finding
from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.tools.column_names import PersonalKind, personal_kind, words
from agents.tools.masking import masked
from agents.tools.personal_values import recognised
from tests.support.examination import examination_of, findings_of

DATA = Path(__file__).parents[1] / "data"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
CARDS = [
    "4111111111111111",
    "5500005555555559",
    "340000000000009",
    "30000000000004",
    "6011000000000004",
    "4012888888881881",
    "5105105105105100",
    "378282246310005",
]
IBANS = [
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "CH9300762011623852957",
    "ES9121000418450200051332",
]


def write(file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


async def findings_in(tmp_path: Path, column: str, values: Sequence[str]) -> tuple[Finding, ...]:
    file = write(tmp_path / "t.csv", ("id", column), [[n, value] for n, value in enumerate(values)])
    return await findings_of(SECURITY_AUDITOR, file, cache=tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "flights.parquet",
        "planes.csv",
        "weather.csv",
        "airports.csv",
        "airlines.csv",
        "cpu_utilization.csv",
    ],
)
async def test_tables_about_things_hold_nothing_personal(tmp_path: Path, name: str) -> None:
    assert await findings_of(SECURITY_AUDITOR, DATA / name, cache=tmp_path) == ()


async def test_a_table_of_persons_is_recognised(tmp_path: Path) -> None:
    findings = await findings_of(SECURITY_AUDITOR, DATA / "febrl.csv", cache=tmp_path)
    told = [f for f in findings if f.category in ("personal_data", "national_id")]
    columns = {evidence.metric.split()[5] for finding in told for evidence in finding.evidence}
    assert columns == {
        "given_name",
        "surname",
        "street_number",
        "address_1",
        "address_2",
        "suburb",
        "postcode",
        "date_of_birth",
        "soc_sec_id",
    }
    severities = {finding.title.split(" ")[0]: finding.severity for finding in told}
    assert severities == {
        "given_name": "high",
        "street_number": "medium",
        "date_of_birth": "high",
        "soc_sec_id": "low",
    }


async def test_no_personal_value_leaves_the_auditor(tmp_path: Path) -> None:
    with (DATA / "febrl.csv").open() as opened:
        rows = [[cell.strip() for cell in row[1:]] for row in csv.reader(opened)][1:]
    values = {cell for row in rows for cell in row if len(cell) > 4 and not cell.isdecimal()}
    async with examination_of(SECURITY_AUDITOR, DATA / "febrl.csv", cache=tmp_path) as examination:
        findings = await SECURITY_AUDITOR.examine(examination)
        (dataset,) = examination.task.datasets
        said = " ".join(finding.model_dump_json() for finding in findings)
        for tool in SECURITY_AUDITOR.tools:
            if "table" in tool.arguments.model_fields:
                result = await examination.use(tool, table="data")
            else:
                result = await examination.use(tool, sql="select * from data")
            if tool.name != "profile":
                said += tool.result.dump_json(result).decode()
    assert not {value for value in values if f'"{value}"' in said or f" {value} " in said}
    with duckdb.connect() as shell:
        shell.execute(dataset.setup_sql)
        for finding in findings:
            for evidence in finding.evidence:
                if evidence.sql is None:
                    assert finding.category == "world_readable_file"
                    continue
                shown = shell.execute(evidence.sql).fetchall()
                assert shown
                assert all(
                    len(row) == 1 or (row[1].endswith("*******") and len(row[1]) <= 8)
                    for row in shown
                )


@pytest.mark.parametrize(
    ("column", "values", "category", "severity"),
    [
        ("contact", [f"user{n}@example.org" for n in range(30)], "personal_data", "high"),
        ("number", [f"+49 30 {n}23456" for n in range(20, 50)], "personal_data", "high"),
        ("phone", [f"2053258{n}" for n in range(100, 130)], "personal_data", "high"),
        ("host", [f"192.0.2.{n}" for n in range(30)], "personal_data", "medium"),
        ("reference", CARDS, "payment_card", "critical"),
        ("reference", IBANS, "bank_account", "high"),
        (
            "surname",
            [
                "Ames",
                "Byrne",
                "Cole",
                "Drew",
                "Ells",
                "Fox",
                "Gray",
                "Hall",
                "Ives",
                "Jones",
                "King",
            ],
            "personal_data",
            "high",
        ),
        ("DateOfBirth", [f"19{n}-05-17" for n in range(40, 70)], "personal_data", "high"),
        ("password", [f"letmein{n}" for n in range(30)], "plaintext_password", "critical"),
        ("password", [f"{n:032x}" for n in range(30)], "weak_hash", "high"),
        (
            "note",
            [f"call me at user{n}@example.org soon" for n in range(30)],
            "free_text_personal_data",
            "medium",
        ),
        ("config", ["nothing here at all"] * 20 + [f"export TOKEN={TOKEN}"], "secret", "critical"),
    ],
)
async def test_one_kind_of_data_gives_one_finding(
    tmp_path: Path, column: str, values: Sequence[str], category: str, severity: str
) -> None:
    (finding,) = await findings_in(tmp_path, column, values)
    assert (finding.category, finding.severity) == (category, severity)
    assert not any(value in finding.model_dump_json() for value in values if len(value) > 3)
    assert TOKEN not in finding.model_dump_json()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("tail", [f"N{n}MQ" for n in range(100, 160)]),
        ("serial", [f"{n * 7919 % 10**9:09}" for n in range(200)]),
        ("order", [str(4_000_000_000_000_000 + n * 977) for n in range(200)]),
        ("version", [f"{n}.{n + 1}.0" for n in range(30)]),
        ("product name", [f"Chair {n}" for n in range(30)]),
        ("uuid", [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(30)]),
        ("measured", [f"2024-05-{n:02} 10:00:00" for n in range(1, 29)]),
        ("password", ["$2b$12$" + "a" * 53] * 20),
        ("street", ["Pave", "Grvl"] * 50),
        ("url", [f"https://example.org/page/{n}" for n in range(30)]),
    ],
)
async def test_what_only_looks_alike_is_left_alone(
    tmp_path: Path, column: str, values: Sequence[str]
) -> None:
    assert await findings_in(tmp_path, column, values) == ()


async def test_a_name_alone_is_a_weak_sign(tmp_path: Path) -> None:
    (finding,) = await findings_in(tmp_path, "passport_no", [f"x-{n}-y" for n in range(30)])
    assert (finding.category, finding.severity) == ("national_id", "low")
    assert finding.confidence < 0.5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("E-Mail", "email"),
        ("customerEmail", "email"),
        ("given_name", "person name"),
        ("FirstName", "person name"),
        ("name", None),
        ("DOB", "birth date"),
        ("IPAddress", "ip address"),
        ("ship", None),
        ("zip_code", "address"),
        ("address_2", "address"),
        ("SSN", "national id"),
        ("credit card number", "payment card"),
        ("IBAN", "bank account"),
        ("state", None),
        ("tailnum", None),
        ("dest", None),
        ("password_hash", "password"),
        ("compass", None),
        ("phone2", "phone"),
    ],
)
def test_names_of_columns_speak_whatever_their_spelling(
    name: str, kind: PersonalKind | None
) -> None:
    assert personal_kind(name) == kind


def test_words_of_a_name() -> None:
    assert words("DateOfBirth") == words("date_of-birth") == words("date of birth")
    assert words("IPAddress") == "ip address"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ann@example.org", "a***@***"),
        ("call +49 30 1234567", "call +4*******"),
        ("N14228", "N14228"),
        ("2013-01-01", "2013-01-01"),
        (f"key {TOKEN}", "key ghp_********"),
        ("postgres://app:s3cret@db/main", "post********/main"),
        ("two\nlines", "two·lines"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_masking_hides_what_is_personal_and_keeps_the_rest(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_checksums_tell_national_identifiers_from_numbers() -> None:
    pesel = ["44051401359", "02070803628", "92071314764"]
    assert recognised(pesel, None)["Polish PESEL"] == 1.0
    shares = recognised([f"{n * 7919 % 10**11:011}" for n in range(500)], None)
    assert all(share < 0.5 for share in shares.values())
