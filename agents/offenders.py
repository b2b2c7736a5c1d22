"""Every row behind the findings, as CSV: what `--offenders` writes."""

import csv
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from agents.dataset import DatasetCatalog, Datasets
from agents.datasets.sql import identifiers
from agents.domain.finding import Evidence, Finding
from agents.domain.report import ReportPublished
from agents.domain.request import DatasetReference
from agents.errors import AgentUsageError, QueryError

HEADER: Final = ("finding_id", "table", "row_id", "column", "value")
MAX_ROWS: Final = 1_000_000
"""Rows per piece of evidence; more are left out."""

_MASKING_ROLE: Final = "security"
_MASKED: Final = "***"


async def write_offenders(
    report: ReportPublished,
    catalog: DatasetCatalog,
    references: Sequence[DatasetReference],
    file: Path,
) -> int:
    """Write the rows that the evidence of each finding returns to `file`; how many cells it was.

    A value of a column that the security auditor has reported on is masked, whoever found it.

    Raises:
        AgentUsageError: the file cannot be written.
        DatasetError: the data can no longer be read.
    """
    try:
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(HEADER)
            count = 0
            async with catalog.open(await catalog.pin(references)) as data:
                async for cell in _cells(report.findings, data):
                    writer.writerow(cell)
                    count += 1
            return count
    except OSError as error:
        raise AgentUsageError(f"{file} cannot be written: {error.strerror}.") from error


async def _cells(findings: Sequence[Finding], data: Datasets) -> AsyncIterator[tuple[Any, ...]]:
    """Finding, table, row, column and value of every offending cell; a row without columns once."""
    columns = {
        evidence.id: await _columns(evidence, data)
        for finding in findings
        for evidence in finding.evidence
    }
    masked = {
        (finding.subject.table, column)
        for finding in findings
        if finding.role == _MASKING_ROLE
        for evidence in finding.evidence
        for column in columns[evidence.id] or ()
    }
    for finding in findings:
        table = finding.subject.table
        for evidence in finding.evidence:
            names = columns[evidence.id]
            if names is None:
                continue
            rows = await data.query(
                f"select {identifiers(['row_id', *names])} from ({evidence.sql}) order by row_id",
                limit=MAX_ROWS,
            )
            for row_id, *values in rows:
                if not names:
                    yield finding.id, table, row_id, "", ""
                for name, value in zip(names, values, strict=True):
                    shown = _MASKED if (table, name) in masked else value
                    yield finding.id, table, row_id, name, shown


async def _columns(evidence: Evidence, data: Datasets) -> Sequence[str] | None:
    """The columns beside `row_id` that the evidence returns; None if it returns no rows by id."""
    if evidence.sql is None:
        return None
    try:
        described = await data.query(f"select column_name from (describe {evidence.sql})")
    except QueryError:
        return None
    names = [name for (name,) in described]
    return [name for name in names if name != "row_id"] if "row_id" in names else None
