"""Running the data quality engineer on files: its findings, and the cells they accuse."""

import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.dataset import Row
from agents.domain.finding import Finding
from agents.offenders import Offender, offenders_of
from agents.specialist import Specialist
from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from agents.tools.date_formats import date_formats
from agents.tools.parts_of_time import part_of_time
from agents.tools.profile import profile
from tests.support.examination import examination_of

ABOUT_CELLS: Final = frozenset(
    {
        "missing_values",
        "hidden_missing",
        "inconsistent_category",
        "pattern_violation",
        "type_mismatch",
        "unit_mix",
        "outlier",
        "impossible_value",
        "broken_dependency",
        "encoding_damage",
    }
)
"""Categories whose findings say that a value is wrong, rather than a row, key or column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found in files, `notes` on what could not be examined, and how long it took."""

    findings: tuple[Finding, ...]
    offenders: tuple[Offender, ...]
    notes: tuple[str, ...]
    seconds: float

    def cells(self, category: str | None = None) -> frozenset[tuple[int, str]]:
        """The cells of the first table that findings of `category`, or any about cells, accuse.

        What is of `info` severity is no accusation.
        """
        categories = ABOUT_CELLS if category is None else {category}
        return frozenset(
            (offender.row_id, offender.column)
            for offender in self.offenders
            if offender.finding.category in categories
            and offender.finding.severity != "info"
            and offender.column is not None
        )


async def examine(
    *files: Path,
    names: Sequence[str] = (),
    specialist: Specialist = DATA_QUALITY_ENGINEER,
    with_offenders: bool = True,
) -> Examined:
    """What `specialist` finds in `files`, read anew."""
    with tempfile.TemporaryDirectory() as cache:
        begun = time.perf_counter()
        async with examination_of(
            specialist, *files, cache=Path(cache), names=names
        ) as examination:
            findings = tuple(await specialist.examine(examination))
            seconds = time.perf_counter() - begun
            offenders = []
            if with_offenders:
                offenders = [each async for each in offenders_of(findings, examination._data)]
        return Examined(
            findings=findings,
            offenders=tuple(offenders),
            notes=tuple(examination.notes),
            seconds=seconds,
        )


async def selected(file: Path, sql: str) -> Sequence[Row]:
    """What a statement returns over `file` as the first table."""
    with tempfile.TemporaryDirectory() as cache:
        async with examination_of(DATA_QUALITY_ENGINEER, file, cache=Path(cache)) as examination:
            return await examination._data.query(sql, limit=1_000_000)


async def schema_of(file: Path) -> Sequence[str]:
    """The types that the columns of `file` are read as."""
    with tempfile.TemporaryDirectory() as cache:
        async with examination_of(DATA_QUALITY_ENGINEER, file, cache=Path(cache)) as examination:
            return [column.type for column in examination.task.datasets[0].columns]


async def dated_columns(file: Path) -> Collection[int]:
    """The places of the columns that hold dates, or parts of them, without being typed so."""
    with tempfile.TemporaryDirectory() as cache:
        async with examination_of(DATA_QUALITY_ENGINEER, file, cache=Path(cache)) as examination:
            table = examination.task.datasets[0].name
            profiled = await examination.use(profile, table=table)
            written = await examination.use(date_formats, table=table)
    names = {column.name for column in written}
    return [
        place
        for place, column in enumerate(profiled.columns)
        if column.name in names or part_of_time(column) is not None
    ]
