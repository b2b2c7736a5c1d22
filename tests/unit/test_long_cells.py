"""Cells as long as books: what is looked at is bounded, and what stands far inside is found."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.tools import personal_data
from agents.tools.column_names import PersonalKind
from agents.tools.masking import MAX_SEARCHED, MAX_SHOWN, masked
from tests.support.examination import examination_of

WORDS = "the place is quiet and nobody came to see the street before noon. "
LONG = 1_000_000


def long_texts(file: Path, rows: int, end: str) -> Path:
    """A table of prose of `LONG` characters, each text with the same end."""
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range AS id, range || repeat('{WORDS}', {LONG // len(WORDS)}) || '{end}'"
            f" AS note FROM range({rows})) TO '{file}' (FORMAT parquet)"
        )
    return file


async def test_of_cells_of_a_megabyte_only_the_beginning_is_taken_out_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = long_texts(tmp_path / "t.parquet", 8, "")
    looked_at: list[int] = []

    def spy(values: Sequence[str], hint: PersonalKind | None) -> dict[str, float]:
        looked_at.extend(map(len, values))
        return {}

    monkeypatch.setattr(personal_data, "recognised", spy)
    async with examination_of(SECURITY_AUDITOR, file, cache=tmp_path / "c") as examination:
        await examination.use(personal_data.personal_data, table="data")
    assert looked_at == [personal_data.MAX_SEARCHED] * 8


async def test_what_stands_at_the_end_of_a_megabyte_is_found(tmp_path: Path) -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    file = long_texts(tmp_path / "t.parquet", 8, f" ann@example.org {key}")
    async with examination_of(SECURITY_AUDITOR, file, cache=tmp_path / "c") as examination:
        findings = await SECURITY_AUDITOR.examine(examination)
    assert {(each.category, each.rows) for each in findings} >= {
        ("free_text_personal_data", 8),
        ("secret", 8),
    }
    assert key not in "".join(each.model_dump_json() for each in findings)


@pytest.mark.parametrize("start", range(MAX_SEARCHED - 20, MAX_SEARCHED))
def test_what_the_end_of_the_search_halves_is_not_shown(start: int) -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "Mb" * 900 + "\n-----END PRIVATE KEY-----"
    text = f"{key} ".ljust(start, "-") + "ann@example.org " + "x" * LONG
    assert "ann" not in masked(text)
    assert len(masked(text)) <= MAX_SHOWN
