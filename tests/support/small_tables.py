"""Small tables made to have one fault, and what is found in them."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from agents.domain.finding import Finding
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.support.examination import examination_of


def write(file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, *rows])
    return file


def of(findings: Sequence[Finding], category: str, column: str | None = None) -> Finding:
    """The one finding of that category and column."""
    found = [f for f in findings if f.category == category and f.subject.column == column]
    assert len(found) == 1, [finding.title for finding in findings]
    return found[0]


async def offenders(
    finding: Finding, file: Path, cache: Path, *others: Path
) -> list[tuple[Any, ...]]:
    """What the evidence shows in a fresh shell."""
    async with examination_of(DATA_QUALITY_ENGINEER, file, *others, cache=cache) as examination:
        setup = [dataset.setup_sql for dataset in examination.task.datasets]
    rows: list[tuple[Any, ...]] = []
    with duckdb.connect() as shell:
        for statements in setup:
            shell.execute(statements)
        for evidence in finding.evidence:
            if evidence.sql is not None:
                rows += shell.execute(evidence.sql).fetchall()
    return rows


async def found_in(
    folder: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> tuple[Finding, ...]:
    """What the data quality engineer finds in a table of these rows, kept as `t.csv`."""
    file = write(folder / "t.csv", header, rows)
    async with examination_of(DATA_QUALITY_ENGINEER, file, cache=folder) as examination:
        return tuple(await DATA_QUALITY_ENGINEER.examine(examination))
