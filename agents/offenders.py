"""Every row behind the findings: cells one by one, and as CSV what `--offenders` writes."""

import csv
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """One cell that a finding is about; without `column`, the row as a whole."""

    finding: Finding
    row_id: int
    column: str | None
    value: Any


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
                masked = await _masked(report.findings, data)
                async for cell in offenders_of(report.findings, data):
                    table = cell.finding.subject.table
                    value = _MASKED if (table, cell.column) in masked else cell.value
                    name = cell.column or ""
                    writer.writerow((cell.finding.id, table, cell.row_id, name, value))
                    count += 1
            return count
    except OSError as error:
        raise AgentUsageError(f"{file} cannot be written: {error.strerror}.") from error


async def offenders_of(findings: Sequence[Finding], data: Datasets) -> AsyncIterator[Offender]:
    """Every cell that the evidence returns, by finding, evidence and row.

    What a statement returns besides columns of its table, such as the value that was to be
    expected, is no cell; a row without any cell stands for itself.

    Raises:
        QueryError: a statement that can be described cannot be carried out.
    """
    for finding in findings:
        for evidence in finding.evidence:
            names = await _columns(finding, evidence, data)
            if names is None:
                continue
            rows = await data.query(
                f"select {identifiers(['row_id', *names])} from ({evidence.sql}) order by row_id",
                limit=MAX_ROWS,
            )
            for row_id, *values in rows:
                if not names:
                    yield Offender(finding=finding, row_id=row_id, column=None, value="")
                for name, value in zip(names, values, strict=True):
                    yield Offender(finding=finding, row_id=row_id, column=name, value=value)


async def _masked(findings: Sequence[Finding], data: Datasets) -> set[tuple[str, str]]:
    """The columns, by table, that the security auditor has reported on."""
    return {
        (finding.subject.table, column)
        for finding in findings
        if finding.role == _MASKING_ROLE
        for evidence in finding.evidence
        for column in await _columns(finding, evidence, data) or ()
    }


async def _columns(finding: Finding, evidence: Evidence, data: Datasets) -> Sequence[str] | None:
    """The table's columns that the evidence returns; None if it returns no rows by their id."""
    if evidence.sql is None:
        return None
    try:
        described = await data.query(f"select column_name from (describe {evidence.sql})")
    except QueryError:
        return None
    names = [name for (name,) in described]
    if "row_id" not in names:
        return None
    known = {column.name for column in data.table(finding.subject.table).columns}
    return [name for name in names if name in known]
