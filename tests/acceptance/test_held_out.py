"""What the data quality engineer finds in sets that no rule was tuned on, and in clean tables.

A rule that has learnt the development sets by heart falls below these bars.
"""

from pathlib import Path
from typing import Final

import pytest

from agents.specialists.data_quality.specialist import DATA_QUALITY_ENGINEER
from tests.benchmarks.quality_truth.cells import compared
from tests.benchmarks.quality_truth.made import SPOILT, pairs_of_persons
from tests.support.examination import findings_of
from tests.support.held_out.clean import CLEAN, clean_rows
from tests.support.held_out.spoil import write_rows
from tests.support.held_out.streams import events, readings
from tests.support.small_tables import of

SEED: Final = 301

COLUMNS: Final = 0.9
CELLS: Final = 0.85
PAIRS: Final = 0.9
"""F1 at least."""


@pytest.mark.parametrize("kind", SPOILT)
async def test_wrong_cells_and_columns_of_an_unknown_set_are_found(
    kind: str, tmp_path: Path
) -> None:
    columns, cells, findings, *_ = await compared(kind, *SPOILT[kind](SEED).write(tmp_path))
    assert (columns.f1 or 0) >= COLUMNS, columns.detail
    assert (cells.f1 or 0) >= CELLS, cells.detail
    assert findings.precision == 1.0, findings.detail


@pytest.mark.parametrize("kind", CLEAN)
async def test_nothing_is_said_against_a_clean_table(kind: str, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "clean.csv", clean_rows(kind, SEED))
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert [finding.title for finding in findings if finding.severity != "info"] == []


async def test_persons_who_stand_twice_in_a_register_are_found() -> None:
    score = await pairs_of_persons("register", SEED)
    assert (score.f1 or 0) >= PAIRS


async def test_faults_of_a_sensor_are_told_apart(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "mast.csv", readings(SEED))
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert of(findings, "impossible_value", "wind").rows == 1
    assert of(findings, "impossible_value", "humidity").rows == 9
    assert of(findings, "hidden_missing", "pressure").rows == 12
    assert "12.2 hours" in of(findings, "time_gap", "read_at").title
    assert len(findings) == 4


async def test_faults_of_events_are_told_apart(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "events.csv", events(SEED))
    findings = await findings_of(DATA_QUALITY_ENGINEER, file, cache=tmp_path)
    assert "25 rows" in of(findings, "duplicate_rows").title
    assert of(findings, "inconsistent_category", "level").rows is not None
    assert of(findings, "hidden_missing", "session").rows is not None
    assert len(findings) <= 4


async def test_every_finding_says_how_sure_it_is_and_why(tmp_path: Path) -> None:
    for kind in ("clinics", "subscriptions"):
        dirty, _ = SPOILT[kind](SEED).write(tmp_path)
        for finding in await findings_of(DATA_QUALITY_ENGINEER, dirty, cache=tmp_path):
            assert finding.reason or finding.confidence == 1.0, finding.title
