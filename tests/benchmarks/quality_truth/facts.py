"""A set whose faults are known one by one: which are found, and what else is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.domain.finding import Finding
from tests.benchmarks.quality_truth.examined import examine
from tests.benchmarks.quality_truth.score import Score, score_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing to be found: a finding of that category and table whose title says all of it."""

    what: str
    category: str
    table: str
    said: tuple[str, ...]

    def is_told_by(self, finding: Finding) -> bool:
        """Whether that finding says it."""
        return (
            finding.category == self.category
            and finding.subject.table == self.table
            and all(part in finding.title for part in self.said)
        )


FACTS: Final = (
    Fact(
        what="flights without a tailnum",
        category="missing_values",
        table="flights",
        said=("tailnum", "2,512"),
    ),
    Fact(
        what="arrivals without a delay",
        category="missing_values",
        table="flights",
        said=("717", "arr_time"),
    ),
    Fact(
        what="a tailnum that begins with D",
        category="pattern_violation",
        table="flights",
        said=("tailnum", "D942DN"),
    ),
    Fact(
        what="flights that share day, carrier and number",
        category="duplicate_key",
        table="flights",
        said=("carrier", "flight"),
    ),
    Fact(
        what="a hurricane that was none",
        category="impossible_value",
        table="weather",
        said=("wind_speed", "1,048"),
    ),
    Fact(
        what="planes without a speed",
        category="missing_values",
        table="planes",
        said=("speed", "99.3 %"),
    ),
    Fact(
        what="two names of one manufacturer",
        category="inconsistent_category",
        table="planes",
        said=("AIRBUS INDUSTRIE",),
    ),
    Fact(
        what="flights of unknown planes",
        category="referential_orphan",
        table="flights",
        said=("tailnum", "50,094", "planes"),
    ),
    Fact(
        what="flights to unknown airports",
        category="referential_orphan",
        table="flights",
        said=("dest", "SJU", "airports"),
    ),
)

TABLES: Final = ("flights.parquet", "planes.csv", "weather.csv", "airports.csv", "airlines.csv")


async def known_facts(name: str, folder: Path) -> Sequence[Score]:
    """Which facts are told over all tables given together; the other findings are listed."""
    files = [folder / table for table in TABLES]
    examined = await examine(*files, names=[file.stem for file in files], with_offenders=False)
    told = {fact.what for fact in FACTS if any(map(fact.is_told_by, examined.findings))}
    facts = {fact.what for fact in FACTS}
    others = [
        f"{finding.severity} {finding.category} {finding.subject}: {finding.title}"
        for finding in examined.findings
        if not any(fact.is_told_by(finding) for fact in FACTS)
    ]
    return [
        score_of(
            name,
            "facts",
            told,
            facts,
            detail={
                "missed": sorted(facts - told),
                "findings": len(examined.findings),
                "others": others,
                "notes": examined.notes,
                "seconds_of_examination": round(examined.seconds, 2),
            },
        )
    ]
