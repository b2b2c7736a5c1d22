"""Every row behind the findings, as CSV: what `--offenders` writes."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from agents.dataset import DatasetCatalog, Datasets
from agents.datasets.sql import identifier
from agents.domain.finding import Finding
from agents.domain.report import ReportPublished
from agents.domain.request import DatasetReference
from agents.errors import AgentUsageError, QueryError

HEADER: Final = ("finding_id", "table", "row_id", "column", "value")
MAX_ROWS_PER_FINDING: Final = 1_000_000


async def write_offenders(
    report: ReportPublished,
    catalog: DatasetCatalog,
    references: Sequence[DatasetReference],
    file: Path,
) -> int:
    """Write the offending rows of every finding to `file`; how many rows it were.

    The value is left out where a specialist masked it, which is everything that the security
    auditor says.

    Raises:
        AgentUsageError: the file cannot be written.
        DatasetError: the data can no longer be read as it was.
    """
    try:
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(HEADER)
            count = 0
            async with catalog.open(await catalog.pin(references)) as data:
                for finding in report.findings:
                    for row in await _offenders(finding, data):
                        writer.writerow(row)
                        count += 1
            return count
    except OSError as error:
        raise AgentUsageError(f"{file} cannot be written: {error.strerror}.") from error


async def _offenders(finding: Finding, data: Datasets) -> list[tuple[Any, ...]]:
    """The rows of the first evidence that has any."""
    for evidence in finding.evidence:
        if evidence.sql is None:
            continue
        column = finding.subject.column
        wanted = "row_id" if column is None else f"row_id, {identifier(column)}"
        try:
            found = await data.query(
                f"select {wanted} from ({evidence.sql}) order by 1", limit=MAX_ROWS_PER_FINDING
            )
        except QueryError:
            continue
        return list(_rows(finding, found))
    return []


def _rows(finding: Finding, found: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    masked = finding.role == "security"
    for row_id, *values in found:
        value = "" if masked or not values else values[0]
        yield finding.id, finding.subject.table, row_id, finding.subject.column or "", value
