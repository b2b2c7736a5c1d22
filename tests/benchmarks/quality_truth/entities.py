"""Sets in which the same entity stands twice: which pairs of rows are found."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

from agents.domain.finding import Finding
from agents.specialists.security.specialist import SECURITY_AUDITOR
from tests.benchmarks.quality_truth.examined import examine, selected
from tests.benchmarks.quality_truth.score import Score, score_of

Pair = tuple[int, int]


async def duplicated(name: str, file: Path) -> tuple[Score, ...]:
    """Pairs of rows whose `rec_id` names one entity, and the columns about persons.

    The evidence of a finding gives rows by `row_id` in groups of its last column.
    """
    with file.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened, skipinitialspace=True))
    entities: dict[str, list[int]] = defaultdict(list)
    for row_id, row in enumerate(rows):
        found = re.search(r"\d+", row["rec_id"])
        assert found is not None
        entities[found[0]].append(row_id)
    examined = await examine(file, with_offenders=False)
    found_pairs: set[Pair] = set()
    for finding in examined.findings:
        if finding.category == "near_duplicate_rows":
            found_pairs |= await pairs_of(finding, file)
    audited = await examine(file, specialist=SECURITY_AUDITOR, with_offenders=False)
    personal = {
        column
        for finding in audited.findings
        if finding.category in ("personal_data", "national_id")
        for column in _named(finding, rows[0])
    }
    true = set(all_pairs(entities))
    titles = [f"{each.severity} {each.category} {each.title}" for each in examined.findings]
    return (
        score_of(
            name,
            "near_duplicate_rows",
            found_pairs,
            true,
            detail={
                "findings": titles,
                "notes": examined.notes,
                "seconds_of_examination": round(examined.seconds, 2),
            },
        ),
        score_of(
            name,
            "personal columns",
            personal,
            set(rows[0]) - {"rec_id", "state"},
            detail={
                "flagged": sorted(personal),
            },
        ),
    )


def _named(finding: Finding, columns: Mapping[str, str]) -> Iterable[str]:
    if finding.subject.column is not None:
        return [finding.subject.column]
    return [
        column
        for column in columns
        if any(f'"{column}"' in (evidence.sql or "") for evidence in finding.evidence)
    ]


def all_pairs(groups: Mapping[object, Iterable[int]] | Mapping[str, list[int]]) -> Iterable[Pair]:
    """The pairs of rows within each group."""
    for group in groups.values():
        yield from combinations(sorted(group), 2)


async def pairs_of(finding: Finding, file: Path) -> set[Pair]:
    """The pairs of rows that the evidence of a finding puts into one group."""
    groups: dict[object, list[int]] = defaultdict(list)
    for evidence in finding.evidence:
        for row_id, group in await selected(file, f"SELECT row_id, same_as FROM ({evidence.sql})"):
            groups[group].append(row_id)
    return set(all_pairs(groups))
